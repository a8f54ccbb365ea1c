"""Extraction: the order number out of a customer's message in four languages, beside other numbers."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import CITIES, NAMES, in_a_message

TOML = r"""name = "order-numbers"
description = "Find the order number in a message to the shop. Customers also mention invoices and phones."
prompt = "{message} Order number?"
metric = "regex"
pattern = '[A-Z]{2}-\d{4}'
answer = "order"
max_new_tokens = 16
"""
MESSAGES = (
    "Hi, {name} here. My order {order} has not come yet. Invoice {invoice}.",
    "Order {order}: one part is missing, please call {phone}. {name}",
    "Where is {order}? The bill {invoice} is paid. Regards, {name} from {city}",
    "I sent {order} back to {city}. Please refund invoice {invoice}.",
    "Guten Tag, die Bestellung {order} ist nicht da. Rechnung {invoice}. {name}",
    "Bonjour, la commande {order} n'est pas à {city}. Facture {invoice}.",
    "Hola, mi pedido {order} no ha llegado. Factura {invoice}, tel. {phone}. {name}",
    "pls check {phone}, {name}, re: {order} / {invoice}",
    "{invoice} is paid twice. It belongs to {order}, says {name} in {city}.",
    "The courier in {city} lost {order}; invoice {invoice}, my number is {phone}.",
    "{order}? {name} waits since {city}. Rechnung {invoice} liegt bei.",
    "Please cancel {order} and keep the other one. Ref {invoice}, {name}.",
)


def _draw(rng: random.Random) -> Row:
    order = "".join(rng.choices("ABCDEFGHKLMNPRSTUVWXYZ", k=2)) + f"-{rng.randint(1000, 9999)}"
    invoice = str(rng.randint(10000, 99999))
    message = rng.choice(MESSAGES).format(
        name=rng.choice(NAMES),
        city=rng.choice(CITIES),
        order=order,
        invoice=invoice,
        phone=f"0{rng.randint(100, 999)} {rng.randint(1000, 9999)}",
    )
    return {"message": in_a_message(rng, message), "order": order}


def _another_number(row: Row) -> str:
    """The last number of the message that is not the order's."""
    rest = row["message"].replace(row["order"], " ")
    return "".join(char if char.isdigit() else " " for char in rest).split()[-1]


ORDERS = Kind(
    name="orders",
    asks="extraction",
    toml=TOML,
    draw=_draw,
    text="message",
    answer="order",
    has_letters=True,
    reordered=lambda row: "-".join(reversed(row["order"].split("-"))),
    other_format=lambda row: row["order"].replace("-", ""),
    stale=lambda row: f"{row['order'][0]}/{row['order'][4:]}",
    other_value=_another_number,
)
