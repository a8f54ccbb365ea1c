"""Plotting code read without being run: its chart, columns and numbers, against the prompt and a plan.

A chain-of-thought answer opens with a plan, such as ``Plan: bar of wins - goals by player; goals > 9``.
The plan's first word is the kind of chart; columns, numbers and operations follow in any words.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass

from tasks.answers.extract import WINDOW
from tasks.tablebench.charts.compare import kinds_named
from tasks.tablebench.charts.script import code_of, parsed

_PLAN = re.compile(r"^Plan: (\w+)([^\n]{0,300})$", re.MULTILINE)
_TABLE = re.compile(r"\[TABLE\]\s*(\{[^\n]*)")
_QUESTION = re.compile(r"Question:([^\n]*)")
_CALLS = {
    "bar": ("bar",),
    "barh": ("bar",),
    "hist": ("bar",),
    "plot": ("line", "scatter", "radar"),
    "scatter": ("scatter",),
    "pie": ("pie",),
    "fill_between": ("area", "radar"),
    "stackplot": ("area",),
    "area": ("area",),
    "line": ("line",),
}
_OPERATIONS = ("cumsum", "nlargest", "nsmallest", "sort_values", "sum", "mean")
_RESHAPES = re.compile(r"rename|\.columns|melt|pivot|group|agg|DataFrame|merge|transpose|\.T\b|header|names=")
_MOST_TABLE = 200_000


@dataclass(frozen=True)
class Reading:
    """What one piece of code says."""

    kinds: frozenset[str]
    """Kinds of series that its calls can draw; empty when none is known."""
    columns: frozenset[str]
    """Columns of ``df`` that it reads by name, those that it makes left out."""
    words: tuple[str, ...]
    """All strings in it, in their order."""
    numbers: tuple[int, ...]
    """Whole numbers in it, sorted."""
    operations: frozenset[str]
    """``-``, ``+``, ``>``, ``<``, ``down`` for a descending order, and the methods of ``_OPERATIONS``."""


def reading_of(code: str) -> Reading | None:
    """None for code that Python cannot parse."""
    tree = parsed(code)
    if tree is None:
        return None
    kinds: set[str] = set()
    read, made = set[str](), set[str]()
    words: list[tuple[int, int, str]] = []
    numbers: list[int] = []
    operations: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append((node.lineno, node.col_offset, node.value))
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            numbers.append(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            kinds.update(_CALLS.get(node.func.attr, ()))
            operations.update({node.func.attr} & set(_OPERATIONS))
        elif isinstance(node, ast.Subscript):
            _note_column(node, read, made)
        elif isinstance(node, ast.keyword):
            _note_keyword(node, kinds, operations)
        operations.update(_sign(node))
    return Reading(
        frozenset(kinds),
        frozenset(read - made),
        tuple(word for _, _, word in sorted(words)),
        tuple(sorted(numbers)),
        frozenset(operations),
    )


def _note_column(node: ast.Subscript, read: set[str], made: set[str]) -> None:
    name, key = node.value, node.slice
    if isinstance(name, ast.Name) and name.id == "df" and isinstance(key, ast.Constant):
        (made if isinstance(node.ctx, ast.Store) else read).add(str(key.value))


def _note_keyword(node: ast.keyword, kinds: set[str], operations: set[str]) -> None:
    value = node.value.value if isinstance(node.value, ast.Constant) else None
    if node.arg == "kind" and isinstance(value, str):
        kinds.update(_CALLS.get(value, ()))
    if node.arg == "ascending" and value is False:
        operations.add("down")


def _sign(node: ast.AST) -> set[str]:
    signs = {ast.Sub: "-", ast.Add: "+", ast.Gt: ">", ast.Lt: "<"}
    return {signs[type(node)]} if type(node) in signs else set()


def table_columns(prompt: str) -> tuple[str, ...] | None:
    """The column names of the table in a prompt, written as JSON or as a Python literal; None without one."""
    found = _TABLE.search(prompt[-_MOST_TABLE:])
    if found is None:
        return None
    text = found.group(1).strip()
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        try:
            table = ast.literal_eval(text)
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            return None
    columns = table.get("columns") if isinstance(table, dict) else None
    return tuple(map(str, columns)) if isinstance(columns, list) else None


def check(prompt: str, target: str) -> bool | None:
    """Whether code fits its prompt and its plan.

    False for code that does not parse, reads a column that the table lacks, draws another kind of chart
    than the question names, or departs from its plan; True where there is a plan and it is followed;
    None otherwise, and for a prompt without a table or a target without code.
    """
    target = target[-WINDOW:]
    code, columns = code_of(target), table_columns(prompt)
    if code is None or columns is None:
        return None
    read = reading_of(code)
    if read is None:
        return False
    asked = kinds_named(None, " ".join(_QUESTION.findall(prompt[-_MOST_TABLE:])))
    if asked and read.kinds and not read.kinds & set(asked):
        return False
    if not _RESHAPES.search(code) and not all(_known(name, columns) for name in read.columns):
        return False
    plan = _PLAN.search(target)
    return None if plan is None else _follows(plan.group(1), plan.group(2), read, columns)


def _known(name: str, columns: tuple[str, ...]) -> bool:
    """A name of the table, or one that pandas makes of the second of two equal names (``Won.1``)."""
    return name in columns or re.sub(r"\.\d+$", "", name) in columns


def _follows(kind: str, rest: str, read: Reading, columns: tuple[str, ...]) -> bool:
    places = {name: re.search(rf"(?<!\w){re.escape(name)}(?!\w)", rest) for name in columns}
    planned = [name for _, name in sorted((place.start(), name) for name, place in places.items() if place)]
    used = list(dict.fromkeys(word for word in read.words if word in columns))
    if kind != "scatter":  # x before y
        planned, used = sorted(planned), sorted(used)
    numbers = tuple(sorted(int(digits) for digits in re.findall(r"(?<![\w.])\d{1,9}(?![\w.])", rest)))
    signs = {sign for sign in "-+><" if f" {sign} " in rest}
    steps = {
        step
        for word, step in (("running", "cumsum"), ("largest", "nlargest"), ("smallest", "nsmallest"))
        if word in rest
    }
    steps |= {"sort_values"} if "sorted" in rest else set()
    steps |= {"down"} if "down" in rest else set()
    return (
        kind in _CALLS
        and bool(set(_CALLS[kind]) & read.kinds)
        and planned == used
        and numbers == read.numbers
        and signs | steps == read.operations - {"sum", "mean"}
    )
