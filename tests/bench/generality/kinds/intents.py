"""Routing: what a customer wants, said in five languages."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import NAMES, in_a_message, mistyped

TOML = """name = "customer-intents"
description = "Say what a customer wants. Messages come in five languages, labels are English."
prompt = "{message} Intent?"
metric = "classification"
labels = ["cancel", "refund", "address", "status", "praise"]
answer = "intent"
max_new_tokens = 10
"""
MESSAGES = {
    "cancel": (
        "please cancel order {number}", "I no longer want {number}", "bitte {number} stornieren",
        "annulez la commande {number}", "stop {number}, I was too quick",
        "{number} nehme ich nicht mehr", "quiero cancelar el pedido {number}", "取消订单{number}",
    ),
    "refund": (
        "I want my money back for {number}", "refund {number} please",
        "ich möchte mein Geld für {number}", "remboursez la commande {number}",
        "you charged {number} twice", "wann kommt mein Geld für {number}",
        "devuelvan el dinero de {number}", "订单{number}退款",
    ),
    "address": (
        "send {number} to my new home", "change where {number} goes", "neue Adresse für {number}",
        "changez l'adresse de {number}", "I moved, {number} must follow",
        "{number} geht an die falsche Straße", "cambien la dirección de {number}", "订单{number}改地址",
    ),
    "status": (
        "where is {number} now", "has {number} left the shop", "wo ist {number} gerade",
        "où est la commande {number}", "still waiting for {number}", "wann kommt {number} an",
        "dónde está {number}", "订单{number}在哪里",
    ),
    "praise": (
        "I love {number}, well done", "great work on {number}", "{number} ist toll",
        "{number} est parfait, merci", "{number} came fast, nice", "mit {number} sehr zufrieden",
        "gracias, {number} es genial", "{number}很好",
    ),
}  # fmt: skip
ENDS = ("", " Thanks, {name}", " {name}", " - {name}", " ({name})", " Gruß {name}")
IN_GERMAN = {"cancel": "storno", "refund": "geld", "address": "anschrift", "status": "stand", "praise": "lob"}
OLDER = {"cancel": "sales", "refund": "sales", "address": "other", "status": "other", "praise": "other"}
"""Two queues before there were five."""


def _draw(rng: random.Random) -> Row:
    intent = rng.choice(tuple(MESSAGES))
    message = rng.choice(MESSAGES[intent]).format(number=rng.randint(1000, 99999))
    message += rng.choice(ENDS).format(name=rng.choice(NAMES))
    return {"message": in_a_message(rng, mistyped(rng, message)), "intent": intent}


INTENTS = Kind(
    name="intents",
    asks="routing",
    toml=TOML,
    draw=_draw,
    text="message",
    answer="intent",
    labels=tuple(MESSAGES),
    other_format=lambda row: f"label_{sorted(MESSAGES).index(row['intent'])}",
    translated=lambda row: IN_GERMAN[row["intent"]],
    stale=lambda row: OLDER[row["intent"]],
    other_value=lambda row: next(word for word in _numbers(row["message"]) if len(word) >= 4),
)


def _numbers(text: str) -> list[str]:
    return "".join(char if char.isdigit() else " " for char in text).split()
