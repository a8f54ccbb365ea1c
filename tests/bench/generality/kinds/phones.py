"""Normalisation of phone numbers: as written in six countries, to the international form."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import NAMES, in_a_message

TOML = """name = "phone-numbers"
description = "Write a phone number in international form (E.164). Extensions are left out."
prompt = "{written} International:"
metric = "exact_match"
answer = "e164"
max_new_tokens = 24
"""
COUNTRIES = {"Germany": "49", "France": "33", "Spain": "34", "Italy": "39", "Peru": "51", "Japan": "81"}
FORMS = (
    "{name}, {country}: 0{area} / {one} {two}",
    "call {name} in {country}, (0{area}) {one}-{two}, ext. {extension}",
    "Tel. 0{area}.{one}.{two} ({country}), {name}",
    "{country} 0{area} {one}{two} {name} app. {extension}",
    "{name} - {country} - 0{area}-{one}-{two}",
    "0{area}{one}{two} is {name} in {country}, ext. {extension}",
)


def _draw(rng: random.Random) -> Row:
    country = rng.choice(tuple(COUNTRIES))
    area, one, two = rng.randint(11, 99), rng.randint(100, 999), rng.randint(1000, 9999)
    written = rng.choice(FORMS).format(
        name=rng.choice(NAMES), country=country, area=area, one=one, two=two, extension=rng.randint(10, 99)
    )
    return {"written": in_a_message(rng, written), "e164": f"+{COUNTRIES[country]}{area}{one}{two}"}


def _national(row: Row) -> str:
    return f"0{row['e164'][3:]}"


PHONES = Kind(
    name="phones",
    asks="normalisation",
    toml=TOML,
    draw=_draw,
    text="written",
    answer="e164",
    has_letters=False,
    reordered=lambda row: f"{row['e164'][3:]} +{row['e164'][1:3]}",
    other_format=_national,
    stale=lambda row: f"00{row['e164'][1:]}",
    other_value=lambda row: row["e164"][-4:],
)
