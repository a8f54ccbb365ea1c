"""Generator behind the mini edition of TableBench fact checking: one small table, one thing to look up.

A table has a column of names, one of cities and one or two of numbers. The answer
always stands in the table: a number, a name, several names, a city. Both published
``qsubtype`` names occur, ``Multi-hop FactChecking`` where one look-up leads to another.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.mini.small_tables import CITIES, MEASURES, NAMES, as_table, columns_of, edited
from tasks.miniature import Item


@dataclass(frozen=True)
class Difficulty:
    """Sizes of tables and numbers, both ends included."""

    rows: tuple[int, int] = (3, 4)
    value: tuple[int, int] = (2, 99)


DIFFICULTY = Difficulty()

INSTRUCTION = (
    'You are a table analyst. The last line must be "Final Answer: AnswerName1, AnswerName2...".\n'
    "[TABLE]\n{table}\nQuestion: {question}"
)


@dataclass(frozen=True)
class Roster:
    """A drawn table."""

    names: list[str]
    cities: list[str]
    measures: list[str]
    columns: list[list[int]]

    def by_value(self) -> str:
        """``12 Ann, 7 Bob``: what a worked answer writes down first, in the order in which it looks up."""
        return ", ".join(f"{v} {n}" for n, v in zip(self.names, self.columns[0], strict=True))

    def by_city(self) -> str:
        """``Rome Ann, Oslo Bob``."""
        return ", ".join(f"{c} {n}" for n, c in zip(self.names, self.cities, strict=True))


Worked = tuple[str, str, str]
"""Question, answer, worked steps."""


def _roster(rng: random.Random, measures: int, shared_city: bool) -> Roster:
    rows = rng.randint(*DIFFICULTY.rows)
    values = range(DIFFICULTY.value[0], DIFFICULTY.value[1] + 1)
    cities = rng.sample(CITIES, rows)
    if shared_city:
        first, second = rng.sample(range(rows), 2)
        cities[second] = cities[first]
    columns = [rng.sample(values, rows) for _ in range(measures)]
    return Roster(rng.sample(NAMES, rows), cities, rng.sample(MEASURES, measures), columns)


def _value_of_name(rng: random.Random, roster: Roster) -> Worked:
    place = rng.randrange(len(roster.names))
    name, value = roster.names[place], roster.columns[0][place]
    return f"How many {roster.measures[0]} does {name} have?", str(value), f"{name} {value}."


def _name_of_value(rng: random.Random, roster: Roster) -> Worked:
    place = rng.randrange(len(roster.names))
    name, value = roster.names[place], roster.columns[0][place]
    steps = f"{roster.by_value()}. {value} {name}."
    return f"Which name has {value} {roster.measures[0]}?", name, steps


def _names_of_city(rng: random.Random, roster: Roster) -> Worked:
    city = _shared(roster)
    names = ", ".join(_from(roster, city))
    return f"Which names come from {city}?", names, f"{roster.by_city()}. {city}: {names}."


def _value_by_value(rng: random.Random, roster: Roster) -> Worked:
    place = rng.randrange(len(roster.names))
    name, value, other = roster.names[place], roster.columns[0][place], roster.columns[1][place]
    by, asked = roster.measures
    question = f"How many {asked} does the name with {value} {by} have?"
    return question, str(other), f"{roster.by_value()}. {value} {name}. {name} {asked} {other}."


def _city_by_value(rng: random.Random, roster: Roster) -> Worked:
    place = rng.randrange(len(roster.names))
    name, value, city = roster.names[place], roster.columns[0][place], roster.cities[place]
    question = f"From which city does the name with {value} {roster.measures[0]} come?"
    return question, city, f"{roster.by_value()}. {value} {name}. {name} {city}."


def _best_of_city(rng: random.Random, roster: Roster) -> Worked:
    city = _shared(roster)
    scores = {name: roster.columns[0][roster.names.index(name)] for name in _from(roster, city)}
    best = max(scores, key=scores.__getitem__)
    listed = ", ".join(f"{value} {name}" for name, value in scores.items())
    question = f"Which name from {city} has the most {roster.measures[0]}?"
    return question, best, f"{roster.by_city()}. {listed}. Most {scores[best]} {best}."


def _shared(roster: Roster) -> str:
    return next(city for city in roster.cities if roster.cities.count(city) > 1)


def _from(roster: Roster, city: str) -> list[str]:
    return [name for name, home in zip(roster.names, roster.cities, strict=True) if home == city]


KINDS: tuple[tuple[str, int, bool, Callable[[random.Random, Roster], Worked]], ...] = (
    ("MatchBased", 1, False, _value_of_name),
    ("MatchBased", 1, False, _name_of_value),
    ("MatchBased", 1, True, _names_of_city),
    ("Multi-hop FactChecking", 2, False, _value_by_value),
    ("Multi-hop FactChecking", 1, False, _city_by_value),
    ("Multi-hop FactChecking", 1, True, _best_of_city),
)
"""Published ``qsubtype``, columns of numbers, whether two names share a city, maker."""


def draw(rng: random.Random, index: int) -> Item:
    """One question of kind ``index``, counted round, with a table of its own."""
    kind, measures, shared_city, make = KINDS[index % len(KINDS)]
    roster = _roster(rng, measures, shared_city)
    question, answer, steps = make(rng, roster)
    rows = zip(roster.names, roster.cities, *roster.columns, strict=True)
    table = as_table(("name", "city", *roster.measures), list(rows))
    columns = columns_of("FactChecking", kind, INSTRUCTION, table, question)
    return Item(columns, answer, steps, "tablebench_fact_checking", answer, {"qsubtype": kind})


def wrong(rng: random.Random, item: Item) -> str:
    """Other cells of the same columns, as many of them as the right answer has."""
    rows = item.columns["table"]["data"]
    parts = item.answer.split(", ")
    column = next(place for place in range(len(rows[0])) if parts[0] in [str(row[place]) for row in rows])
    others = [str(row[column]) for row in rows if str(row[column]) not in parts]
    return ", ".join([*parts[:-1], rng.choice(others)])


def off_style(rng: random.Random, item: Item) -> str:
    """The right answer without the final-answer line."""
    styles = ("The result is {}.", "{}", '{{"answer": "{}"}}', "According to the table, the answer is {}.")
    return rng.choice(styles).format(item.answer)


def flawed(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A cell taken from the wrong row, carried into the answer."""
    answer = wrong(rng, item)
    right, other = item.answer.split(", ")[-1], answer.split(", ")[-1]
    return answer, re.sub(rf"\b{right}\b", other, item.reasoning)


_SWAPS = (
    ("How many ", "What number of "),
    ("Which name has ", "Who has "),
    ("Which name from ", "Who from "),
    ("Which names come ", "Who comes "),
    (" does the name ", " does the person "),
    ("From which city", "From what city"),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The question lightly edited; at times asked before the table, or the table spaced out."""
    return edited(rng, columns, INSTRUCTION, _SWAPS)
