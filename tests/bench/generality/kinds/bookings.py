"""Summarising into fields: a booking request as a JSON object of four fields."""

from __future__ import annotations

import json
import random
from itertools import pairwise

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import CITIES, DAYS, DAYS_IN_GERMAN, NAMES, SPELT, in_a_message

TOML = """name = "booking-fields"
description = "Sum up a booking request as JSON with city, day, nights and guests."
prompt = "{request} As JSON:"
metric = "json"
fields = ["city", "day", "nights", "guests"]
answer = "booking"
max_new_tokens = 56
"""
REQUESTS = (
    "Hi, this is {name}. A room in {city} for {nights} nights from {day}, {guests} guests. Phone {phone}.",
    "{guests} guests, {nights} nights, {city}, arriving {day}. {name}, {phone}",
    "We come to {city} on {day} and stay {nights} nights; {guests} guests. Call {phone}. {name}",
    "Bonjour, {name}. {city}, {day}, {nights} nights, {guests} guests, please. Tel. {phone}",
    "{city}, please: {day}, for {nights} nights. We travel with {guests} guests in all. {phone} {name}",
    "Can you take {guests} guests on {day}? It is for {nights} nights in {city}. {name}, tel. {phone}",
    "Für {guests} guests ab {day}, {nights} nights, {city}. {name}, {phone}",
    "{name} here again ({phone}). It is {city} after all, {day}, {nights} nights; guests: {guests}.",
    "Need {nights} nights in {city} for {guests} guests. {day} would be fine. Best, {name} ({phone})",
)
OLDER_FIELDS = {"city": "place", "day": "arrival", "nights": "days", "guests": "persons"}
GERMAN_FIELDS = {"city": "Ort", "day": "Tag", "nights": "Nächte", "guests": "Gäste"}


def _draw(rng: random.Random) -> Row:
    fields = {
        "city": rng.choice(CITIES),
        "day": rng.choice(DAYS),
        "nights": rng.randint(1, 14),
        "guests": rng.randint(1, 9),
    }
    said = {name: _said(rng, value) for name, value in fields.items()}
    request = rng.choice(REQUESTS).format(
        name=rng.choice(NAMES), phone=f"{rng.randint(100, 999)} {rng.randint(1000, 9999)}", **said
    )
    return {"request": in_a_message(rng, request), "booking": _json(fields)}


def _said(rng: random.Random, value: object) -> object:
    """Small numbers are now and then spelt out."""
    small = isinstance(value, int) and value < len(SPELT)
    return SPELT[value] if small and rng.random() < 0.3 else value  # type: ignore[call-overload]


def _json(fields: dict[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _older(row: Row) -> str:
    """Fields had other names, and nights were counted as days, one more."""
    fields = json.loads(row["booking"])
    return _json(
        {OLDER_FIELDS[name]: value for name, value in fields.items()} | {"days": fields["nights"] + 1}
    )


def _in_german(row: Row) -> str:
    fields = json.loads(row["booking"])
    fields["day"] = DAYS_IN_GERMAN[fields["day"]]
    return _json({GERMAN_FIELDS[name]: value for name, value in fields.items()})


def _exchanged(row: Row) -> str:
    """Nights where the guests belong, and the other way round."""
    fields = json.loads(row["booking"])
    return _json(fields | {"nights": fields["guests"], "guests": fields["nights"]})


def _phone(row: Row) -> str:
    """The field of the city holds the phone number."""
    fields = json.loads(row["booking"])
    words = "".join(char if char.isdigit() else " " for char in row["request"]).split()
    phone = next(f"{a} {b}" for a, b in pairwise(words) if len(a) == 3 and len(b) == 4)
    return _json(fields | {"city": phone})


BOOKINGS = Kind(
    name="bookings",
    asks="summarising into fields",
    toml=TOML,
    draw=_draw,
    text="request",
    answer="booking",
    has_numbers=True,
    reordered=_exchanged,
    other_format=lambda row: "; ".join(f"{k}={v}" for k, v in json.loads(row["booking"]).items()),
    translated=_in_german,
    stale=_older,
    other_value=_phone,
)
