"""Second, independent solvers of the generated TableBench questions: they read table and question alone."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping
from typing import Any


def _column(row: Mapping[str, Any], name: str) -> list[Any]:
    place = row["table"]["columns"].index(name)
    return [line[place] for line in row["table"]["data"]]


def fact_checking(row: Mapping[str, Any]) -> str:
    """Keeps the rows that the question names, then reads the cell that it asks for."""
    question, columns, lines = row["question"], row["table"]["columns"], row["table"]["data"]
    words = re.findall(r"\w+", question)
    measure = next((word for word in words if word in columns[2:]), "city")
    if told := re.search(r"has (\d+) ", question):
        lines = [line for line in lines if line[columns.index(measure)] == int(told[1])]
    else:
        lines = sorted((line for line in lines if line[0] in words), key=lambda line: words.index(line[0]))
    if "more" in words:
        lines = [max(lines, key=lambda line: line[columns.index(measure)])]
    asked = "city" if "city" in words else "name" if words[0] in ("Who", "Which") else measure
    return ", ".join(str(line[columns.index(asked)]) for line in lines)


def data_analysis(row: Mapping[str, Any]) -> str:
    solvers: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "CorrelationAnalysis": _correlation,
        "TrendForecasting": _trend,
        "StatisticalAnalysis": _statistic,
        "ImpactAnalysis": _impact,
        "AnomalyDetection": _anomaly,
        "DescriptiveAnalysis": _description,
        "CausalAnalysis": _cause,
    }
    return solvers[row["qsubtype"]](row)


def _named(row: Mapping[str, Any]) -> list[str]:
    """The number columns in the order in which the question names them."""
    question = row["question"]
    found = [name for name in row["table"]["columns"] if re.search(rf"\b{name}\b", question)]
    return sorted(found, key=question.find)


def _correlation(row: Mapping[str, Any]) -> str:
    r = statistics.correlation(*(_column(row, name) for name in _named(row)))
    r = round(r, 6) + 0.0
    strength = "No" if abs(r) <= 0.3 else "Weak" if abs(r) <= 0.7 else "Strong"
    direction = "" if strength == "No" else " positive" if r > 0 else " negative"
    return f"{strength}{direction} correlation, {r:.2f}"


def _trend(row: Mapping[str, Any]) -> str:
    years = _column(row, "year")
    values = _column(row, next(name for name in _named(row) if name != "year"))
    if "Which trend" not in row["question"]:
        line = statistics.linear_regression(years, values)
        return str(round(line.intercept + line.slope * (years[-1] + 1)))
    ways = {"Increasing trend": sorted(values), "Decreasing trend": sorted(values, reverse=True)}
    return next((label for label, ordered in ways.items() if ordered == values), "No clear trend")


def _statistic(row: Mapping[str, Any]) -> str:
    values, question = _column(row, _named(row)[0]), row["question"]
    if "maximum" in question:
        return f"{max(values)}, {statistics.median(values)}"
    if "range" in question:
        return str(max(values) - min(values))
    return str(statistics.median(values) if "median" in question else statistics.mean(values))


def _ranks(first: list[int], second: list[int]) -> float:
    return statistics.correlation(
        *([sorted(values).index(value) for value in values] for values in (first, second))
    )


def _impact(row: Mapping[str, Any]) -> str:
    named = _named(row)
    if row["question"].startswith("Which of"):
        target = _column(row, named[2])
        rising = [name for name in named[:2] if _ranks(_column(row, name), target) > 0.999]
        return ", ".join(rising) or "No clear impact"
    r = _ranks(_column(row, named[0]), _column(row, named[1]))
    return "Positive impact" if r > 0.999 else "Negative impact" if r < -0.999 else "No clear impact"


def _anomaly(row: Mapping[str, Any]) -> str:
    name, odd = max(row["table"]["data"], key=lambda line: line[1])
    if odd < 100:
        return "No anomalies are detected in the table"
    return f"The anomaly is {name} with {odd} {row['table']['columns'][1]}"


def _description(row: Mapping[str, Any]) -> str:
    lines = sorted(row["table"]["data"], key=lambda line: line[1])
    measure = row["table"]["columns"][1]
    return f"The table lists the {measure} of {len(lines)} names and {lines[-1][0]} leads with {lines[-1][1]}"


def _cause(row: Mapping[str, Any]) -> str:
    cause, target = _named(row)
    rises = _ranks(_column(row, cause), _column(row, target)) > 0.999
    return f"{'Yes' if rises else 'No'}, {target} {'' if rises else 'do not '}rise with {cause} in every row"
