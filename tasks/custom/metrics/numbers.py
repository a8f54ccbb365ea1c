"""Numbers as answers: gold values read whole in the column's own format, replies by their last quantity."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial

from tasks.answers.extract import without_thinking
from tasks.answers.gold import (
    CONTINENTAL,
    ENGLISH,
    NumberFormat,
    Quantity,
    last_quantity,
    number_format,
    read_gold,
    same_quantity,
)
from tasks.custom.metrics.reader import AnswerReader, Said, marks, render_marked

LONGEST = 40
"""Characters of a number without a power of ten."""


def number_reader(golds: Iterable[str], tolerance: float) -> AnswerReader:
    """The reader of a column whose gold values are ``golds``."""
    form = number_format(golds)
    return AnswerReader(
        "a number, after worked steps as a line `Answer: N`",
        partial(_said, form=form),
        partial(_gold, form=form),
        partial(_value, form=form, tolerance=tolerance),
        render_marked,
        alike=partial(_alike, form=form),
    )


def _gold(text: str, form: NumberFormat) -> str | None:
    """The text of the quantity, as written: the whole text, or what is marked as the answer."""
    for candidate in (text.strip(), *marks(text)):
        if read_gold(candidate, form) is not None:
            return candidate
    return None


def _said(text: str, form: NumberFormat) -> Said | None:
    text = without_thinking(text)
    for candidate in (*marks(text), text):
        candidate = candidate.strip().rstrip(".。")
        # A reply that is one number is read as written where it can only be in the other format: 1200.5.
        found = read_gold(candidate, form) or read_gold(candidate, _other(form))
        found = found or last_quantity(candidate, form)
        if found is not None:
            return Said(quantity_text(found, form), found)
    return None


def _other(form: NumberFormat) -> NumberFormat:
    return ENGLISH if form.decimal == "," else CONTINENTAL


def _value(said: Said, gold: str, form: NumberFormat, tolerance: float) -> float:
    wanted = read_gold(gold, form)
    if wanted is None or not isinstance(said.value, Quantity):
        return 0.0
    # A relative hair on top, so that 0.3 is within 0.1 of 0.2 although a float is not a tenth.
    return float(same_quantity(said.value, wanted, tolerance * (1 + 1e-9)))


def _alike(one: str, other: str, form: NumberFormat) -> bool:
    first, second = read_gold(one, form), read_gold(other, form)
    return first is not None and second is not None and same_quantity(first, second)


def quantity_text(quantity: Quantity, form: NumberFormat) -> str:
    """A quantity in one spelling, which ``read_gold`` reads back."""
    if quantity.unit == "time":
        return _clock(quantity.value)
    number = _digits(quantity.value, form)
    if quantity.unit and quantity.unit in "$€£¥₹₩₽":
        return quantity.unit + number
    return f"{number}{'' if quantity.unit in ('%', '‰') else ' '}{quantity.unit}".strip()


def _clock(seconds: Fraction) -> str:
    sign, left = "-" if seconds < 0 else "", abs(seconds)
    whole = int(left)
    hours, rest = divmod(whole, 3600)
    text = f"{sign}{hours}:{rest // 60:02}"
    part = f"{float(left - whole):.6f}".lstrip("0").rstrip("0").rstrip(".")
    return f"{text}:{rest % 60:02}{part}" if rest % 60 or part else text


def _digits(value: Fraction, form: NumberFormat) -> str:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    with localcontext() as context:
        context.prec = 2000
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        text = format(exact, "f")
        if len(text) > LONGEST:
            text = str(format(exact.normalize(), "e")).replace("e+", "e")
    return text.replace(".", form.decimal)
