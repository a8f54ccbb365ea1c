"""Generator of the synthetic edition of TableBench data analysis: one small table, one finding, five subsets.

The finding is defined so that it can be worked out in writing: the correlation of two
columns of ranks is ``1 - sum of squared differences / 10`` for four rows; a column has an
impact on another where it rises, or falls, with it in every row; an anomaly is a number
a hundred times its neighbours. The free answers keep to one sentence.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.answers.arithmetic import broken
from tasks.synthetic import Item
from tasks.tablebench import answers
from tasks.tablebench.analysis_answers import label_of
from tasks.tablebench.answers import way_of
from tasks.tablebench.mini_tables import MEASURES, NAMES, as_table, columns_of, edited

SOURCE_NAMES = (
    "analyst-notes",
    "survey-desk",
    "findings-2018",
    "quarterly-tables",
    "spreadsheet-club",
    "ratio-archive",
    "trendbook",
    "field-statistics",
    "open-findings",
)
CARD_TOPICS = ("findings about small tables", "statistics exercises", "questions of table analysts")
with_answer = answers.with_answer


@dataclass(frozen=True)
class Difficulty:
    """Sizes of tables and numbers, both ends included."""

    rows: int = 3
    ranked: int = 4
    value: tuple[int, int] = (2, 40)
    mean: tuple[int, int] = (2, 9)
    step: tuple[int, int] = (2, 9)
    free_rows: tuple[int, int] = (3, 4)


DIFFICULTY = Difficulty()
PREFIX = "tablebench_analysis_"
SUBSETS = tuple(
    PREFIX + name
    for name in ("correlationanalysis", "trendforecasting", "statisticalanalysis", "impactanalysis", "other")
)

_HEAD = 'You are a table analyst. The last line must be "Final Answer: {form}".\n'
_BODY = "[TABLE]\n{table}\nQuestion: {question}"
_SEVERAL = "AnswerName1, AnswerName2..."
FORMS = {"CorrelationAnalysis": "CorrelationRelation, CorrelationCoefficient"} | dict.fromkeys(
    ("AnomalyDetection", "DescriptiveAnalysis", "CausalAnalysis"), "Answer."
)
"""What stands after ``Final Answer:`` in the instruction, by ``qsubtype``; for all others, several values."""

Table = dict[str, Any]
Solved = tuple[str, Table, str, str, str]
"""Published ``qsubtype``, table, question, answer, worked steps."""


def instruction_for(kind: str) -> str:
    """The instruction of a ``qsubtype`` with the places ``{table}`` and ``{question}``."""
    return _HEAD.replace("{form}", FORMS.get(kind, _SEVERAL)) + _BODY


def _values(rng: random.Random, count: int, bounds: tuple[int, int] | None = None) -> list[int]:
    low, high = bounds or DIFFICULTY.value
    return rng.sample(range(low, high + 1), count)


def _named(names: Sequence[str], measures: Sequence[str], columns: Sequence[Sequence[Any]]) -> Table:
    return as_table(("name", *measures), list(zip(names, *columns, strict=True)))


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


# -- correlation -----------------------------------------------------------------------------------


def _gap(order: Sequence[int]) -> int:
    return sum((place - rank) ** 2 for place, rank in enumerate(order, 1))


def coefficient(total: int) -> float:
    """Pearson's coefficient of two columns of ranks 1 to 4 whose squared differences sum to ``total``."""
    size = DIFFICULTY.ranked
    return 1 - 6 * total / (size * (size * size - 1))


_ORDERS: dict[str, list[tuple[int, ...]]] = {}
for _order in itertools.permutations(range(1, DIFFICULTY.ranked + 1)):
    _ORDERS.setdefault(label_of(coefficient(_gap(_order))), []).append(_order)


def _correlation(rng: random.Random) -> Solved:
    order = rng.choice(_ORDERS[rng.choice(sorted(_ORDERS))])
    pairs = list(enumerate(order, 1))
    rng.shuffle(pairs)
    first, second = rng.sample(MEASURES, 2)
    table = _named(rng.sample(NAMES, len(pairs)), (first, second), list(zip(*pairs, strict=True)))
    gaps = [abs(a - b) for a, b in pairs]
    steps = " ".join(f"{max(p)}-{min(p)}={gap}." for p, gap in zip(pairs, gaps, strict=True))
    squares = [gap * gap for gap in gaps]
    answer = correlation_answer(sum(squares))
    steps = f"{steps} {'+'.join(map(str, squares))}={sum(squares)}."
    question = f"What is the correlation between the ranks in '{first}' and '{second}'?"
    return "CorrelationAnalysis", table, question, answer, steps


def correlation_answer(total: int) -> str:
    """Label and coefficient in the published form."""
    value = coefficient(total)
    return f"{label_of(round(value, 2))}, {value:.2f}"


# -- trend -----------------------------------------------------------------------------------------


def _forecast(rng: random.Random) -> Solved:
    step = rng.randint(*DIFFICULTY.step) * rng.choice((-1, 1))
    start = rng.randint(10, 20) + (0 if step > 0 else -3 * step)
    values = [start, start + step, start + 2 * step]
    steps = f"{_listed(values)}. {values[2]}-{values[1]}={step}. {values[2]}{step:+d}={values[2] + step}."
    table, measure, after = _years(rng, values)
    question = f"If the trend goes on, how many {measure} will there be in {after}?"
    return "TrendForecasting", table, question, str(values[2] + step), steps


def _direction(rng: random.Random) -> Solved:
    values = _going(rng, rng.choice(("up", "down", "mixed")))
    table, measure, _ = _years(rng, values)
    way = way_of(values)
    answer = {"up": "Increasing trend", "down": "Decreasing trend", "mixed": "No clear trend"}[way]
    question = f"Which trend do the {measure} show over the years?"
    return "TrendForecasting", table, question, answer, f"{measure} {_listed(values)} {way}."


def _years(rng: random.Random, values: Sequence[int]) -> tuple[Table, str, int]:
    """(table, measure, the year after the last one)"""
    measure, start = rng.choice(MEASURES), rng.randint(1950, 2020)
    rows = [[start + place, value] for place, value in enumerate(values)]
    return as_table(("year", measure), rows), measure, start + len(values)


def _going(rng: random.Random, way: str) -> list[int]:
    while True:
        values = _values(rng, DIFFICULTY.rows)
        if way_of(values) == way:
            return values


# -- statistics ------------------------------------------------------------------------------------


def _median(rng: random.Random) -> Solved:
    values, table, measure = _column(rng)
    ordered = sorted(values)
    steps = f"{_listed(values)}. Sorted {_listed(ordered)}."
    return "StatisticalAnalysis", table, f"What is the median of {measure}?", str(ordered[1]), steps


def _mean(rng: random.Random) -> Solved:
    while True:
        values, table, measure = _column(rng, DIFFICULTY.mean)
        if sum(values) % len(values) == 0:
            break
    first, total, mean = values[0] + values[1], sum(values), sum(values) // len(values)
    steps = f"{values[0]}+{values[1]}={first}. {first}+{values[2]}={total}. {total}/{len(values)}={mean}."
    return "StatisticalAnalysis", table, f"What is the mean of {measure}?", str(mean), steps


def _range(rng: random.Random) -> Solved:
    values, table, measure = _column(rng)
    high, low = max(values), min(values)
    steps = f"{_listed(values)}. Highest {high}, lowest {low}. {high}-{low}={high - low}."
    return "StatisticalAnalysis", table, f"What is the range of {measure}?", str(high - low), steps


def _extremes(rng: random.Random) -> Solved:
    values, table, measure = _column(rng)
    ordered = sorted(values)
    question = f"What are the maximum and the median of {measure}?"
    steps = f"{_listed(values)}. Sorted {_listed(ordered)}."
    return "StatisticalAnalysis", table, question, f"{ordered[2]}, {ordered[1]}", steps


def _column(rng: random.Random, bounds: tuple[int, int] | None = None) -> tuple[list[int], Table, str]:
    values, measure = _values(rng, DIFFICULTY.rows, bounds), rng.choice(MEASURES)
    return values, _named(rng.sample(NAMES, len(values)), (measure,), (values,)), measure


# -- impact ----------------------------------------------------------------------------------------


def _effect(rng: random.Random) -> Solved:
    way = rng.choice(("up", "down", "mixed"))
    cause, target = rng.sample(MEASURES, 2)
    rising, values = sorted(_values(rng, DIFFICULTY.rows)), _going(rng, way)
    table = _named(rng.sample(NAMES, len(values)), (cause, target), (rising, values))
    answer = {"up": "Positive impact", "down": "Negative impact", "mixed": "No clear impact"}[way]
    question = f"What impact does an increase in {cause} have on {target}?"
    return "ImpactAnalysis", table, question, answer, f"{target} {_listed(values)} {way}."


def _factors(rng: random.Random) -> Solved:
    ways = [rng.choice(("up", "mixed")) for _ in range(2)]
    *factors, target = rng.sample(MEASURES, 3)
    columns = [_going(rng, way) for way in ways]
    rising = sorted(_values(rng, DIFFICULTY.rows))
    table = _named(rng.sample(NAMES, len(rising)), (*factors, target), (*columns, rising))
    moving = [factor for factor, way in zip(factors, ways, strict=True) if way == "up"]
    steps = " ".join(
        f"{factor} {_listed(column)} {way}."
        for factor, column, way in zip(factors, columns, ways, strict=True)
    )
    question = (
        f"Which of '{factors[0]}' and '{factors[1]}' rise with '{target}'? If none, reply 'no clear impact'."
    )
    return "ImpactAnalysis", table, question, ", ".join(moving) or "No clear impact", steps


# -- free answers ----------------------------------------------------------------------------------


def _anomaly(rng: random.Random) -> Solved:
    names, values, measure = _free(rng)
    answer, found = "No anomalies are detected in the table", "None high"
    if rng.random() < 0.6:
        place = rng.randrange(len(values))
        values[place] *= 100
        answer = f"The anomaly is {names[place]} with {values[place]} {measure}"
        found = f"High {values[place]} {names[place]}"
    table = _named(names, (measure,), (values,))
    question = f"Can you identify any anomaly in the {measure}?"
    return "AnomalyDetection", table, question, answer, f"{_pairs(names, values)}. {found}."


def _description(rng: random.Random) -> Solved:
    names, values, measure = _free(rng)
    best = max(values)
    name = names[values.index(best)]
    answer = f"The table lists the {measure} of {len(names)} names and {name} leads with {best}"
    steps = f"{_pairs(names, values)}. Most {best} {name}."
    return (
        "DescriptiveAnalysis",
        _named(names, (measure,), (values,)),
        "Can you describe the table?",
        answer,
        steps,
    )


def _cause(rng: random.Random) -> Solved:
    way = rng.choice(("up", "mixed"))
    cause, target = rng.sample(MEASURES, 2)
    values = _going(rng, way)
    table = _named(
        rng.sample(NAMES, len(values)), (cause, target), (sorted(_values(rng, len(values))), values)
    )
    answer = (
        f"Yes, {target} rise with {cause} in every row"
        if way == "up"
        else f"No, {target} do not rise with {cause} in every row"
    )
    question = f"Does an increase in {cause} cause an increase in {target}?"
    return "CausalAnalysis", table, question, answer, f"{target} {_listed(values)} {way}."


def _free(rng: random.Random) -> tuple[list[str], list[int], str]:
    count = rng.randint(*DIFFICULTY.free_rows)
    return rng.sample(NAMES, count), _values(rng, count), rng.choice(MEASURES)


def _pairs(names: Sequence[str], values: Sequence[int]) -> str:
    return ", ".join(f"{value} {name}" for name, value in zip(names, values, strict=True))


# -- the generator ---------------------------------------------------------------------------------

KINDS: tuple[tuple[Callable[[random.Random], Solved], ...], ...] = (
    (_correlation,),
    (_forecast, _direction),
    (_median, _mean, _range, _extremes),
    (_effect, _factors),
    (_anomaly, _description, _cause),
)
"""The makers of each subset, in the order of ``SUBSETS``."""


def draw(rng: random.Random, index: int) -> Item:
    """One question of subset ``index``, counted round, with a table of its own."""
    makers = KINDS[index % len(SUBSETS)]
    kind, table, question, answer, steps = makers[index // len(SUBSETS) % len(makers)](rng)
    columns = columns_of("DataAnalysis", kind, instruction_for(kind), table, question)
    return Item(columns, answer, steps, SUBSETS[index % len(SUBSETS)], answer, {"qsubtype": kind})


_LABELS = {
    "TrendForecasting": ("Increasing trend", "Decreasing trend", "No clear trend"),
    "ImpactAnalysis": ("Positive impact", "Negative impact", "No clear impact"),
}


def wrong(rng: random.Random, item: Item) -> str:
    """Another finding of the same kind."""
    kind = str(item.meta["qsubtype"])
    if kind == "CorrelationAnalysis":
        totals = [total for total in range(0, 21, 2) if correlation_answer(total) != item.answer]
        return correlation_answer(rng.choice(totals))
    if item.answer in _LABELS.get(kind, ()):
        if "Which of" not in item.columns["question"]:
            return rng.choice([label for label in _LABELS[kind] if label != item.answer])
        return str(rng.choice(item.columns["table"]["columns"][1:3]))
    if kind == "ImpactAnalysis":
        factors = item.columns["table"]["columns"][1:3]
        answers = (factors[0], factors[1], ", ".join(factors), "No clear impact")
        return str(rng.choice([answer for answer in answers if answer != item.answer]))
    if re.fullmatch(r"[\d, ]+", item.answer):
        *rest, last = item.answer.split(", ")
        # More than a tenth away, which would still be right.
        return ", ".join([*rest, str(int(last) + int(last) // 5 + rng.randint(2, 6))])
    return _wrong_sentence(rng, item)


def _wrong_sentence(rng: random.Random, item: Item) -> str:
    rows = item.columns["table"]["data"]
    if item.answer.startswith(("Yes", "No,")):
        target = item.columns["table"]["columns"][2]
        if item.answer.startswith("Yes"):
            return item.answer.replace(f"Yes, {target} rise", f"No, {target} do not rise")
        return item.answer.replace(f"No, {target} do not rise", f"Yes, {target} rise")
    if item.answer.startswith("No anomalies"):
        name, value = rng.choice(rows)
        return f"The anomaly is {name} with {value} {item.columns['table']['columns'][1]}"
    said = next(row for row in rows if re.search(rf"\b{row[0]}\b", item.answer))
    name, value = rng.choice([row for row in rows if row is not said])
    return item.answer.replace(said[0], name).replace(f"with {said[1]}", f"with {value}")


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right answer without the final-answer line."""
    return rng.choice(("{}", '{{"answer": "{}"}}', '{{"final_answer": "{}"}}')).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A slip in the last equation or in the direction of a column, carried into the answer."""
    slip = broken(rng, item.reasoning)
    if slip is not None:
        correlation = item.meta["qsubtype"] == "CorrelationAnalysis"
        return (wrong(rng, item) if correlation else str(slip[1])), slip[0]
    way = re.search(r" (up|down|mixed)\.$", item.reasoning)
    if way is None:
        return None
    other = rng.choice([word for word in ("up", "down", "mixed") if word != way.group(1)])
    return wrong(rng, item), f"{item.reasoning[: way.start(1)]}{other}."


_SWAPS = (
    ("What is ", "Tell me "),
    ("Can you ", "Could you "),
    ("What impact ", "Which impact "),
    ("Which trend ", "What trend "),
    ("how many ", "what number of "),
    ("What are ", "Tell me "),
    ("Does an increase ", "Does a rise "),
    ("If none, ", "If neither, "),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The question lightly edited; at times asked before the table, or the table spaced out."""
    return edited(rng, columns, instruction_for(columns["qsubtype"]), _SWAPS)
