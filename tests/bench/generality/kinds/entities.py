"""Tagging: the people, cities and days of a sentence, each with its tag, in the order of the sentence."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import CITIES, DAYS, NAMES, in_a_message

TOML = """name = "tagged-entities"
description = "Tag the people, cities and days of a sentence, in their order."
prompt = "{sentence} Tags?"
metric = "token_f1"
answer = "tags"
max_new_tokens = 48
"""
SENTENCES = (
    "{person} flew from {city} to {other} on {day}.",
    "On {day} {person} met {friend} in {city}.",
    "{person} lives in {city} and works in {other}, but not on {day}.",
    "In {city} it rained all {day}, said {person} to {friend}.",
    "Der Zug nach {city} fährt {day}, schreibt {person} aus {other}.",
    "{friend} and {person} left {city} before {day}.",
    "Nobody in {city} saw {person} after {day}.",
    "{person}, who grew up in {other}, moved to {city} with {friend}.",
    "Le {day}, {person} part de {city} pour {other}.",
    "El {day} {friend} llega a {city} sin {person}.",
    "From {other} to {city} it takes until {day}, {person} thinks.",
    "Am {day} ruft {friend} in {city} an und fragt nach {person}.",
)
TAGS = {"person": "person", "friend": "person", "city": "city", "other": "city", "day": "day"}
OLDER_TAGS = {"person": "NAME", "city": "NAME", "day": "OTHER"}
GERMAN_TAGS = {"person": "Mensch", "city": "Stadt", "day": "Tag"}


def _draw(rng: random.Random) -> Row:
    template = rng.choice(SENTENCES)
    person, friend = rng.sample(NAMES, 2)
    city, other = rng.sample(CITIES, 2)
    words = {"person": person, "friend": friend, "city": city, "other": other, "day": rng.choice(DAYS)}
    places = sorted((template.find(f"{{{name}}}"), name) for name in words if f"{{{name}}}" in template)
    tags = ", ".join(f"{words[name]} {TAGS[name]}" for _, name in places)
    return {"sentence": in_a_message(rng, template.format(**words)), "tags": tags}


def _pairs(row: Row) -> list[tuple[str, str]]:
    pairs = [pair.split(" ") for pair in row["tags"].split(", ")]
    return [(word, tag) for word, tag in pairs]


def _with(tags: dict[str, str], row: Row) -> str:
    return ", ".join(f"{word} {tags[tag]}" for word, tag in _pairs(row))


ENTITIES = Kind(
    name="entities",
    asks="tagging",
    toml=TOML,
    draw=_draw,
    text="sentence",
    answer="tags",
    reordered=lambda row: ", ".join(f"{tag} {word}" for word, tag in sorted(_pairs(row))),
    other_format=lambda row: "".join(f"<{tag}>{word}</{tag}>" for word, tag in _pairs(row)),
    translated=lambda row: _with(GERMAN_TAGS, row),
    stale=lambda row: _with(OLDER_TAGS, row),
    other_value=lambda row: row["sentence"],
)
