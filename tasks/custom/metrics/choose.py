"""Choice of the reader for a metric's name, from the settings of ``task.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tasks.custom.links import refuse_link_out
from tasks.custom.metrics.closed import choice_reader, class_reader, distinct_labels
from tasks.custom.metrics.judged import judged_reader
from tasks.custom.metrics.numbers import number_reader
from tasks.custom.metrics.objects import field_reader, object_reader
from tasks.custom.metrics.overlap import exact_reader, overlap_reader
from tasks.custom.metrics.patterns import pattern_reader, row_pattern_reader
from tasks.custom.metrics.programs import Program, code_program, code_reader, scorer_program, scorer_reader
from tasks.custom.metrics.reader import AnswerReader
from tasks.custom.metrics.sets import set_reader
from tasks.custom.task_file import TaskFile

SCORER = "scorer.py"
"""The file beside ``task.toml`` that ``metric = "python"`` calls."""


def reader_for(task: TaskFile, folder: Path, golds: Sequence[str]) -> AnswerReader:
    """The reader of a task's metric.

    Args:
        task: its settings.
        folder: where its schema would be.
        golds: the answers of validation as written; a column of numbers shows its format in them.

    Raises:
        InputError: a schema or an expression is wrong.
    """
    match task.metric:
        case "number":
            return number_reader(golds, task.tolerance)
        case "choice_letter":
            return choice_reader(task.letters)
        case "classification":
            return class_reader(task.labels or distinct_labels(golds))
        case "json_field":
            return field_reader(task.field or "answer")
        case "json":
            schema = refuse_link_out(folder / task.json_schema, folder) if task.json_schema else None
            return object_reader(task.fields, schema)
        case "regex":
            return pattern_reader(task.pattern) if task.pattern else row_pattern_reader()
        case "code":
            return code_reader()
        case "python":
            return scorer_reader()
        case "judge":
            return judged_reader()
        case "set_f1":
            return set_reader()
        case "exact_match":
            return exact_reader()
        case overlap:
            return overlap_reader(overlap)


def program_for(task: TaskFile, folder: Path) -> Program | None:
    """What runs the answers of a task; None for metrics that run nothing.

    Raises:
        InputError: ``scorer.py`` is missing or wrong.
    """
    if task.metric == "code":
        return code_program()
    if task.metric == "python":
        low, high = task.score_range
        return scorer_program(refuse_link_out(folder / SCORER, folder), low, high)
    return None
