"""Items of a task folder: right answers found in a row, read by the metric, and made evaluation samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.answers.gold import is_missing
from tasks.base import Row, Sample
from tasks.columns import opened, pluck, value_at
from tasks.custom.metrics.patterns import PATTERN, compile_pattern
from tasks.custom.metrics.programs import ROW, TESTS
from tasks.custom.metrics.reader import AnswerReader
from tasks.custom.task_file import TaskFile, fill
from tasks.errors import InputError
from tasks.splits import item_id


@dataclass(frozen=True)
class Line:
    """One row of a JSONL file and where it stands."""

    row: dict[str, Any]
    number: int


def answers_of(row: Row, task: TaskFile) -> tuple[str, ...]:
    """The right answers of a row as written, the one to train on first; empty where there is none.

    A list of plain values is several right answers, but where the answer is JSON itself.
    """
    value = value_at(row, task.answer)
    found = value if isinstance(value, list) and task.metric != "json" else [value]
    if any(isinstance(each, dict | list) for each in found):
        found = [value]
    texts = [text for each in found if not is_missing(each) and (text := pluck({"": each}, ""))]
    return tuple(dict.fromkeys(text for text in texts if text.strip()))


def has_column(row: Row, path: str) -> bool:
    """Whether the column is there, be it empty."""
    if path in row:
        return True
    head, _, last = path.rpartition(".")
    inside = opened(value_at(row, head)) if head else None
    return isinstance(inside, dict) and last in inside


def beside_answer(task: TaskFile) -> dict[str, str]:
    """What a metric needs of a row besides its answer: key in ``Sample.meta`` -> column."""
    if task.metric == "regex" and task.pattern_column:
        return {PATTERN: task.pattern_column}
    return {TESTS: task.tests} if task.metric == "code" else {}


def samples_of(name: str, lines: Sequence[Line], task: TaskFile, reader: AnswerReader) -> tuple[Sample, ...]:
    """The items of a split, each question once; raises InputError with the line whose answer the metric
    cannot read."""
    samples: dict[str, Sample] = {}
    for line in lines:
        prompt = fill(task.prompt, line.row) or ""
        golds = [_gold(name, line, written, task, reader) for written in answers_of(line.row, task)]
        meta: dict[str, Any] = {key: pluck(line.row, column) for key, column in beside_answer(task).items()}
        if task.pattern_column:
            compile_pattern(str(meta[PATTERN]), f"{name} line {line.number}, {task.pattern_column!r}")
        if task.metric == "python":
            meta[ROW] = line.row
        gold = golds[0] if len(golds) == 1 else golds
        # A question that stands twice in one file counts once.
        samples.setdefault(
            item_id(prompt),
            Sample(item_id(prompt), task.name, prompt, gold, meta, turns_of(line.row), _tools(line.row)),
        )
    return tuple(samples.values())


def turns_of(row: Row) -> tuple[Mapping[str, Any], ...]:
    """The messages that a row of ``ftdojo init-task`` asks, where that is more than one user turn."""
    turns = row.get("turns")
    return tuple(turn for turn in turns if isinstance(turn, dict)) if isinstance(turns, list) else ()


def _tools(row: Row) -> tuple[Mapping[str, Any], ...]:
    tools = row.get("tools") if "turns" in row else None
    return tuple(tool for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else ()


def _gold(name: str, line: Line, written: str, task: TaskFile, reader: AnswerReader) -> str:
    gold = reader.gold(written)
    if gold is None:
        raise InputError(
            f"{name} line {line.number}",
            f"the answer {written[:60]!r} cannot be read by metric = {task.metric!r}",
            "change the answer, the answer column or the metric",
        )
    return gold
