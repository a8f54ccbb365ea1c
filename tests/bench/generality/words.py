"""Words that several folders draw on: names, places, days and goods of several countries."""

from __future__ import annotations

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
