r"""Folder of your own as a task: ``task.toml``, ``train/*.jsonl``, ``validation.jsonl``, ``test.jsonl``.

    name = "unit-conversion"
    description = "Convert a length."
    prompt = "{question}\nAnswer with the number only."
    metric = "number"
    answer = "answer"

Everything a person can get wrong here is answered by one ``InputError``: what was
read, what is wrong with it, how to mend it. Files are UTF-8, with or without a byte
order mark, with either kind of line end.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.answers.metrics import accuracy
from tasks.base import (
    ItemScore,
    Row,
    Sample,
    Score,
    Source,
    TaskData,
    TaskSpec,
)
from tasks.columns import pluck
from tasks.custom.example import write_example
from tasks.custom.metrics import AnswerReader, reader_for
from tasks.errors import InputError, did_you_mean
from tasks.splits import content_id, fingerprint

__all__ = ["METRICS", "TaskFile", "fill", "load_folder", "read_jsonl", "read_task_file", "write_example"]

Metric = Literal["exact_match", "choice_letter", "number", "json_field", "token_f1"]
METRICS: tuple[str, ...] = get_args(Metric)

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}\n]+)\}")


class TaskFile(BaseModel):
    """The content of ``task.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=80, pattern=r"^[\w.-]+$")
    """Letters, digits, dots, dashes and underscores: it becomes part of file names."""
    description: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    """What the model reads; ``{column}`` is replaced by that column, ``{{`` and ``}}`` are braces."""
    metric: Metric
    answer: str = "answer"
    """The column with the right answer; a path such as ``answer.code`` reaches inside."""
    reasoning: str | None = None
    """A column with a worked solution, where the rows have one."""
    field: str | None = None
    """For ``json_field``: the field of the JSON object that holds the answer."""
    tolerance: float = Field(0.0, ge=0.0)
    """For ``number``: largest absolute difference that still counts as right."""
    letters: str = Field("ABCD", pattern=r"^[A-H]{2,8}$")
    """For ``choice_letter``: the letters that exist."""
    max_new_tokens: int = Field(64, gt=0, le=8192)
    licence: str = "as stated by the owner of the folder"

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The columns that the prompt names."""
        return tuple(name for name in _PLACEHOLDER.findall(self.prompt) if name)


@dataclass(frozen=True)
class Line:
    """One row of a JSONL file and where it stands."""

    row: dict[str, Any]
    number: int


def load_folder(path: str | Path) -> TaskSpec:
    """The folder as a task; raises InputError for whatever is wrong with its files.

    Everything is read and checked here, so that a run does not start on bad input.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(
            str(path), "there is no such folder", "ftdojo init-task DIR writes an example to start from"
        )
    task = read_task_file(folder / "task.toml")
    validation = _read_split(folder, "validation.jsonl", task)
    test = _read_split(folder, "test.jsonl", task)
    _refuse_overlap(task, validation, test)
    sources = _read_sources(folder)
    reader = reader_for(task.metric, field=task.field, letters=task.letters, tolerance=task.tolerance)
    samples = {
        name: _samples(name, lines, task, reader)
        for name, lines in (("validation.jsonl", validation), ("test.jsonl", test))
    }
    data = TaskData(samples["validation.jsonl"], sources, lambda: samples["test.jsonl"])
    return _spec(task, reader, data, str(path))


def read_task_file(path: Path) -> TaskFile:
    """``task.toml`` checked; raises InputError with the field that is wrong."""
    if not path.is_file():
        raise InputError(str(path), "the file is missing", "ftdojo init-task DIR writes one to start from")
    try:
        fields = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(str(path), f"it is not valid TOML: {_one_line(error)}", "mend that line") from error
    try:
        task = TaskFile.model_validate(fields)
    except ValidationError as error:
        raise _task_file_error(path, error) from error
    if task.metric == "json_field" and not task.field:
        raise InputError(
            str(path), 'metric = "json_field" needs to know the field', 'add a line such as field = "answer"'
        )
    if not task.placeholders:
        raise InputError(
            str(path), "the prompt names no column", 'write one in braces, such as prompt = "{question}"'
        )
    return task


def _task_file_error(path: Path, error: ValidationError) -> InputError:
    # A misspelt setting is also a missing one: the misspelling says more.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    name = ".".join(str(part) for part in first["loc"]) or "task.toml"
    if first["type"] == "missing":
        return InputError(str(path), f"the line {name} = ... is missing", "add it")
    if first["type"] == "extra_forbidden":
        return InputError(
            str(path), f"there is no setting {name!r}", did_you_mean(name, TaskFile.model_fields)
        )
    if name == "metric":
        return InputError(
            str(path), f"unknown metric {first['input']!r}", did_you_mean(str(first["input"]), METRICS)
        )
    return InputError(
        str(path), f"{name} = {first['input']!r}: {_one_line(first['msg'])}", "change that value"
    )


def _one_line(message: object) -> str:
    return " ".join(str(message).split())[:200]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path} line {line}", "it is not UTF-8 text", "save the file as UTF-8") from error
    except OSError as error:
        raise InputError(
            str(path), f"it cannot be read: {error.strerror}", "check the file and its rights"
        ) from error


def read_jsonl(path: Path) -> tuple[Line, ...]:
    """The rows of a JSONL file; raises InputError with the line that is wrong."""
    if not path.is_file():
        raise InputError(str(path), "the file is missing", "add it: one JSON object a line")
    lines = []
    # Only line feeds end a line: JSON text may hold other separators, such as U+2028.
    for number, text in enumerate(_text(path).split("\n"), 1):
        if text.strip():
            lines.append(Line(_object(path, number, text), number))
    if not lines:
        raise InputError(str(path), "it has no rows", "add at least one JSON object a line")
    return tuple(lines)


def _object(path: Path, number: int, text: str) -> dict[str, Any]:
    where, fix = (
        f"{path} line {number}",
        'write one JSON object, such as {"question": "...", "answer": "..."}',
    )
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"it is not JSON: {_one_line(error)}", fix) from error
    if not isinstance(row, dict):
        raise InputError(where, f"it is a JSON {type(row).__name__}, not an object", fix)
    return row


def _read_split(folder: Path, name: str, task: TaskFile) -> tuple[Line, ...]:
    lines = read_jsonl(folder / name)
    for line in lines:
        for column in (*task.placeholders, task.answer):
            if (pluck(line.row, column) or "").strip() == "":
                raise _column_error(folder / name, line, column, task)
    return lines


def _column_error(path: Path, line: Line, column: str, task: TaskFile) -> InputError:
    role = "the answer" if column == task.answer else f"{{{column}}} in the prompt"
    if column in line.row:
        return InputError(
            f"{path} line {line.number}",
            f"the column {column!r} ({role}) is empty",
            "fill it or drop the row",
        )
    return InputError(
        f"{path} line {line.number}",
        f"there is no column {column!r} ({role})",
        did_you_mean(column, line.row),
    )


def _refuse_overlap(task: TaskFile, validation: Sequence[Line], test: Sequence[Line]) -> None:
    seen = {fingerprint(fill(task.prompt, line.row) or ""): line.number for line in reversed(validation)}
    for line in test:
        twin = seen.get(fingerprint(fill(task.prompt, line.row) or ""))
        if twin is not None:
            raise InputError(
                f"validation.jsonl line {twin} and test.jsonl line {line.number}",
                "they ask the same question",
                "keep it in one of the two files: a test that was practised proves nothing",
            )


def _read_sources(folder: Path) -> tuple[Source, ...]:
    files = sorted((folder / "train").glob("*.jsonl"))
    if not files:
        raise InputError(
            str(folder / "train"), "there are no .jsonl files", "add at least one source of training rows"
        )
    return tuple(_source(path) for path in files)


def _source(path: Path) -> Source:
    rows = tuple(line.row for line in read_jsonl(path))
    card = path.with_suffix(".md")
    columns = ", ".join(f"`{name}`" for name in rows[0])
    text = (
        _text(card) if card.is_file() else f"# {path.stem}\n\n- Rows: {len(rows):,}\n- Columns: {columns}\n"
    )
    return Source(path.stem, text, rows, "as stated by its owner")


def fill(template: str, row: Row) -> str | None:
    """The prompt for a row; None when the row lacks a column that the template names."""
    missing = False

    def put(match: re.Match[str]) -> str:
        nonlocal missing
        name = match.group(1)
        if name is None:
            return match.group(0)[0]
        text = pluck(row, name)
        missing = missing or text is None
        return text or ""

    filled = _PLACEHOLDER.sub(put, template)
    return None if missing else filled


def _samples(name: str, lines: Sequence[Line], task: TaskFile, reader: AnswerReader) -> tuple[Sample, ...]:
    samples: dict[str, Sample] = {}
    for line in lines:
        prompt, written = fill(task.prompt, line.row) or "", pluck(line.row, task.answer) or ""
        gold = reader.gold(written)
        if gold is None:
            raise InputError(
                f"{name} line {line.number}",
                f"the answer {written[:60]!r} cannot be read by metric = {task.metric!r}",
                "change the answer, the answer column or the metric",
            )
        # A question that stands twice in one file counts once.
        samples.setdefault(content_id(prompt), Sample(content_id(prompt), task.name, prompt, gold))
    return tuple(samples.values())


def _spec(task: TaskFile, reader: AnswerReader, data: TaskData, path: str) -> TaskSpec:
    def scorer(sample: Sample, answer: str) -> ItemScore:
        return reader.scorer(str(sample.gold), answer)

    def build_prompt(row: Row) -> str | None:
        return fill(task.prompt, row)

    def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
        return accuracy(samples, item_scores, task.metric)

    return TaskSpec(
        id=task.name,
        domain="custom",
        title=task.name,
        description=task.description,
        answer_format=reader.answer_format,
        metric=task.metric,
        licence=task.licence,
        source=path,
        pitfall="",
        subsets=(task.name,),
        max_new_tokens=task.max_new_tokens,
        answer_budget_given="max_new_tokens" in task.model_fields_set,
        data=data,
        scorer=scorer,
        aggregate=aggregate,
        render=reader.render,
        extract=reader.gold,
        verify=lambda prompt, target: None,
        build_prompt=build_prompt,
        answer_column=task.answer,
        reasoning_column=task.reasoning or "",
    )
