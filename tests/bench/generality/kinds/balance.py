"""Arithmetic: what is left on a shelf after a sale and a delivery, with the working in its own column."""

from __future__ import annotations

import random
import re

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import GOODS, NAMES

TOML = """name = "stock-balance"
description = "Work out how many pieces are in stock after the movements of a day."
prompt = "{note}"
metric = "number"
answer = "stock"
reasoning = "working"
max_new_tokens = 48
"""
NOTES = (
    "Stock of {goods}: {start}. Sold {out}, delivered {into}. How many now?",
    "{name} counted {start} {goods}. Then {out} went out and {into} came in. How many are there?",
    "{start} {goods} in the morning, {out} sold, {into} more in the evening. What is left?",
    "In the box: {start} {goods}. {name} takes {out} and puts back {into}. How many?",
)
TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def _draw(rng: random.Random) -> Row:
    start, out, into = rng.randint(11, 49), rng.randint(2, 9), rng.randint(2, 9)
    note = rng.choice(NOTES).format(
        goods=rng.choice(GOODS), name=rng.choice(NAMES), start=start, out=out, into=into
    )
    working = f"{start}-{out}={start - out}. {start - out}+{into}={start - out + into}."
    return {"note": note, "working": working, "stock": str(start - out + into)}


def _before_the_delivery(row: Row) -> str:
    start, out, _ = map(int, re.findall(r"\d+", row["note"]))
    return str(start - out)


def _rounded_in_words(row: Row) -> str:
    """Sixty or so: how a person says it who does not count the rest."""
    hundreds, tens = divmod(int(row["stock"]) // 10, 10)
    said = " ".join(filter(None, ("a hundred" if hundreds else "", TENS[tens])))
    return f"about {said or 'ten'}"


BALANCE = Kind(
    name="balance",
    asks="arithmetic",
    toml=TOML,
    draw=_draw,
    text="note",
    answer="stock",
    has_numbers=True,
    has_letters=False,
    other_unit=lambda row: f"{int(row['stock']) / 12:.2f}",  # dozens
    other_format=_rounded_in_words,
    stale=_before_the_delivery,
    other_value=lambda row: re.findall(r"\d+", row["note"])[0],
)
