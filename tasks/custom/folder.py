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

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tasks.answers.metrics import accuracy
from tasks.base import ItemScore, Judge, Row, Sample, Score, Source, TaskData, TaskSpec
from tasks.columns import pluck, value_at
from tasks.custom.cards import card_of, not_read
from tasks.custom.example import write_example
from tasks.custom.files import SUFFIXES, read_file
from tasks.custom.grouped_rows import grouped
from tasks.custom.items import Line, answers_of, beside_answer, has_column, samples_of
from tasks.custom.links import refuse_link_out
from tasks.custom.metrics.choose import program_for, reader_for
from tasks.custom.metrics.closed import class_score
from tasks.custom.metrics.distinct import COMPARED, COMPARED_BY_PROGRAM, refuse_blind_metric
from tasks.custom.metrics.programs import before_it_ran
from tasks.custom.metrics.reader import AnswerReader
from tasks.custom.read_rows import ReadTable, read_table, source_of
from tasks.custom.tables import Data, Table
from tasks.custom.task_file import METRICS, TaskFile, fill, read_task_file
from tasks.custom.training_data import Fetch, replay_data, training_data
from tasks.errors import InputError, did_you_mean
from tasks.formats.declared import Declared
from tasks.formats.values import ABSENT, reach
from tasks.splits import item_id

__all__ = ["METRICS", "TaskFile", "fill", "load_folder", "read_task_file", "write_example"]

NAMED = 20
"""Line numbers that a remark on rows set aside lists."""


def load_folder(path: str | Path, fetch: Fetch | None = None) -> TaskSpec:
    """The folder as a task; raises InputError for whatever is wrong with its files.

    Everything is read and checked here, so that a run does not start on bad input.

    Args:
        path: the folder.
        fetch: for ``sources`` that are Hub ids; without it they are refused.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(
            str(path), "there is no such folder", "ftdojo init-task DIR writes an example to start from"
        )
    task = read_task_file(refuse_link_out(folder / "task.toml", folder))
    splits, remarks = {}, []
    for name in ("validation", "test"):
        splits[name], remark = _read_split(folder, name, task)
        remarks += remark
    _refuse_overlap(task, *splits.values())
    reader = reader_for(task, folder, _written(task, splits))
    sources, passed_over = _read_sources(folder, task, fetch)
    samples = {name: samples_of(name, lines, task, reader) for name, lines in splits.items()}
    data = TaskData(
        samples["validation"],
        sources,
        lambda: samples["test"],
        (*(line for source in sources for line in source.understood), *passed_over, *remarks),
    )
    return build_spec(task, reader, data, folder)


def _written(task: TaskFile, splits: Mapping[str, Sequence[Line]]) -> list[str]:
    """The gold answers as written; of validation alone, but for labels, whose list is no secret."""
    named = splits if task.metric == "classification" else ("validation",)
    return [text for name in named for line in splits[name] for text in answers_of(line.row, task)]


def _read_split(folder: Path, name: str, task: TaskFile) -> tuple[tuple[Line, ...], list[str]]:
    """The rows with an answer, in whichever format the file is, and a remark on those without one."""
    path = _split_file(folder, name)
    table = read_file(path)
    if table.set_aside:
        first = table.set_aside[0]
        raise InputError(f"{path} {first.where}", first.reason, "mend or drop that row: these rows decide")
    lines = [Line(row, number) for number, row in enumerate(table.rows, 1)]
    for line in lines:
        _check_columns(path, line, task)
    missing = [line for line in lines if not answers_of(line.row, task)]
    for line in missing:
        if value_at(line.row, task.answer) is None and not has_column(line.row, task.answer):
            raise _column_error(path, line, task.answer, task)
    if len(missing) == len(lines):
        raise _column_error(path, missing[0], task.answer, task)
    kept = tuple(line for line in lines if answers_of(line.row, task))
    return kept, [_set_aside(path.name, missing, len(lines), task)] if missing else []


def _split_file(folder: Path, name: str) -> Path:
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").is_file()]
    if not found:
        raise InputError(
            str(folder / f"{name}.jsonl"), "the file is missing", "add it: one JSON object a line"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(str(folder), f"{name} is there more than once ({names})", "keep one of them")
    return refuse_link_out(found[0], folder)


def _check_columns(path: Path, line: Line, task: TaskFile) -> None:
    """Every column that is named is there, and one of the prompt's columns is filled.

    A column that is empty in some rows is normal (``input`` in Alpaca's rows): it is left out there.
    """
    for column in task.placeholders:
        if reach(line.row, column) is ABSENT:
            raise _column_error(path, line, column, task)
    for column in beside_answer(task).values():
        if (pluck(line.row, column) or "").strip() == "":
            raise _column_error(path, line, column, task)
    if not any((pluck(line.row, column) or "").strip() for column in task.placeholders):
        raise _column_error(path, line, task.placeholders[0], task)


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


def _read_sources(
    folder: Path, task: TaskFile, fetch: Fetch | None
) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The training sources, and what else is to be told: where they are from, files that were passed over."""
    data = training_data(folder, task, fetch)
    read = [read_table(_whole(table, task.declared), task.declared, judged=False) for table in data.tables]
    if not any(table.rows for table in read):
        told = "; ".join(f"{Path(table.path).name}: {_why_none(table)}" for table in read[:5])
        raise InputError(
            str(folder / "train"), f"no row can be trained on ({told})", "name the columns in task.toml"
        )
    sources = tuple(source_of(table, _card_text(table, folder)) for table in read)
    general = replay_data(folder, task, fetch)
    replay = _read_replay(general, {source.name for source in sources}, folder)
    cards = {card.path: card for table in read if (card := card_of(table.path, folder))}
    passed_over = not_read(data.passed_over + general.passed_over, tuple(cards.values()))
    return (*sources, *replay), (*data.notes, *general.notes, *passed_over)


def _whole(table: Table, declared: Declared) -> Table:
    """The table, its turns or words put together where its owner's answer is no column of it."""
    named = any(declared.has_answer(row) for row in table.rows[:NAMED])
    return table if named else grouped(table)


def _read_replay(data: Data, taken: set[str], folder: Path) -> tuple[Source, ...]:
    """General rows, each read by what it is: the task's columns mean nothing in them."""
    task_file = str(folder / "task.toml")
    read = [read_table(table, judged=False) for table in data.tables]
    for table in read:
        if not table.rows:
            wrong = f"replay: no row of {table.name} can be trained on ({_why_none(table)})"
            raise InputError(task_file, wrong, "give rows with a prompt and an answer")
        if table.name in taken:
            wrong = f"{table.name!r} is named as a source and as replay"
            raise InputError(task_file, wrong, "rename or drop one of them")
    return tuple(replace(source_of(table, _card_text(table, folder)), replay=True) for table in read)


def _why_none(table: ReadTable) -> str:
    reason = table.tally.reasons.most_common(1)
    return f"{reason[0][0]}; {table.format.why}" if reason else table.format.why


def _card_text(table: ReadTable, folder: Path) -> str:
    card = card_of(table.path, folder)
    return card.text if card else ""


def build_spec(task: TaskFile, reader: AnswerReader, data: TaskData, folder: Path) -> TaskSpec:
    """The task of these settings and rows; raises InputError where its metric cannot tell answers apart."""
    program, what = program_for(task, folder), str(folder / "validation.jsonl")
    judge = task.judge

    def check_gold(samples: Sequence[Sample], judge: Judge) -> None:
        tolerance = task.tolerance if task.metric == "number" else 0.0
        compared = COMPARED if program is None else COMPARED_BY_PROGRAM
        refuse_blind_metric(what, task.metric, samples, reader, judge, tolerance, compared)

    def build_prompt(row: Row) -> str | None:
        return fill(task.prompt, row)

    def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
        if task.metric == "classification":
            return class_score(samples, item_scores, reader.labels)
        return accuracy(samples, item_scores, f"win_rate_over_{judge.against}" if judge else task.metric)

    spec = TaskSpec(
        id=task.name,
        domain="custom",
        title=task.name,
        description=task.description,
        answer_format=reader.answer_format,
        metric=task.metric,
        licence=task.licence,
        source=task.origin or str(folder),
        pitfall="",
        subsets=(task.name,),
        max_new_tokens=task.max_new_tokens,
        data=data,
        scorer=before_it_ran(reader) if program or judge else reader.scorer,
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
        judge=judge,
        # A judge is held against known answers by its calibration.
        check_gold=None if judge else check_gold,
    )
    if program is None and judge is None:
        check_gold(data.validation, lambda items, replies: list(map(spec.scorer, items, replies)))
    return spec
