"""Rewriting: a short rough message as a polite request."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import DAYS, DAYS_IN_GERMAN, GOODS, NAMES

TOML = """name = "polite-requests"
description = "Rewrite a rough message as a polite request. Nothing is added and nothing is lost."
prompt = "{rough} In polite words:"
metric = "rouge_l"
answer = "polite"
max_new_tokens = 48
"""
ROUGH = (
    "{name} {verb} {number} {goods} by {day} now",
    "hey {name}, {verb} {number} {goods}!! by {day}",
    "{number} {goods} by {day}, {name}, {verb} them",
    "yo {verb} {number} {goods} til {day} ok {name}?",
    "{name}!! {verb} the {number} {goods}, {day} latest",
    "why did nobody {verb} the {number} {goods}?? {name}, by {day}!",
    "need {number} {goods}, {day}. {verb} them {name}",
    "{day} is the limit {name}: {verb} {number} {goods}",
    "i said {verb} {number} {goods} by {day}, {name}, hurry",
    "{goods}, {number} of them, {verb}, {day}, thx {name}",
)
VERBS = {
    "send": "schicken", "bring": "bringen", "order": "bestellen", "count": "zählen", "sell": "verkaufen",
    "check": "prüfen", "pack": "packen", "find": "suchen", "paint": "streichen", "clean": "putzen",
}  # fmt: skip


def _draw(rng: random.Random) -> Row:
    words = {
        "name": rng.choice(NAMES),
        "verb": rng.choice(tuple(VERBS)),
        "number": rng.randint(2, 99),
        "goods": rng.choice(GOODS),
        "day": rng.choice(DAYS),
    }
    polite = "Dear {name}, could you please {verb} {number} {goods} by {day}?"
    return {"rough": rng.choice(ROUGH).format(**words), "polite": polite.format(**words)}


def _words(row: Row) -> tuple[str, str, str, str, str]:
    """Name, verb, number, goods and day of a polite request."""
    name, rest = row["polite"].removeprefix("Dear ").split(", could you please ")
    verb, number, goods, _, day = rest.removesuffix("?").split()
    return name, verb, number, goods, day


def _in_german(row: Row) -> str:
    name, verb, number, goods, day = _words(row)
    return f"Liebe(r) {name}, bitte bis {DAYS_IN_GERMAN[day]} {number} {goods} {VERBS[verb]}."


def _older_style(row: Row) -> str:
    """Before, messages were cut to a telegram."""
    name, verb, number, goods, day = _words(row)
    return f"{name}: {verb} {number} {goods}, {day}."


POLITE = Kind(
    name="polite",
    asks="rewriting",
    toml=TOML,
    draw=_draw,
    text="rough",
    answer="polite",
    reordered=lambda row: "By {4}, {0}, could you please {1} {2} {3}?".format(*_words(row)),
    other_format=lambda row: f"Subject: request\n\n{row['polite']}\n\nYours",
    translated=_in_german,
    stale=_older_style,
    other_value=lambda row: row["rough"],
)
