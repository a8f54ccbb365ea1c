"""Words that several folders draw on: names, places, days and goods of several countries."""

from __future__ import annotations

import random

NAMES = (
    "Ann", "Bob", "Maria", "Jonas", "Priya", "Tom", "Clara", "Omar", "Nora", "Paul", "Emma", "David", "Lena",
    "Hugo", "Iris", "Peter", "Sara", "Theo", "Vera", "Will", "Lucy", "Mark", "Nina", "Oscar", "Maya", "Kim",
    "Jürgen", "Zoë", "Chloé", "Ørsted", "Wei", "Yuki", "Olga", "Ivan", "Aïcha", "José", "Núria", "Łukasz",
)  # fmt: skip
CITIES = (
    "Paris", "Rome", "Oslo", "Lima", "Cairo", "Delhi", "Tokyo", "Quito", "Accra", "Berlin", "Madrid",
    "Dublin", "Turin", "Lagos", "Perth", "Zürich", "Malmö", "Köln", "Bogotá", "Lyon",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAYS_IN_GERMAN = {
    "Monday": "Montag", "Tuesday": "Dienstag", "Wednesday": "Mittwoch", "Thursday": "Donnerstag",
    "Friday": "Freitag", "Saturday": "Samstag", "Sunday": "Sonntag",
}  # fmt: skip
GOODS = (
    "pens", "cups", "books", "apples", "pears", "coins", "cards", "stamps", "lamps", "chairs", "tables",
    "tickets", "eggs", "hats", "keys", "drums", "maps", "toys", "bricks", "ropes", "candles", "jars",
)  # fmt: skip
OPENERS = (
    "Hello,", "Hi team,", "Guten Tag,", "Bonjour,", "hola,", "good morning!", "Quick question:",
    "sorry to ask again,", "as said on the phone,", "FYI:", "re: re: your mail,", "hey,",
    "To whom it may concern:", "Ciao,", "ok so",
)  # fmt: skip
CLOSERS = (
    "Thanks!", "Merci.", "Danke und Gruß", "sent from my phone", "Best wishes", "please hurry",
    "it is not urgent", "see you", ":-)", "Gracias", "let me know", "that is all", "cheers",
    "I can wait.", "(second mail today)",
)  # fmt: skip
SPELT = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def in_a_message(rng: random.Random, text: str) -> str:
    """The text as mail brings it: often after a greeting, often before a farewell."""
    opener = f"{rng.choice(OPENERS)} " if rng.random() < 0.6 else ""
    closer = f" {rng.choice(CLOSERS)}" if rng.random() < 0.6 else ""
    return f"{opener}{text}{closer}"


def mistyped(rng: random.Random, text: str) -> str:
    """The text with one letter of a small word left out or doubled, in a third of the cases."""
    places = [
        i for i in range(1, len(text) - 1) if text[i - 1 : i + 2].isalpha() and text[i - 1 : i + 2].islower()
    ]
    if not places or rng.random() > 1 / 3:
        return text
    i = rng.choice(places)
    return text[:i] + rng.choice(("", 2 * text[i])) + text[i + 1 :]
