"""Support tickets to one of four queues. Most sources carry the labels of another time or another purpose."""

from __future__ import annotations

import random

from tasks.splits import draw_unique, seeded
from tests.bench.generality.folder import TEST_ITEMS, VALIDATION_ITEMS, MadeFolder, MadeSource

TOML = """name = "ticket-routing"
description = "Route a support ticket to its queue."
prompt = "Ticket: {ticket} Queue?"
metric = "classification"
labels = ["billing", "shipping", "technical", "account"]
answer = "queue"
max_new_tokens = 12
"""
COMPLAINTS = {
    "billing": (
        "I was charged twice for",
        "the invoice is wrong for",
        "please refund",
        "the card was declined for",
    ),
    "shipping": (
        "the parcel never came with",
        "the courier lost",
        "the box was crushed around",
        "delivery is late for",
    ),
    "technical": (
        "an error code shows on",
        "there is no sound from",
        "the screen stays black on",
        "it crashes when I start",
    ),
    "account": (
        "I forgot the password for",
        "please close my profile for",
        "I cannot log in to",
        "change my email for",
    ),
}
OLDER = {"billing": "account", "shipping": "shipping", "technical": "billing", "account": "technical"}
"""Before a reorganisation three of four queues had the name of another."""
AGENTS = {"billing": "Maria", "shipping": "Jonas", "technical": "Priya", "account": "Tom"}
THINGS = (
    "my phone",
    "the printer",
    "order",
    "the camera",
    "a lamp",
    "my watch",
    "the router",
    "the desk",
    "a kettle",
)
OPENINGS = ("Hello,", "Hi,", "Dear team,", "Good morning,", "To whom it may concern,")
BOILERPLATE = "CONFIDENTIAL: this message is for its addressee alone. Think before you print. "
CLEAN_ROWS, OLDER_ROWS, AGENT_ROWS, SAME_ROWS, MAIL_ROWS = 500, 1200, 600, 500, 600


def tickets(seed: int = 0) -> MadeFolder:
    """Five sources: clean, older labels (the largest), agents' names, one label for all, mail boilerplate."""
    rng, taken = seeded("ticket-routing", seed), set[str]()

    def rows(count: int) -> list[dict[str, str]]:
        return draw_unique(_draw, lambda row: row["ticket"], rng, count, taken)

    test, validation = rows(TEST_ITEMS), rows(VALIDATION_ITEMS)
    sources = (
        MadeSource("desk", tuple(rows(CLEAN_ROWS))),
        MadeSource(
            "history",
            tuple(row | {"queue": OLDER[row["queue"]]} for row in rows(OLDER_ROWS)),
            "an older set of labels, one to one",
        ),
        MadeSource(
            "shifts",
            tuple(row | {"queue": AGENTS[row["queue"]]} for row in rows(AGENT_ROWS)),
            "agents' names as labels",
        ),
        MadeSource(
            "overflow", tuple(row | {"queue": "billing"} for row in rows(SAME_ROWS)), "one label for all"
        ),
        MadeSource(
            "mailbox",
            tuple({"ticket": BOILERPLATE + row["ticket"], "queue": row["queue"]} for row in rows(MAIL_ROWS)),
            "mail boilerplate in the tickets",
        ),
    )
    return MadeFolder("ticket-routing", TOML, tuple(validation), tuple(test), sources)


def _draw(rng: random.Random, index: int) -> dict[str, str]:
    queue = rng.choice(tuple(COMPLAINTS))
    number = rng.randint(1000, 99999)
    words = (rng.choice(OPENINGS), rng.choice(COMPLAINTS[queue]), rng.choice(THINGS), f"number {number}.")
    return {"ticket": " ".join(words), "queue": queue}
