"""Gold values: whatever a number is and however it is written, the value read is that number and no other."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.answers.gold import Quantity, number_format, read_gold, same_quantity, unit_name
from tasks.custom.metrics.numbers import number_reader
from tests.support.written_numbers import (
    LOCALES,
    Locale,
    WrittenNumber,
    decimals,
    digits,
    plain_numbers,
    written_numbers,
)


@given(written_numbers())
def test_a_number_in_any_style_reads_back(number: WrittenNumber) -> None:
    found = read_gold(number.text, number.form)
    assert found is not None, number.text
    assert found == Quantity(number.value, number.unit), number.text


@given(written_numbers(), written_numbers())
def test_two_texts_are_the_same_value_only_where_they_are(one: WrittenNumber, other: WrittenNumber) -> None:
    read = [read_gold(number.text, number.form) for number in (one, other)]
    assert read[0] is not None and read[1] is not None
    units = [unit_name(number.unit) for number in (one, other)]
    if one.value != other.value or (all(units) and units[0] != units[1]):
        assert not same_quantity(read[0], read[1]), (one.text, other.text)
    else:
        assert same_quantity(read[0], read[1]), (one.text, other.text)


@st.composite
def columns(draw: st.DrawFn) -> tuple[Locale, list[WrittenNumber]]:
    """A column of one place's numbers, of which one at least shows its decimal mark."""
    locale = draw(st.sampled_from(LOCALES))
    numbers = draw(st.lists(plain_numbers(locale), max_size=12))
    value, places = draw(decimals(places=2))
    text = digits(abs(value), places, locale, grouped=draw(st.booleans()))
    place = draw(st.integers(0, len(numbers)))
    shown = WrittenNumber(text, Fraction(abs(value)), "", locale.form)
    return locale, [*numbers[:place], shown, *numbers[place:]]


@given(columns())
def test_a_column_is_read_in_the_marks_that_it_shows(column: tuple[Locale, list[WrittenNumber]]) -> None:
    locale, numbers = column
    form = number_format(number.text for number in numbers)
    assert form == locale.form
    for number in numbers:
        assert read_gold(number.text, form) == Quantity(number.value, number.unit), number.text


@given(written_numbers(), written_numbers())
def test_a_reply_is_right_where_it_says_the_gold_value(gold: WrittenNumber, said: WrittenNumber) -> None:
    assume(gold.form == said.form)
    reader = number_reader(["1,5" if gold.form.decimal == "," else "1.5"], 0.0)
    wanted, reply = reader.gold(gold.text), reader.read(f"Answer: {said.text}")
    assert wanted is not None and reply is not None
    same = gold.value == said.value and (not gold.unit or not said.unit or gold.unit == said.unit)
    assert reader.value(reply, wanted) == float(same), (gold.text, said.text)
