"""Gold values are read whole, exactly, in the column's own format, and never fished out of a longer text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.answers.gold import (
    CONTINENTAL,
    ENGLISH,
    NumberFormat,
    Quantity,
    is_missing,
    last_quantity,
    number_format,
    quantities,
    read_gold,
    same_quantity,
)

F = Fraction


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("5.9e-05", F(59, 10**6), ""),
        ("0.000059", F(59, 10**6), ""),
        ("5.9 x 10^-5", F(59, 10**6), ""),
        ("5.9·10⁻⁵", F(59, 10**6), ""),
        ("3/4", F(3, 4), ""),
        ("-3/4", F(-3, 4), ""),
        ("1 1/2", F(3, 2), ""),
        ("2½", F(5, 2), ""),
        (r"\frac{3}{4}", F(3, 4), ""),
        (r"$\dfrac{3}{4}$", F(3, 4), ""),
        ("-3", F(-3), ""),
        ("−3", F(-3), ""),
        ("+7", F(7), ""),
        ("(1,234)", F(-1234), ""),
        ("1,234,567.5", F(12345675, 10), ""),
        ("1'234.5", F(12345, 10), ""),
        ("12 %", F(12), "%"),
        ("$9,589", F(9589), "$"),
        ("9.589 €", F(9589, 1000), "€"),
        ("EUR 12", F(12), "eur"),
        ("3.5 kg", F(7, 2), "kg"),
        ("-5 dB", F(-5), "db"),
        ("21°C", F(21), "°c"),
        ("10:30", F(37800), "time"),
        ("1:02:03", F(3723), "time"),
        (".5", F(1, 2), ""),
        ("007", F(7), ""),
        ("1e400", F(10) ** 400, ""),
    ],
)
def test_a_value_is_read_exactly_with_its_unit(text: str, value: Fraction, unit: str) -> None:
    assert read_gold(text) == Quantity(value, unit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "about 5",
        "5 or 6",
        "3-4",
        "2024-01-05",
        "3/4/2024",
        "1.2.3",
        "12,34",
        "1,2345",
        "3/0",
        "1e99999",
        "ten",
        "[0]",
        "5.9e-05 or so",
        "9" * 100,
        "1 2 3",
    ],
)
def test_what_is_not_one_value_is_none(text: str) -> None:
    assert read_gold(text) is None


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (["1,234", "0,5"], CONTINENTAL),
        (["1.234,5", "12"], CONTINENTAL),
        (["1,234", "0.5"], ENGLISH),
        (["1,234.5", "7"], ENGLISH),
        (["1,234", "5,678"], ENGLISH),
        ([], ENGLISH),
        (["12,5", "3,25", "1.5"], CONTINENTAL),
        (["1.234.567", "12"], CONTINENTAL),
        (["1.125", "from 01.02.2020 to 03.04.2021", "version 1.2.3"], ENGLISH),
        (["1,23,456", "4"], ENGLISH),
    ],
)
def test_a_column_shows_its_decimal_mark(column: list[str], wanted: NumberFormat) -> None:
    assert number_format(column) == wanted


def test_the_same_digits_are_another_value_in_another_format() -> None:
    assert read_gold("1,234", ENGLISH) == Quantity(F(1234))
    assert read_gold("1,234", CONTINENTAL) == Quantity(F(1234, 1000))
    assert read_gold("1.234,5", CONTINENTAL) == Quantity(F(12345, 10))
    assert read_gold("1 234,5", CONTINENTAL) == Quantity(F(12345, 10))


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("The mass is 5.9e-05.", F(59, 10**6)),
        ("So we get 0.000059 gram", F(59, 10**6)),
        ("First 12, then 3/4", F(3, 4)),
        ("It is -3 dB, I think.", F(-3)),
        ("costs $9,589.", F(9589)),
        ("x = 4", F(4)),
        ("a total of 1,234.50", F(12345, 10)),
        ("at 10:30", F(37800)),
        ("7", F(7)),
    ],
)
def test_the_last_value_of_a_reply_is_found(reply: str, value: Fraction) -> None:
    found = last_quantity(reply)
    assert found is not None and found.value == value


@pytest.mark.parametrize("reply", ["", "none", "version2", "e-05", "model_7b"])
def test_a_reply_without_a_value_has_none(reply: str) -> None:
    assert last_quantity(reply) is None


def test_an_exponent_alone_is_not_the_value() -> None:
    """The fault that made 100.0 of 3 right answers in 40: every reply that ended in e-05 counted."""
    gold = read_gold("5.9e-05")
    assert gold is not None
    said = [last_quantity(text) for text in ("5.3e-05", "5", "5.9e-05", "0.000059")]
    assert [one is not None and same_quantity(one, gold) for one in said] == [False, False, True, True]


def test_a_unit_counts_where_both_sides_name_one() -> None:
    kg, g, bare = Quantity(F(3), "kg"), Quantity(F(3), "g"), Quantity(F(3))
    assert not same_quantity(g, kg)
    assert same_quantity(bare, kg)
    assert same_quantity(kg, kg)
    assert same_quantity(Quantity(F(301, 100)), bare, tolerance=0.02)


@pytest.mark.parametrize("value", [None, float("nan"), "", "  ", "nan", "NaN"])
def test_an_empty_cell_is_missing(value: object) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, False, "NA", "None", "null", "0", 0.0])
def test_a_label_that_looks_empty_is_a_value(value: object) -> None:
    assert not is_missing(value)


numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)


@given(numbers)
def test_however_a_number_is_written_it_is_the_same_value(number: Decimal) -> None:
    plain = f"{number:f}"
    forms = [
        plain,
        f"{number:,.6f}",
        f"{number:e}",
        repr(float(number)) if float(number) == number else plain,
    ]
    assert {read_gold(text) for text in forms} == {Quantity(F(number))}


@given(numbers)
def test_the_continental_form_is_the_same_value(number: Decimal) -> None:
    swapped = f"{number:,.6f}".translate(str.maketrans(",.", ".,"))
    assert read_gold(swapped, CONTINENTAL) == Quantity(F(number))


@given(st.integers(-999, 999), st.integers(1, 999))
def test_fractions_are_exact(over: int, under: int) -> None:
    assert read_gold(f"{over}/{under}") == Quantity(F(over, under))


@given(numbers, st.sampled_from(["The answer is {}", "{} it is", "so {}.", "= {}", "we get {}!"]))
def test_a_reply_that_states_a_number_says_that_number(number: Decimal, sentence: str) -> None:
    found = last_quantity(sentence.format(f"{number:f}"))
    assert found is not None and found.value == F(number)


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_gold(text)
    read_gold(text, CONTINENTAL)
    number_format([text])
    assert all(isinstance(found.value, Fraction) for found in quantities(text))


@given(st.lists(st.integers(0, 999_999), min_size=12, max_size=60))
def test_points_between_thousands_are_told_from_the_numbers_that_need_none(values: list[int]) -> None:
    written = [f"{value:,}".replace(",", ".") for value in values]
    short = sum(value < 1000 for value in values)
    if len(values) - short >= 5 and short > 1:
        form = number_format(written)
        assert [read_gold(text, form) for text in written] == [Quantity(F(value), "") for value in values]


@given(st.lists(st.integers(1, 9_999), min_size=12, max_size=60))
def test_decimals_without_their_last_zeros_group_nothing(values: list[int]) -> None:
    written = [f"{value / 1000:g}" for value in values]
    if any(value % 10 == 0 and value % 1000 for value in values):
        assert number_format(written) == ENGLISH


@pytest.mark.parametrize(
    ("said", "gold"),
    [("12 USD", "$12"), ("12 dollars", "$12"), ("12 Euro", "12 €"), ("12 percent", "12%")],
)
def test_a_unit_may_be_written_as_a_sign_or_a_word(said: str, gold: str) -> None:
    one, other = read_gold(said), read_gold(gold)
    assert one is not None and other is not None and same_quantity(one, other)
