"""Generator of the synthetic edition of TableBench numerical reasoning: one small table, one question.

A table has one name column and one or two number columns. The seven kinds of question
carry the published ``qsubtype`` names, spelling included.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.answers.arithmetic import broken
from tasks.synthetic import Item
from tasks.tablebench import answers
from tasks.tablebench.mini_tables import MEASURES, NAMES, as_table, columns_of, edited

SOURCE_NAMES = (
    "league-sheets",
    "open-ledger-qa",
    "season-export",
    "gridline-2020",
    "clubhouse-tables",
    "statistics-desk",
    "paper-tables",
    "county-records",
    "scoreboard-mix",
)
CARD_TOPICS = ("questions about small tables", "table reading exercises", "league tables")
with_answer = answers.with_answer


@dataclass(frozen=True)
class Difficulty:
    """Sizes of tables and numbers, both ends included."""

    rows: tuple[int, int] = (3, 4)
    rows_of_sums: int = 3
    value: tuple[int, int] = (2, 30)
    counted_above: tuple[int, int] = (8, 20)


DIFFICULTY = Difficulty()

INSTRUCTION = (
    'You are a table analyst. The last line must be "Final Answer: AnswerName".\n'
    "[TABLE]\n{table}\nQuestion: {question}"
)


@dataclass(frozen=True)
class Table:
    """A drawn table: names in the first column, numbers in the others."""

    names: list[str]
    measures: list[str]
    columns: list[list[int]]

    def as_json(self) -> dict[str, Any]:
        """The published ``table`` column."""
        rows = [[name, *(column[i] for column in self.columns)] for i, name in enumerate(self.names)]
        return as_table(("name", *self.measures), rows)


Solved = tuple[str, str, str]
"""Question, answer, worked steps."""


def _table(rng: random.Random, rows: int, measures: int) -> Table:
    values = range(DIFFICULTY.value[0], DIFFICULTY.value[1] + 1)
    columns = [rng.sample(values, rows) for _ in range(measures)]
    return Table(rng.sample(NAMES, rows), rng.sample(MEASURES, measures), columns)


def _rows(rng: random.Random) -> int:
    return rng.randint(*DIFFICULTY.rows)


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values))


def _ranking(rng: random.Random, table: Table) -> Solved:
    values, measure = table.columns[0], table.measures[0]
    top = rng.random() < 0.6
    best = max(values) if top else min(values)
    name = table.names[values.index(best)]
    listed = ", ".join(f"{n} {v}" for n, v in zip(table.names, values, strict=True))
    word = "most" if top else "fewest"
    return f"Who has the {word} {measure}?", name, f"{listed}. {word.capitalize()} {best}: {name}."


def _extreme(rng: random.Random, table: Table) -> Solved:
    values, measure = table.columns[0], table.measures[0]
    word, best = rng.choice((("highest", max(values)), ("lowest", min(values))))
    return (
        f"What is the {word} number of {measure}?",
        str(best),
        f"{_listed(values)}. {word.capitalize()} {best}.",
    )


def _counting(rng: random.Random, table: Table) -> Solved:
    values, measure = table.columns[0], table.measures[0]
    limit = rng.randint(*DIFFICULTY.counted_above)
    above = [v for v in values if v > limit]
    steps = f"{_listed(values)}. Above {limit}: {_listed(above) or 'none'}."
    return f"How many names have more than {limit} {measure}?", str(len(above)), steps


def _aggregation(rng: random.Random, table: Table) -> Solved:
    values, measure = table.columns[0], table.measures[0]
    steps, total = [], values[0]
    for value in values[1:]:
        steps.append(f"{total}+{value}={total + value}.")
        total += value
    question = rng.choice(
        (f"What is the total of {measure}?", f"How many {measure} do all names have together?")
    )
    return question, str(total), f"{_listed(values)}. {' '.join(steps)}"


def _arithmetic(rng: random.Random, table: Table) -> Solved:
    first, second = rng.sample(range(len(table.names)), 2)
    if table.columns[0][first] < table.columns[0][second]:
        first, second = second, first
    a, b, measure = table.columns[0][first], table.columns[0][second], table.measures[0]
    one, two = table.names[first], table.names[second]
    return (
        f"How many more {measure} does {one} have than {two}?",
        str(a - b),
        f"{one} {a}, {two} {b}. {a}-{b}={a - b}.",
    )


def _comparison(rng: random.Random, table: Table) -> Solved:
    values, measure = table.columns[0], table.measures[0]
    high, low = max(values), min(values)
    question = rng.choice(
        (
            f"What is the difference between most and fewest {measure}?",
            f"By how much do most and fewest {measure} differ?",
        )
    )
    return (
        question,
        str(high - low),
        f"{_listed(values)}. Most {high}, fewest {low}. {high}-{low}={high - low}.",
    )


def _multi_hop(rng: random.Random, table: Table) -> Solved:
    values, others = table.columns[0], table.columns[1]
    best = max(values)
    place = values.index(best)
    name, asked, by = table.names[place], table.measures[1], table.measures[0]
    question = f"How many {asked} does the name with the most {by} have?"
    return question, str(others[place]), f"Most {by} {best}: {name}. {name} {asked} {others[place]}."


KINDS: tuple[tuple[str, int, Callable[[random.Random, Table], Solved]], ...] = (
    ("Ranking", 1, _ranking),
    ("Ranking", 1, _extreme),
    ("Counting", 1, _counting),
    ("Aggregation", 1, _aggregation),
    ("ArithmeticCalculation", 1, _arithmetic),
    ("Comparison", 1, _comparison),
    ("Multi-hop NumericalReasoing", 2, _multi_hop),
)
"""Published ``qsubtype`` (with its spelling), number columns, maker."""


def draw(rng: random.Random, index: int) -> Item:
    """One question of kind ``index``, counted round, with a table of its own."""
    kind, measures, make = KINDS[index % len(KINDS)]
    rows = DIFFICULTY.rows_of_sums if kind == "Aggregation" or measures > 1 else _rows(rng)
    table = _table(rng, rows, measures)
    question, answer, steps = make(rng, table)
    columns = columns_of("NumericalReasoning", kind, INSTRUCTION, table.as_json(), question)
    return Item(columns, answer, steps, "tablebench_numerical", answer, {"kind": kind})


def wrong(rng: random.Random, item: Item) -> str:
    """Another name of the table, another number of it, or a near miss."""
    cells = [str(cell) for row in item.columns["table"]["data"] for cell in row]
    if not item.answer.isdigit():
        return str(rng.choice([cell for cell in cells if not cell.isdigit() and cell != item.answer]))
    right = int(item.answer)
    near = [str(n) for n in (right - 2, right - 1, right + 1, right + 2, right + 10) if n >= 0]
    if item.meta["kind"] == "Counting":
        return str(rng.choice([n for n in near[:4] if n != item.answer]))
    return str(rng.choice([c for c in [*cells, *near] if c.isdigit() and c != item.answer]))


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right answer without the final-answer line."""
    styles = ("The result is {}.", "{}", '{{"answer": "{}"}}', "According to the table, the answer is {}.")
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A slip in the last equation, carried into the answer."""
    slip = broken(rng, item.reasoning)
    return (str(slip[1]), slip[0]) if slip else None


_SWAPS = (
    ("How many ", "What number of "),
    ("What is ", "Tell me "),
    ("Who has ", "Which name has "),
    ("all names", "the names"),
    ("difference", "gap"),
    (" the total of ", " the sum of "),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The question lightly edited; at times asked before the table, or the table spaced out."""
    return edited(rng, columns, INSTRUCTION, _SWAPS)
