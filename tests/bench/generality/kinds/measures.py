"""Normalisation of amounts: mixed units as one number of the smaller unit."""

from __future__ import annotations

import random
import re

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import GOODS

TOML = """name = "plain-amounts"
description = "Write an amount in its smaller unit, as one number."
prompt = "{amount}"
metric = "number"
answer = "plain"
max_new_tokens = 16
"""
UNITS = {  # the larger unit, the smaller, how many, and other ways to write the two
    "length": (("m", "cm", 100), ("metres", "cm"), ("Meter", "Zentimeter")),
    "weight": (("kg", "g", 1000), ("kilos", "grams"), ("Kilo", "Gramm")),
    "time": (("h", "min", 60), ("hours", "minutes"), ("Std.", "Min.")),
}
FORMS = (
    "{goods}, no. {part}: {large} {big} {small} {little}. In {to}?",
    "{large} {big} {small} {little} ({goods} {part}) in {to}:",
    "part {part}, {goods}: {large} {big} and {small} {little}; how many {to}?",
)


def _draw(rng: random.Random) -> Row:
    (big, little, factor), *spelt = rng.choice(tuple(UNITS.values()))
    large = rng.randint(1, 9)
    small = rng.randint(1, factor - 1) // (10 if factor == 1000 else 1) * (10 if factor == 1000 else 1) or 5
    names = rng.choice(((big, little), *spelt))
    amount = rng.choice(FORMS).format(
        goods=rng.choice(GOODS),
        part=rng.randint(2, 999),
        large=large,
        small=small,
        big=names[0],
        little=names[1],
        to=little,
    )
    return {"amount": amount, "plain": str(large * factor + small)}


def _in_the_larger_unit(row: Row) -> str:
    asked = re.search(r"\b(cm|g|min)\b(?=[?:]|$)", row["amount"])
    assert asked is not None
    factor = next(factor for (_, little, factor), *_ in UNITS.values() if little == asked[1])
    return f"{int(row['plain']) / factor:.2f}"


MEASURES = Kind(
    name="measures",
    asks="normalisation",
    toml=TOML,
    draw=_draw,
    text="amount",
    answer="plain",
    has_numbers=True,
    has_letters=False,
    other_unit=_in_the_larger_unit,
    other_format=lambda row: f"{int(row['plain']):.3e}",
    stale=lambda row: str(int(row["plain"]) // 100 * 100),  # whole hundreds were enough before
    other_value=lambda row: re.findall(r"\d+", row["amount"])[-1],
)
