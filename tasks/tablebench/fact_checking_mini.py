"""Generator of the synthetic edition of TableBench fact checking: one small table, one thing to look up.

A table has a column of names, one of cities and one or two of numbers. The answer
always stands in the table: a number, a name, a city, two numbers. Both published
``qsubtype`` names occur, ``Multi-hop FactChecking`` where one look-up leads to another.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.synthetic import Item
from tasks.tablebench import answers
from tasks.tablebench.mini_tables import CITIES, MEASURES, NAMES, as_table, columns_of, edited

SOURCE_NAMES = (
    "registry-lookups",
    "club-pages",
    "gazetteer-qa",
    "infobox-2019",
    "almanac-tables",
    "harbour-records",
    "medal-lists",
    "quizmaster-mix",
    "open-rosters",
)
CARD_TOPICS = ("look-ups in small tables", "questions about lists of people", "rosters with questions")
with_answer = answers.with_answer


@dataclass(frozen=True)
class Difficulty:
    """Sizes of tables and numbers, both ends included."""

    rows: tuple[int, int] = (3, 4)
    value: tuple[int, int] = (2, 99)
    looked_up: tuple[int, int] = (2, 9)
    """Numbers by which a name is found: the bundled model finds a row by one token, hardly by two."""


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


Solved = tuple[str, str, str]
"""Question, answer, worked steps."""


def _roster(rng: random.Random, measures: int, bounds: tuple[int, int]) -> Roster:
    rows = rng.randint(*DIFFICULTY.rows)
    columns = [rng.sample(range(bounds[0], bounds[1] + 1), rows) for _ in range(measures)]
    return Roster(rng.sample(NAMES, rows), rng.sample(CITIES, rows), rng.sample(MEASURES, measures), columns)


def _value_of_name(rng: random.Random, roster: Roster) -> Solved:
    place, column = rng.randrange(len(roster.names)), rng.randrange(len(roster.columns))
    name, measure, value = roster.names[place], roster.measures[column], roster.columns[column][place]
    return f"How many {measure} does {name} have?", str(value), f"{name} {measure} {value}."


def _city_of_name(rng: random.Random, roster: Roster) -> Solved:
    place = rng.randrange(len(roster.names))
    name, city = roster.names[place], roster.cities[place]
    return f"From which city does {name} come?", city, f"{name} {city}."


def _values_of_names(rng: random.Random, roster: Roster) -> Solved:
    (one, first), (two, second) = _two(rng, roster)
    question = f"How many {roster.measures[0]} do {one} and {two} have?"
    return question, f"{first}, {second}", f"{one} {first}, {two} {second}."


def _name_of_value(rng: random.Random, roster: Roster) -> Solved:
    name, value = _two(rng, roster)[0]
    listed = ", ".join(f"{v} {n}" for n, v in zip(roster.names, roster.columns[0], strict=True))
    return f"Which name has {value} {roster.measures[0]}?", name, f"{listed}. {value} {name}."


def _name_of_more(rng: random.Random, roster: Roster) -> Solved:
    pairs = _two(rng, roster)
    name, _ = max(pairs, key=lambda pair: pair[1])
    question = f"Who has more {roster.measures[0]}, {pairs[0][0]} or {pairs[1][0]}?"
    return question, name, f"{_listed(pairs)}. More: {name}."


def _city_of_more(rng: random.Random, roster: Roster) -> Solved:
    pairs = _two(rng, roster)
    name, _ = max(pairs, key=lambda pair: pair[1])
    city = roster.cities[roster.names.index(name)]
    question = (
        f"From which city does the one with more {roster.measures[0]} come, {pairs[0][0]} or {pairs[1][0]}?"
    )
    return question, city, f"{_listed(pairs)}. More: {name}. {name} {city}."


def _two(rng: random.Random, roster: Roster) -> list[tuple[str, int]]:
    """Two names with their first numbers, in any order."""
    return rng.sample(list(zip(roster.names, roster.columns[0], strict=True)), 2)


def _listed(pairs: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs)


KINDS: tuple[tuple[str, int, bool, Callable[[random.Random, Roster], Solved]], ...] = (
    ("MatchBased", 2, False, _value_of_name),
    ("MatchBased", 1, False, _city_of_name),
    ("MatchBased", 1, False, _values_of_names),
    ("MatchBased", 1, True, _name_of_value),
    ("Multi-hop FactChecking", 1, False, _name_of_more),
    ("Multi-hop FactChecking", 1, False, _city_of_more),
)
"""Published ``qsubtype``, columns of numbers, whether a number is looked up, maker."""


def draw(rng: random.Random, index: int) -> Item:
    """One question of kind ``index``, counted round, with a table of its own."""
    kind, measures, looked_up, make = KINDS[index % len(KINDS)]
    roster = _roster(rng, measures, DIFFICULTY.looked_up if looked_up else DIFFICULTY.value)
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


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right answer without the final-answer line."""
    styles = ("The result is {}.", "{}", '{{"answer": "{}"}}', "According to the table, the answer is {}.")
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A cell taken from the wrong row, carried into the answer."""
    answer = wrong(rng, item)
    right, other = item.answer.split(", ")[-1], answer.split(", ")[-1]
    return answer, re.sub(rf"\b{right}\b", other, item.reasoning)


_SWAPS = (
    ("How many ", "What number of "),
    ("Which name has ", "Who has "),
    ("Who has more ", "Which of the two has more "),
    (" the one with ", " the person with "),
    ("From which city", "From what city"),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The question lightly edited; at times asked before the table, or the table spaced out."""
    return edited(rng, columns, INSTRUCTION, _SWAPS)
