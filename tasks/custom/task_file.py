"""Settings of a task folder: what ``task.toml`` may say, checked, and its prompt filled from a row."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.base import JudgeSettings, Row
from tasks.errors import InputError, did_you_mean
from tasks.formats.conversation import Unreadable
from tasks.formats.declared import Declared

Metric = Literal[
    "exact_match",
    "choice_letter",
    "classification",
    "number",
    "json_field",
    "json",
    "token_f1",
    "rouge_l",
    "chrf",
    "set_f1",
    "regex",
    "code",
    "python",
    "judge",
]
METRICS: tuple[str, ...] = get_args(Metric)


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
    labels: tuple[str, ...] = Field((), strict=False)
    """For ``classification``: the labels; without them, those of validation and test."""
    fields: tuple[str, ...] = Field((), strict=False)
    """For ``json``: the fields that count; without them, all of the gold object."""
    json_schema: str | None = None
    """For ``json``: a JSON Schema file beside ``task.toml``; what it refuses counts as unreadable."""
    pattern: str | None = None
    """For ``regex``: the expression that finds the answer in a reply; its first group where it has one."""
    pattern_column: str | None = None
    """For ``regex``: the column with each row's own expression, which a right reply matches."""
    tests: str = "tests"
    """For ``code``: the column with the Python code that tests a reply's code."""
    score_range: tuple[float, float] = Field((0.0, 1.0), strict=False)
    """For ``python``: the lowest and the highest value of ``score`` in ``scorer.py``."""
    judge: JudgeSettings | None = None
    """For ``judge``: the table ``[judge]``."""
    max_new_tokens: int = Field(64, gt=0, le=8192)
    licence: str = "as stated by the owner of the folder"
    origin: str = ""
    """Where the rows are from, such as a Hub id with its commit; for the record alone."""
    sources: tuple[str, ...] = Field((), strict=False)
    """Training data beside ``train/``: paths from the folder, or Hub ids, ``ORG/NAME:CONFIG:SPLIT``."""
    replay: tuple[str, ...] = Field((), strict=False)
    """General rows, named as ``sources`` are: no examples of the task, mixed in against forgetting alone."""

    @property
    def declared(self) -> Declared:
        """The columns that the owner names: law wherever a source has them."""
        return Declared(self.prompt, self.answer, self.reasoning or "")

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The columns that the prompt names."""
        return self.declared.columns


def read_task_file(path: Path) -> TaskFile:
    """``task.toml`` checked; raises InputError with the field that is wrong."""
    if not path.is_file():
        raise InputError(str(path), "the file is missing", "ftdojo init-task DIR writes one to start from")
    try:
        fields = tomllib.loads(text_of(path))
    # Beside TOML's own errors: a number of too many digits, deep nesting.
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), f"it is not valid TOML: {one_line(error)}", "mend that line") from error
    try:
        task = TaskFile.model_validate(fields)
    except ValidationError as error:
        raise _task_file_error(path, error) from error
    if task.metric == "json_field" and not task.field:
        raise InputError(
            str(path), 'metric = "json_field" needs to know the field', 'add a line such as field = "answer"'
        )
    if task.metric == "regex" and (task.pattern is None) == (task.pattern_column is None):
        wrong = 'metric = "regex" needs either an expression for all rows or a column with each row\'s own'
        raise InputError(str(path), wrong, "add one line, pattern = ... or pattern_column = ...")
    if task.metric == "judge" and task.judge is None:
        fix = 'add [judge] and model = "provider:model" at the end of the file'
        raise InputError(str(path), 'metric = "judge" needs to know who judges', fix)
    if task.metric != "judge" and task.judge is not None:
        wrong = f'there is a table [judge], and metric = "{task.metric}"'
        raise InputError(str(path), wrong, 'write metric = "judge" or drop the table')
    if not -math.inf < task.score_range[0] < task.score_range[1] < math.inf:
        raise InputError(str(path), "score_range is empty", "write score_range = [0.0, 1.0]")
    if not task.placeholders:
        raise InputError(
            str(path), "the prompt names no column", 'write one in braces, such as prompt = "{question}"'
        )
    return task


def _task_file_error(path: Path, error: ValidationError) -> InputError:
    # A misspelt setting is also a missing one: the misspelling says more.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    name = ".".join(str(part) for part in first["loc"]) or "task.toml"
    if first["type"] == "extra_forbidden" and first["loc"][0] == "judge":
        fix = did_you_mean(str(first["loc"][-1]), JudgeSettings.model_fields)
        return InputError(str(path), f"there is no setting {name!r}", fix)
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
        str(path), f"{name} = {first['input']!r}: {one_line(first['msg'])}", "change that value"
    )


def text_of(path: Path) -> str:
    """A UTF-8 file's text; raises InputError with the line that is none."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path} line {line}", "it is not UTF-8 text", "save the file as UTF-8") from error
    except OSError as error:
        raise InputError(
            str(path), f"it cannot be read: {error.strerror}", "check the file and its rights"
        ) from error


def one_line(message: object) -> str:
    """A foreign message on one line, cut to 200 characters."""
    return " ".join(str(message).split())[:200]


def fill(template: str, row: Row) -> str | None:
    """The prompt for a row; None when the row lacks a column that the template names, or all are empty."""
    declared = Declared(template)
    if declared.lacks(row):
        return None
    try:
        return declared.prompt(row)
    except Unreadable:
        return None
