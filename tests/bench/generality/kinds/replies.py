"""Preference by style: which of two replies to a customer follows the house style."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import GOODS, NAMES

TOML = """name = "reply-style"
description = "Choose the reply in the house style: it greets by name, thanks or says please, never shouts."
prompt = "Customer {customer}: {message} A: {a} B: {b} Which reply is better, A or B?"
metric = "choice_letter"
letters = "AB"
answer = "better"
max_new_tokens = 8
"""
MESSAGES = (
    "where are my {number} {goods}",
    "I want {number} {goods} back",
    "the {goods} are broken, order {number}",
    "can I change order {number}",
)
IN_STYLE = (
    "Dear {name}, thanks for the note. Please wait {days} days.",
    "Hello {name}, please give us {days} days. Thanks.",
    "Dear {name}, we looked at it. Please write again in {days} days.",
)
OUT_OF_STYLE = (
    "You must wait {days} days!",
    "That is not our fault. {days} days!",
    "Wait {days} days, then ask again!!",
    "No. It takes {days} days, and that is that, as we said before!",
)


def _draw(rng: random.Random) -> Row:
    name = rng.choice(NAMES)
    good = rng.choice(IN_STYLE).format(name=name, days=rng.randint(2, 30))
    poor = rng.choice(OUT_OF_STYLE).format(days=rng.randint(2, 30))
    better = rng.choice("AB")
    a, b = (good, poor) if better == "A" else (poor, good)
    message = rng.choice(MESSAGES).format(goods=rng.choice(GOODS), number=rng.randint(2, 9999))
    return {"customer": name, "message": message, "a": a, "b": b, "better": better}


def _shorter(row: Row) -> str:
    """The older guide asked for the shorter reply."""
    return "A" if len(row["a"]) < len(row["b"]) else "B"


REPLIES = Kind(
    name="replies",
    asks="preference by style",
    toml=TOML,
    draw=_draw,
    text="message",
    answer="better",
    labels=("A", "B"),
    other_format=lambda row: row["better"].replace("A", "the first").replace("B", "the second"),
    translated=lambda row: row["better"].replace("A", "die erste").replace("B", "die zweite"),
    stale=_shorter,
)
