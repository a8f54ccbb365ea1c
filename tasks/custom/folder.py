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
from tasks.custom.files import SUFFIXES, read_file, read_path
from tasks.custom.metrics import AnswerReader, reader_for
from tasks.custom.read_rows import ReadTable, read_table, source_of
from tasks.errors import InputError, did_you_mean
from tasks.formats.conversation import Unreadable
from tasks.formats.declared import Declared
from tasks.formats.values import ABSENT, reach
from tasks.splits import content_id, fingerprint

__all__ = ["METRICS", "TaskFile", "fill", "load_folder", "read_task_file", "write_example"]

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
    def declared(self) -> Declared:
        """The columns that the owner names: law wherever a source has them."""
        return Declared(self.prompt, self.answer, self.reasoning or "")

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The columns that the prompt names."""
        return self.declared.columns


@dataclass(frozen=True)
class Line:
    """One row of a split and where it stands."""

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
    validation = _read_split(folder, "validation", task)
    test = _read_split(folder, "test", task)
    _refuse_overlap(task, validation, test)
    sources, passed_over = _read_sources(folder, task)
    reader = reader_for(task.metric, field=task.field, letters=task.letters, tolerance=task.tolerance)
    samples = {
        name: _samples(name, lines, task, reader)
        for name, lines in (("validation.jsonl", validation), ("test.jsonl", test))
    }
    told = (*(line for source in sources for line in source.understood), *passed_over)
    data = TaskData(samples["validation.jsonl"], sources, lambda: samples["test.jsonl"], told)
    return build_spec(task, reader, data, str(path))


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


def _read_split(folder: Path, name: str, task: TaskFile) -> tuple[Line, ...]:
    """The rows of ``validation`` or ``test``, in whichever format the file is."""
    path = _split_file(folder, name)
    table = read_file(path)
    if table.set_aside:
        first = table.set_aside[0]
        raise InputError(f"{path} {first.where}", first.reason, "mend or drop that row: these rows decide")
    lines = tuple(Line(row, number) for number, row in enumerate(table.rows, 1))
    for line in lines:
        _check_columns(path, line, task)
    return lines


def _split_file(folder: Path, name: str) -> Path:
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").is_file()]
    if not found:
        raise InputError(
            str(folder / f"{name}.jsonl"), "the file is missing", "add it: one JSON object a line"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(str(folder), f"{name} is there more than once ({names})", "keep one of them")
    return found[0]


def _check_columns(path: Path, line: Line, task: TaskFile) -> None:
    """Every column that is named is there, the answer is filled, and so is one of the prompt's columns.

    A column that is empty in some rows is normal (``input`` in Alpaca's rows): it is left out there.
    """
    for column in (*task.placeholders, task.answer):
        if reach(line.row, column) is ABSENT:
            raise _column_error(path, line, column, task)
    if (pluck(line.row, task.answer) or "").strip() == "":
        raise _column_error(path, line, task.answer, task)
    if not any((pluck(line.row, column) or "").strip() for column in task.placeholders):
        raise _column_error(path, line, task.placeholders[0], task)


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


def _read_sources(folder: Path, task: TaskFile) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The training sources, and what else is to be told: files that were passed over."""
    data = read_path(_training_data(folder))
    read = [read_table(table, task.declared) for table in data.tables]
    if not any(table.rows for table in read):
        told = "; ".join(f"{Path(table.path).name}: {_why_none(table)}" for table in read[:5])
        raise InputError(
            str(folder / "train"), f"no row can be trained on ({told})", "name the columns in task.toml"
        )
    sources = tuple(source_of(table, _card(table)) for table in read)
    return sources, tuple(f"{item.path}: not read, {item.reason}" for item in data.passed_over)


def _training_data(folder: Path) -> Path:
    if (folder / "train").is_dir():
        return folder / "train"
    files = [folder / f"train{suffix}" for suffix in SUFFIXES if (folder / f"train{suffix}").is_file()]
    if not files:
        raise InputError(
            str(folder / "train"), "there are no training rows", "add train/ with at least one file of rows"
        )
    return files[0]


def _why_none(table: ReadTable) -> str:
    reason = table.tally.reasons.most_common(1)
    return f"{reason[0][0]}; {table.format.why}" if reason else table.format.why


def _card(table: ReadTable) -> str:
    path = Path(table.path)
    card = path.with_name(path.name.partition(".")[0] + ".md")
    return _text(card) if card.is_file() else ""


def fill(template: str, row: Row) -> str | None:
    """The prompt for a row; None when the row lacks a column that the template names, or all are empty."""
    declared = Declared(template)
    if declared.lacks(row):
        return None
    try:
        return declared.prompt(row)
    except Unreadable:
        return None


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
        turns = tuple(line.row.get("turns") or ())
        samples.setdefault(
            content_id(prompt), Sample(content_id(prompt), task.name, prompt, gold, turns=turns)
        )
    return tuple(samples.values())


def build_spec(task: TaskFile, reader: AnswerReader, data: TaskData, path: str) -> TaskSpec:
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
