"""Generator of the synthetic edition of TableBench visualization: one small table, one chart to draw.

A table has one column of names, whose header differs from table to table, and two number
columns. The prompt gives ``df`` and ``plt``, so that an answer is the plotting alone. A chart
is described by data (``Chart``), from which its code, its plan and its true series follow; the
true series are computed in plain Python, apart from the code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import Any

from tasks.synthetic import Item
from tasks.tablebench.charts.compare import facts_for_judging
from tasks.tablebench.charts.script import GIVEN
from tasks.tablebench.mini_tables import MEASURES, NAMES, as_table, columns_of, edited

SOURCE_NAMES = (
    "chart-desk",
    "plotting-course",
    "figure-requests",
    "season-graphics",
    "sheet-to-chart",
    "newsroom-plots",
    "quick-figures",
    "open-plot-log",
    "dashboard-2021",
)
CARD_TOPICS = ("requests for charts of small tables", "plotting exercises", "figures for tables")


@dataclass(frozen=True)
class Difficulty:
    """Sizes of tables and numbers, both ends included."""

    rows: tuple[int, int] = (3, 3)
    value: tuple[int, int] = (1, 9)
    least_kept: int = 2
    """Rows that a condition leaves at least."""


DIFFICULTY = Difficulty()

INSTRUCTION = f"{GIVEN} Answer with python code.\n[TABLE]\n{{table}}\nQuestion: {{question}}"
_KEYS = ("name", "team", "city")
_SINGLE = ("bar", "line", "pie")
_CALLS = {"bar": "bar", "line": "plot"}

Rows = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Chart:
    """What is to be drawn. Columns 1 and 2 are the number columns."""

    kind: str
    """The published ``chart_type``: ``bar``, ``line``, ``pie`` or ``scatter``."""
    shown: tuple[str, ...]
    """Series: ``1``, ``2``, or ``sum 1`` for a running total. A scatter plot has x and y."""
    keep: tuple[int, str, int] | None = None
    """Only rows where column, ``>`` or ``<``, limit."""
    order: int | None = None
    """Sorted by that column, lowest first."""
    top: int | None = None
    """The two rows with the largest values of that column, largest first."""


def rows_drawn(chart: Chart, rows: Rows) -> Rows:
    """The rows on the chart, in its order."""
    if chart.keep:
        column, sign, limit = chart.keep
        cells = [int(row[column]) for row in rows]
        rows = tuple(
            row
            for row, cell in zip(rows, cells, strict=True)
            if (cell > limit if sign == ">" else cell < limit)
        )
    if chart.order:
        by = chart.order
        rows = tuple(sorted(rows, key=lambda row: row[by]))
    if chart.top:
        top = chart.top
        rows = tuple(sorted(rows, key=lambda row: row[top], reverse=True)[:2])
    return rows


def series(chart: Chart, rows: Rows) -> list[list[int]]:
    """The true y-series."""
    kept = rows_drawn(chart, rows)
    one, two = [row[1] for row in kept], [row[2] for row in kept]
    values = {
        "1": one,
        "2": two,
        "sum 1": list(accumulate(one)),
    }
    shown = chart.shown[1:] if chart.kind == "scatter" else chart.shown
    return [values[name] for name in shown]


def code_for(chart: Chart, columns: list[str]) -> str:
    """The answer's code."""
    lines = []
    if chart.keep:
        column, sign, limit = chart.keep
        lines.append(f"df = df[df['{columns[column]}'] {sign} {limit}]")
    if chart.order:
        lines.append(f"df = df.sort_values('{columns[chart.order]}')")
    if chart.top:
        lines.append(f"df = df.nlargest(2, '{columns[chart.top]}')")
    terms = [_term(name, columns) for name in chart.shown]
    if chart.kind == "pie":
        lines.append(f"plt.pie({terms[0]})")
    elif chart.kind == "scatter":
        lines.append(f"plt.scatter({terms[0]}, {terms[1]})")
    else:
        lines += [f"plt.{_CALLS[chart.kind]}(df['{columns[0]}'], {term})" for term in terms]
    return "\n".join([*lines, "plt.show()"])


def _term(name: str, columns: list[str]) -> str:
    one, two = f"df['{columns[1]}']", f"df['{columns[2]}']"
    return {"1": one, "2": two, "sum 1": f"{one}.cumsum()"}[name]


def plan_for(chart: Chart, columns: list[str]) -> str:
    """The worked part: kind, columns, condition and order, read off question and table."""
    key, one, two = columns
    words = {"1": one, "2": two, "sum 1": f"running {one}"}
    shown = ", ".join(words[name] for name in chart.shown)
    steps = [f"Plan: {chart.kind} of {shown}" + (f" by {key}" if chart.kind in _CALLS else "")]
    if chart.keep:
        steps.append(f"{columns[chart.keep[0]]} {chart.keep[1]} {chart.keep[2]}")
    if chart.order:
        steps.append(f"sorted {columns[chart.order]}")
    if chart.top:
        steps.append(f"2 largest {columns[chart.top]}")
    return "; ".join(steps)


def _asked(rng: random.Random, chart: Chart, columns: list[str]) -> str:
    one, two = columns[1:]
    words = {"1": one, "2": two, "sum 1": f"the running total of {one}"}
    verb = rng.choice(("Please draw", "Draw", "Create"))
    if chart.kind == "scatter":
        x, y = (words[name] for name in chart.shown)
        return f"{verb} a scatter plot, x {x}, y {y}."
    shown = " and ".join(words[name] for name in chart.shown)
    return f"{verb} a {chart.kind} chart of {shown}{_condition(chart, columns)}."


def _condition(chart: Chart, columns: list[str]) -> str:
    if chart.keep:
        column, sign, limit = chart.keep
        return f" where {columns[column]} are {'above' if sign == '>' else 'below'} {limit}"
    if chart.order:
        return f" sorted by {columns[chart.order]}"
    if chart.top:
        return f" for the two with the most {columns[chart.top]}"
    return ""


def _plain(rng: random.Random, rows: Rows) -> Chart:
    return Chart(rng.choice(_SINGLE), (rng.choice("12"),))


def _pair(rng: random.Random, rows: Rows) -> Chart:
    return Chart(rng.choice(("bar", "line")), ("1", "2"))


def _scatter(rng: random.Random, rows: Rows) -> Chart:
    return Chart("scatter", rng.choice((("1", "2"), ("2", "1"))))


def _filtered(rng: random.Random, rows: Rows) -> Chart:
    column, sign = rng.choice((1, 2)), rng.choice("><")
    values = sorted((int(row[column]) for row in rows), reverse=sign == ">")
    last, first_out = values[DIFFICULTY.least_kept - 1], values[DIFFICULTY.least_kept]
    low, high = sorted((last, first_out))
    limit = rng.randint(low, high - 1) if sign == ">" else rng.randint(low + 1, high)
    return Chart(rng.choice(_SINGLE), (rng.choice("12"),), keep=(column, sign, limit))


def _sorted(rng: random.Random, rows: Rows) -> Chart:
    return Chart(rng.choice(_SINGLE), (rng.choice("12"),), order=rng.choice((1, 2)))


def _top(rng: random.Random, rows: Rows) -> Chart:
    return Chart(rng.choice(_SINGLE), (rng.choice("12"),), top=rng.choice((1, 2)))


def _running(rng: random.Random, rows: Rows) -> Chart:
    return Chart(rng.choice(("bar", "line")), ("sum 1",))


def _slips(chart: Chart) -> list[Chart]:
    """Charts that a hasty reader would draw instead."""
    other = {"1": "2", "2": "1", "sum 1": "1"}
    slips = [replace(chart, kind="line" if chart.kind in ("bar", "scatter") else "bar")]
    if len(chart.shown) == 1:
        slips.append(replace(chart, shown=(other[chart.shown[0]],)))
    elif chart.kind == "scatter":
        slips.append(replace(chart, shown=chart.shown[::-1]))
    if chart.keep:
        column, sign, limit = chart.keep
        slips += [
            replace(chart, keep=None),
            replace(chart, keep=(column, "<" if sign == ">" else ">", limit)),
        ]
    if chart.order:
        slips += [replace(chart, order=None), replace(chart, order=3 - chart.order)]
    if chart.top:
        slips += [replace(chart, top=None), replace(chart, top=3 - chart.top)]
    return slips


def _decoys(chart: Chart, rows: Rows, columns: list[str]) -> tuple[str, ...]:
    """Code for the slips whose chart looks other than the right one."""
    right = _look(chart, rows)
    slips = [slip for slip in _slips(chart) if _look(slip, rows) != right]
    return tuple(code_for(slip, columns) for slip in slips)


def _look(chart: Chart, rows: Rows) -> tuple[str, list[list[Fraction]]]:
    """Kind and series; of a pie only the proportions show."""
    drawn = [[Fraction(value) for value in values] for values in series(chart, rows)]
    if chart.kind == "pie":
        drawn = [[value / sum(values) for value in values] for values in drawn]
    return chart.kind, drawn


KINDS: tuple[Callable[[random.Random, Rows], Chart], ...] = (
    _plain,
    _pair,
    _scatter,
    _filtered,
    _sorted,
    _top,
    _running,
)


def draw(rng: random.Random, index: int) -> Item:
    """One chart of kind ``index``, counted round, with a table of its own."""
    count = rng.randint(*DIFFICULTY.rows)
    values = range(DIFFICULTY.value[0], DIFFICULTY.value[1] + 1)
    rows: Rows = tuple(
        zip(rng.sample(NAMES, count), rng.sample(values, count), rng.sample(values, count), strict=True)
    )
    columns = [rng.choice(_KEYS), *rng.sample(MEASURES, 2)]
    chart = KINDS[index % len(KINDS)](rng, rows)
    table, question = as_table(columns, rows), _asked(rng, chart, columns)
    published = columns_of(
        "Visualization", "ChartGeneration", INSTRUCTION, table, question, chart_type=chart.kind
    )
    return Item(
        published,
        code_for(chart, columns),
        plan_for(chart, columns),
        "tablebench_visualization",
        f"y_references = {json.dumps(series(chart, rows))}",
        facts_for_judging(published),
        _decoys(chart, rows, columns),
    )


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """A row as the training pool has it: the code in ``response``, no ``answer`` and no ``chart_type``."""
    row = {name: value for name, value in item.columns.items() if name != "chart_type"}
    row["response"] = f"```python\n{answer}\n```"
    return {**row, "reasoning": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """Code for another chart."""
    return rng.choice(item.decoys)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """The right plan, not followed."""
    return rng.choice(item.decoys), item.reasoning


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right code without the fence that the format asks for."""
    styles = ("{}", "```py\n{}\n```", "Here is the code:\n```\n{}\n```", "You can use this:\n\n{}")
    return rng.choice(styles).format(item.answer)


_SWAPS = (
    ("Please draw ", "Kindly draw "),
    ("Draw ", "Plot "),
    ("Create ", "Make "),
    (" sorted by ", " ordered by "),
    (" where ", " whose "),
    ("the two with", "those two with"),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The question lightly edited; at times asked before the table, or the table spaced out."""
    return edited(rng, columns, INSTRUCTION, _SWAPS)
