"""Charts as answers: what a row asks for, and whether what was drawn is it.

Whether a chart is right is decided by two things. Its kind: the one that the row's
``chart_type`` or the question names (they differ in some published rows, where
either will do); the released rule looks at no kind at all. And its series: every
reference series must be drawn once and nothing else of that kind, each value within
``TOLERANCE``, points in the order of the reference, series in any order. Decoration
of another kind, such as markers on a line or a mean line over bars, does no harm.
"""

from __future__ import annotations

import ast
import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.answers.gold import read_gold
from tasks.base import Row, ScriptResult
from tasks.columns import opened
from tasks.tablebench.charts.script import GIVEN, HEAD, report_of

TOLERANCE = 1e-2
"""Largest difference of two equal values, as in the released evaluator; of pies, in percentage points."""
Values = list[float | None]
"""The points of one series; None where a point is missing."""

_DRAWN_AS = {
    "bar": "bar",
    "barh": "bar",
    "hbar": "bar",
    "histogram": "bar",
    "waterfall": "bar",
    "column": "bar",
    "line": "line",
    "scatter": "scatter",
    "pie": "pie",
    "donut": "pie",
    "radar": "radar",
    "area": "area",
}
"""Kind of chart as people name it -> kind of series that draws it."""
_NAMED = re.compile(
    r"\b(bar|histogram|waterfall|column|line|scatter|pie|donut|radar|area)\s+(?:chart|plot|graph|diagram)",
    re.IGNORECASE,
)
_MISSING = re.compile(r"(?<![\w.])(?:(?:np|numpy|math)\.)?nan\b|float\(\s*['\"]nan['\"]\s*\)", re.IGNORECASE)


_AMOUNT = re.compile(r"[$€£¥]\s?(\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)")
"""A currency sign and its number, whose commas group digits."""


def kinds_named(chart_type: object, question: str) -> tuple[str, ...]:
    """The kinds of series that answer a question, sorted; empty where none is named, so that any will do."""
    named = [match.group(1).lower() for match in _NAMED.finditer(question)]
    named += [chart_type.strip().lower()] if isinstance(chart_type, str) else []
    return tuple(sorted({_DRAWN_AS[name] for name in named if name in _DRAWN_AS}))


def facts_for_judging(row: Row) -> dict[str, Any]:
    """What a scorer needs of a row: ``csv``, the table as pandas would write it, ``kinds`` and ``head``.

    Raises ValueError naming a missing or malformed column.
    """
    table = opened(row.get("table"))
    if not isinstance(table, dict) or not all(isinstance(table.get(k), list) for k in ("columns", "data")):
        raise ValueError("column `table` is not an object with `columns` and `data`")
    if not all(isinstance(line, list) for line in table["data"]):
        raise ValueError("column `table`: a row of `data` is not a list")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table["columns"])
    writer.writerows(table["data"])
    kinds = kinds_named(row.get("chart_type"), str(row.get("question", "")))
    head = HEAD if GIVEN in str(row.get("instruction", "")) else ""
    return {"csv": text.getvalue(), "kinds": list(kinds), "head": head}


def references_of(text: str) -> list[Values]:
    """The series of ``y_references = [[1, 2], [3, np.nan]]``; a flat list is one series.

    Raises ValueError for anything else.
    """
    _, _, written = text.partition("=")
    plain = _MISSING.sub("None", written).strip()
    found = _literal(plain)
    if found is None:  # amounts are written as such in some rows: [[$9,589, $1,200]]
        found = _literal(_AMOUNT.sub(lambda m: m.group(1).replace(",", ""), plain))
    if not isinstance(found, list) or not found:
        raise ValueError(f"not a list of series: {text[:80]!r}")
    series = found if all(isinstance(part, list) for part in found) else [found]
    return [[_written_number(value) for value in part] for part in series]


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _written_number(value: object) -> float | None:
    """A number of the row's own references, which some rows write as text; a report never may."""
    if isinstance(value, str) and (quantity := read_gold(value)) is not None:
        return float(quantity.value)
    return _number(value)


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"not a number: {value!r}")
    return float(value)


@dataclass(frozen=True)
class Drawn:
    """One series on a chart."""

    kind: str
    values: Values


@dataclass(frozen=True)
class Report:
    """What came of our reading of the code."""

    error: str
    series: tuple[Drawn, ...]


def own_report(result: ScriptResult) -> Report | None:
    """None when the script wrote down nothing that can be read."""
    own = report_of(result).get("own")
    if not isinstance(own, dict) or not isinstance(own.get("series"), list):
        return None
    drawn = []
    for series in own["series"]:
        try:
            values = [_finite(value) for value in series["values"]]
            drawn.append(Drawn(str(series["kind"]), values))
        except (TypeError, KeyError, ValueError):
            return None
    return Report(str(own.get("error", "")), tuple(series for series in drawn if series.values))


def _finite(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and math.isfinite(number) else None


def chart_error(reference: Sequence[Values], kinds: Sequence[str], drawn: Sequence[Drawn]) -> str:
    """Empty when the chart is right, else ``no_chart``, ``wrong_kind``, ``wrong_count``, ``wrong_order``
    or ``wrong_values``."""
    if not drawn:
        return "no_chart"
    held = list(dict.fromkeys(series.kind for series in drawn))
    asked = [kind for kind in held if not kinds or kind in kinds]
    if not asked:
        return "wrong_kind"
    errors = [_series_error(reference, kind, [s.values for s in drawn if s.kind == kind]) for kind in asked]
    return min(errors, key=len)


def _series_error(reference: Sequence[Values], kind: str, drawn: list[Values]) -> str:
    if kind == "radar":
        drawn = _without_repeats([_opened(values, reference) for values in drawn])
    if kind == "pie":
        wanted, drawn = [_shares(values) for values in reference], [_percent(values) for values in drawn]
    else:
        wanted = list(reference)
    if _all_drawn(wanted, drawn, kind):
        return ""
    joined = [value for values in drawn for value in values]
    if len(wanted) == 1 and _equal(wanted[0], joined, kind):
        return ""  # one reference list may hold several series end to end, or one bar a call
    if sum(map(len, wanted)) != len(joined):
        return "wrong_count"
    together = [value for values in wanted for value in values]
    same = _equal(_ordered(together), _ordered(joined), kind)
    return "wrong_order" if same else "wrong_values"


def _all_drawn(wanted: Sequence[Values], drawn: Sequence[Values], kind: str) -> bool:
    left = list(drawn)
    for series in wanted:
        place = next((i for i, values in enumerate(left) if _equal(series, values, kind)), None)
        if place is None:
            return False
        left.pop(place)
    return not left


def _equal(wanted: Values, drawn: Values, kind: str) -> bool:
    """Point by point. A missing reference point is a missing one in the drawing, or left out of it;
    among bars also a bar without height, since neither is seen. A missing drawn point equals nothing else."""
    if len(drawn) != len(wanted):
        wanted = [value for value in wanted if value is not None]
    if len(drawn) != len(wanted):
        return False
    return all(_same(want, have, kind) for want, have in zip(wanted, drawn, strict=True))


def _same(want: float | None, have: float | None, kind: str) -> bool:
    if want is None or have is None:
        return want is None and (have is None or (kind == "bar" and have == 0))
    return abs(want - have) <= TOLERANCE


def _opened(values: Values, reference: Sequence[Values]) -> Values:
    """A radar's outline without the points that close it, which repeat the first; a filling may add one."""
    longest = max(map(len, reference))
    while len(values) > longest and values[0] == values[-1]:
        values = values[:-1]
    return values


def _without_repeats(drawn: Sequence[Values]) -> list[Values]:
    """A radar's outline and its filling are one series."""
    return [values for i, values in enumerate(drawn) if values not in drawn[:i]]


def _shares(values: Values) -> Values:
    total = sum(value for value in values if value is not None)
    return [None if value is None or total <= 0 else 100 * value / total for value in values]


def _percent(values: Values) -> Values:
    return [None if value is None else 100 * value for value in values]


def _ordered(values: Values) -> Values:
    return sorted(values, key=lambda value: -math.inf if value is None else value)
