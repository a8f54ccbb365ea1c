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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Judge, Row, Sample, Score, Source, TaskData, TaskSpec
from tasks.columns import pluck, value_at
from tasks.custom.example import write_example
from tasks.custom.items import Line, answers_of, beside_answer, has_column, samples_of, trained_on
from tasks.custom.metrics.choose import program_for, reader_for
from tasks.custom.metrics.closed import class_score
from tasks.custom.metrics.distinct import COMPARED, COMPARED_BY_PROGRAM, refuse_blind_metric
from tasks.custom.metrics.programs import before_it_ran
from tasks.custom.metrics.reader import AnswerReader
from tasks.custom.task_file import METRICS, TaskFile, fill, one_line, read_task_file, text_of
from tasks.errors import InputError, did_you_mean
from tasks.splits import item_id

__all__ = ["METRICS", "TaskFile", "fill", "load_folder", "read_jsonl", "read_task_file", "write_example"]

NAMED = 20
"""Line numbers that a remark on rows set aside lists."""


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
    splits, remarks = {}, []
    for name in ("validation.jsonl", "test.jsonl"):
        splits[name], remark = _read_split(folder, name, task)
        remarks += remark
    _refuse_overlap(task, *splits.values())
    reader = reader_for(task, folder, _written(task, splits))
    samples = {name: samples_of(name, lines, task, reader) for name, lines in splits.items()}
    data = TaskData(
        samples["validation.jsonl"],
        _read_sources(folder, task),
        lambda: samples["test.jsonl"],
        tuple(remarks),
    )
    spec = _spec(task, reader, data, folder)
    if spec.check_gold is not None and spec.script is None:
        spec.check_gold(data.validation, lambda items, replies: list(map(spec.scorer, items, replies)))
    return spec


def _written(task: TaskFile, splits: Mapping[str, Sequence[Line]]) -> list[str]:
    """The gold answers as written; of validation alone, but for labels, whose list is no secret."""
    named = splits if task.metric == "classification" else ("validation.jsonl",)
    return [text for name in named for line in splits[name] for text in answers_of(line.row, task)]


def read_jsonl(path: Path) -> tuple[Line, ...]:
    """The rows of a JSONL file; raises InputError with the line that is wrong."""
    if not path.is_file():
        raise InputError(str(path), "the file is missing", "add it: one JSON object a line")
    lines = []
    # Only line feeds end a line: JSON text may hold other separators, such as U+2028.
    for number, text in enumerate(text_of(path).split("\n"), 1):
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
        raise InputError(where, f"it is not JSON: {one_line(error)}", fix) from error
    if not isinstance(row, dict):
        raise InputError(where, f"it is a JSON {type(row).__name__}, not an object", fix)
    return row


def _read_split(folder: Path, name: str, task: TaskFile) -> tuple[tuple[Line, ...], list[str]]:
    """The rows with an answer, and a remark on those that are set aside for having none."""
    lines = read_jsonl(folder / name)
    needed = [*task.placeholders, *beside_answer(task).values()]
    for line in lines:
        for column in needed:
            if (pluck(line.row, column) or "").strip() == "":
                raise _column_error(folder / name, line, column, task)
    missing = [line for line in lines if not answers_of(line.row, task)]
    for line in missing:
        if value_at(line.row, task.answer) is None and not has_column(line.row, task.answer):
            raise _column_error(folder / name, line, task.answer, task)
    if len(missing) == len(lines):
        raise _column_error(folder / name, missing[0], task.answer, task)
    kept = tuple(line for line in lines if answers_of(line.row, task))
    return kept, [_set_aside(name, missing, len(lines), task)] if missing else []


def _set_aside(name: str, missing: Sequence[Line], rows: int, task: TaskFile) -> str:
    shown = ", ".join(str(line.number) for line in missing[:NAMED]) + (", ..." if missing[NAMED:] else "")
    return f"{name}: {len(missing)} of {rows} rows set aside, their {task.answer!r} is empty (lines {shown})"


def _column_error(path: Path, line: Line, column: str, task: TaskFile) -> InputError:
    roles = {task.answer: "the answer", task.tests: "the tests", task.pattern_column: "the expression"}
    role = roles.get(column, f"{{{column}}} in the prompt")
    if has_column(line.row, column):
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
    seen = {item_id(fill(task.prompt, line.row) or ""): line.number for line in reversed(validation)}
    for line in test:
        twin = seen.get(item_id(fill(task.prompt, line.row) or ""))
        if twin is not None:
            raise InputError(
                f"validation.jsonl line {twin} and test.jsonl line {line.number}",
                "they ask the same question",
                "keep it in one of the two files: a test that was practised proves nothing",
            )


def _read_sources(folder: Path, task: TaskFile) -> tuple[Source, ...]:
    files = sorted((folder / "train").glob("*.jsonl"))
    if not files:
        raise InputError(
            str(folder / "train"), "there are no .jsonl files", "add at least one source of training rows"
        )
    return tuple(_source(path, task) for path in files)


def _source(path: Path, task: TaskFile) -> Source:
    rows = tuple(trained_on(line.row, task) for line in read_jsonl(path))
    card = path.with_suffix(".md")
    columns = ", ".join(f"`{name}`" for name in rows[0])
    text = (
        text_of(card) if card.is_file() else f"# {path.stem}\n\n- Rows: {len(rows):,}\n- Columns: {columns}\n"
    )
    return Source(path.stem, text, rows, "as stated by its owner")


def _spec(task: TaskFile, reader: AnswerReader, data: TaskData, folder: Path) -> TaskSpec:
    program, what = program_for(task, folder), str(folder / "validation.jsonl")

    def check_gold(samples: Sequence[Sample], judge: Judge) -> None:
        tolerance = task.tolerance if task.metric == "number" else 0.0
        compared = COMPARED if program is None else COMPARED_BY_PROGRAM
        refuse_blind_metric(what, task.metric, samples, reader, judge, tolerance, compared)

    def build_prompt(row: Row) -> str | None:
        return fill(task.prompt, row)

    def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
        if task.metric == "classification":
            return class_score(samples, item_scores, reader.labels)
        return accuracy(samples, item_scores, task.metric)

    return TaskSpec(
        id=task.name,
        domain="custom",
        title=task.name,
        description=task.description,
        answer_format=reader.answer_format,
        metric=task.metric,
        licence=task.licence,
        source=str(folder),
        pitfall="",
        subsets=(task.name,),
        max_new_tokens=task.max_new_tokens,
        data=data,
        scorer=before_it_ran(reader) if program else reader.scorer,
        aggregate=aggregate,
        render=reader.render,
        extract=reader.extract,
        verify=lambda prompt, target: None,
        build_prompt=build_prompt,
        answer_column=task.answer,
        reasoning_column=task.reasoning or "",
        script=program.script if program else None,
        judge_result=program.judge if program else None,
        labels=reader.labels,
        check_gold=check_gold,
    )
