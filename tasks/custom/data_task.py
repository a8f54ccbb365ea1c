"""A task from data alone: a file, a folder of files or a saved data set, without a ``task.toml``.

Format, columns and metric are detected; where the data has no split of its own, validation and test are split
off by content, before anything looks at them. The same data gives the same task. ``init_task`` writes it out.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tasks.answers.equality import answer_text
from tasks.base import Sample, Source, TaskData, TaskSpec
from tasks.custom.damaged_text import damage
from tasks.custom.files import read_path
from tasks.custom.flag_columns import flagged
from tasks.custom.folder import build_spec
from tasks.custom.grouped_rows import grouped
from tasks.custom.guess import FEW_LABELS, guess_budget, guess_metric
from tasks.custom.metrics.choose import reader_for
from tasks.custom.metrics.reader import AnswerReader
from tasks.custom.paired_replies import paired
from tasks.custom.read_rows import LOOKED_AT, Asked, ReadTable, read_table, row_of, source_of
from tasks.custom.spellings import spellings
from tasks.custom.split_column import parted
from tasks.custom.split_rows import LEAST_ROWS, MOST_TEST, MOST_VALIDATION, group_column, split_rows
from tasks.custom.spread_rows import spread
from tasks.custom.tables import Data
from tasks.custom.task_file import Metric, TaskFile
from tasks.custom.unanswered import answered_alike
from tasks.custom.votes import voted
from tasks.errors import InputError, did_you_mean
from tasks.formats.declared import Declared
from tasks.formats.detect import NOTHING_FOUND
from tasks.formats.values import ABSENT, reach
from tasks.splits import item_id

MOST_BYTES_A_TOKEN = 5.0
"""A text of more bytes a token than this is certainly longer than a budget."""
LEAKING = 0.3
"""Share of the prompts that end with their answer from which that is told."""
MOST_TOLD = 3
"""Tables that an error tells of."""


@dataclass(frozen=True)
class Split:
    """The rows of the three parts, and how they came to be parted."""

    sources: tuple[Source, ...]
    validation: tuple[Asked, ...]
    test: tuple[Asked, ...]
    how: str


def data_task(
    path: str | Path, data: Data | None = None, name: str = "", declared: Declared | None = None
) -> TaskSpec:
    """The task of a file or folder of rows, or of ``data`` that were read from what ``path`` names.

    Args:
        path: where the rows are.
        data: the rows, where they have been read.
        name: of the task; the file's own without one.
        declared: columns that the owner names; the others are guessed.

    Raises:
        InputError: it cannot be read, no row can be used, or there are too few rows to split.
    """
    return _understood(path, data, name, declared).spec


@dataclass(frozen=True)
class Understood:
    """What became of a user's data: its parts, the settings that were guessed, and the task of both."""

    split: Split
    settings: TaskFile
    spec: TaskSpec


def _understood(
    path: str | Path, given: Data | None, name: str = "", declared: Declared | None = None
) -> Understood:
    data = given or read_path(path)
    if declared is None or not (declared.answer or declared.template):
        made = (flagged(voted(paired(grouped(spread(table))))) for table in data.tables)
        data = replace(data, tables=tuple(made))
    data = replace(data, tables=tuple(part for table in data.tables for part in parted(table)))
    _refuse_unknown_columns(data, declared or Declared())
    tables = answered_alike([read_table(table, declared) for table in data.tables], data)
    split = _split(tables, data, str(path))
    # The test is sealed: training and validation answers alone say which metric suits and how long they get.
    seen = [(asked.prompt, asked.answers[0]) for asked in split.validation]
    seen += [(str(row["prompt"]), str(row["answer"])) for source in split.sources for row in source.rows]
    answers = [answer for _, answer in seen]
    _refuse_one_answer(path, answers)
    closed = len({*map(answer_text, answers)}) <= min(FEW_LABELS, len(answers) // 4)
    (asked, twice), (sealed, twice_test) = (_once(part, closed) for part in (split.validation, split.test))
    split = replace(split, validation=asked, test=sealed)
    guess = guess_metric(answers, [prompt for prompt, _ in seen])
    stem = re.sub(r"[^\w.-]+", "-", name or Path(path).name.partition(".")[0]).strip("-.")[:80] or "data"
    task = TaskFile(
        name=stem,
        description=f"Answer as the rows of {stem} do.",
        prompt="{prompt}",
        metric=cast(Metric, guess.metric),
        answer="answer",
        field=guess.field,
        letters=guess.letters,
        max_new_tokens=guess_budget(answers),
        origin=data.origin,
    )
    if data.licence:
        task = task.model_copy(update={"licence": data.licence})
    reader = reader_for(task, Path(path), answers)
    validation, lost = _samples(split.validation, task, reader)
    test, lost_test = _samples(split.test, task, reader)
    _refuse_unread(path, task, {"validation": (validation, lost), "test": (test, lost_test)}, guess.why)
    _refuse_empty(path, {"validation": validation, "test": test}, split, tables)
    told = [*data.notes, *(line for table in tables for line in table.understood)]
    told += [f"{item.path}: not read, {item.reason}" for item in data.passed_over]
    told += [
        f"split: {split.how}",
        f"metric: {task.metric}, as {guess.why}; answers up to {task.max_new_tokens:,} tokens",
    ]
    told += spellings(answers, task.metric)
    told += [*damage([prompt for prompt, _ in seen], "prompts"), *damage(answers, "answers")]
    if longer := sum(len(answer.encode()) > MOST_BYTES_A_TOKEN * task.max_new_tokens for answer in answers):
        told.append(f"{longer:,} answers are longer than that: no reply can hold them")
    if (leaks := sum(_ends_with_answer(prompt, answer) for prompt, answer in seen)) >= LEAKING * len(seen):
        told.append(f"in {leaks:,} of {len(seen):,} rows the prompt ends with the answer itself")
    if lost + lost_test:
        told.append(f"{lost + lost_test} items set aside: the metric cannot read their answers")
    if twice + twice_test:
        rule = "those with different answers are set aside" if closed else "each of their answers is right"
        told.append(
            f"items: {twice + twice_test} ask what another of their split asks, and count once; {rule}"
        )
    facts = TaskData(validation, split.sources, lambda: test, tuple(told))
    return Understood(split, task, build_spec(task, reader, facts, Path(path)))


def _ends_with_answer(prompt: str, answer: str) -> bool:
    """Whether a prompt goes on to say its answer, as a worked example does."""
    last = answer_text(prompt.rsplit("\n", 1)[-1])
    return last.endswith((f" {answer_text(answer)}", f":{answer_text(answer)}"))


def _refuse_one_answer(path: str | Path, answers: Sequence[str]) -> None:
    """Refuse data whose answers are all the same: whatever is trained on it says that and nothing else."""
    if len({*map(answer_text, answers)}) == 1:
        wrong = f"all {len(answers):,} answers are {' '.join(answers[0].split())[:60]!r}"
        raise InputError(str(path), wrong, "add rows with other answers, or name the column that answers")


def _refuse_unread(
    path: str | Path, task: TaskFile, parts: Mapping[str, tuple[Sequence[Sample], int]], why: str
) -> None:
    """Refuse a part whose answers are all of another kind than those that are trained on."""
    for name, (items, lost) in parts.items():
        if lost and not items:
            wrong = f"metric = {task.metric!r} (as {why}) can read none of the {lost:,} answers of {name}"
            raise InputError(str(path), wrong, f"write the answers of {name} as the training rows do")


def _refuse_empty(
    path: str | Path, parts: Mapping[str, Sequence[Sample]], split: Split, tables: Sequence[ReadTable]
) -> None:
    """Refuse data of which nothing is left to measure with, as where its rows ask the same few things."""
    if empty := [name for name, items in parts.items() if not items]:
        said = "; ".join(f"{table.name}: {table.format.why}" for table in tables[:MOST_TOLD])
        wrong = f"no item is left for {' and '.join(empty)} (split {split.how}; {said})"
        fix = "give rows that ask more different things, or files of your own for validation and test"
        raise InputError(str(path), wrong, fix)


def _refuse_unknown_columns(data: Data, declared: Declared) -> None:
    """Refuse a column that no row has: a misspelt one would be guessed over."""
    for flag, names in (("--answer", [declared.answer]), ("--prompt", declared.columns)):
        for name in filter(None, names):
            rows = [row for table in data.tables for row in table.rows[:LOOKED_AT]]
            if all(reach(row, name) is ABSENT for row in rows):
                held = dict.fromkeys(str(column) for row in rows for column in row)
                raise InputError(f"{flag} {name}", "no row has that column", did_you_mean(name, held))


def _split(tables: list[ReadTable], data: Data, path: str) -> Split:
    usable = [table for table in tables if table.rows]
    if not usable:
        raise InputError(path, f"no row can be used ({_why_none(tables)})", _how_to_name(tables))
    parts = {kind: [t for t in usable if t.part == kind] for kind in ("train", "validation", "test")}
    if not parts["train"] or not (parts["validation"] or parts["test"]):
        split = _own_split(usable, data, path, unused=[table for table in tables if not table.rows])
        anew = not parts["train"] and (parts["validation"] or parts["test"])
        return (
            replace(split, how=f"{split.how}; no part is named for training, so all are parted anew")
            if anew
            else split
        )
    given = {
        kind: tuple(a for table in parts[kind] for _, a in table.rows) for kind in ("validation", "test")
    }
    if all(given.values()):
        sources = tuple(source_of(table) for table in parts["train"])
        return _held(sources, given["validation"], given["test"], "the data's own")
    # One of the two is missing: it is cut from the training rows, and the other stays as its owner made it.
    missing = "test" if given["validation"] else "validation"
    cut = _own_split(parts["train"], data, path, (missing,))
    return _held(
        cut.sources,
        given["validation"] or cut.validation,
        given["test"] or cut.test,
        f"the data's own, but for {missing}, which is split off the training rows by content",
    )


def _why_none(tables: list[ReadTable]) -> str:
    """Why no table has a usable row: the commonest reason of each, told once."""
    told: dict[str, str] = {}
    for table in tables:
        reason = table.tally.reasons.most_common(1)
        asks = table.format.name == "text" and table.format.table.composition.candidates
        known = not asks and (table.format.name != "unknown" or not reason or reason[0][0] != NOTHING_FOUND)
        said = f"{reason[0][0]}; {table.format.why}" if known and reason else table.format.why
        told.setdefault(said, table.name)
    shown = [f"{name}: {said}" for said, name in list(told.items())[:MOST_TOLD]]
    return "; ".join(shown) + (f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else "")


def _how_to_name(tables: list[ReadTable]) -> str:
    """The flag that decides, with a column of these very rows."""
    named = next((found for table in tables if (found := table.format.table.composition.candidates)), ())
    one = shlex.quote(named[0]) if named else "COLUMN"
    others = f" (or {', '.join(named[1:])})" if named[1:] else ""
    return (
        f"name it: `ftdojo inspect DATA --answer {one}`{others}, perhaps `--prompt '{{COLUMN}} ...'`; "
        "`ftdojo init-task` takes the same and writes the task.toml"
    )


def _held(
    sources: tuple[Source, ...], validation: tuple[Asked, ...], test: tuple[Asked, ...], how: str
) -> Split:
    """The parts without the validation items that the test asks too, and no longer than they need to be."""
    sealed = {item_id(asked.prompt) for asked in test}
    apart = tuple(asked for asked in validation if item_id(asked.prompt) not in sealed)
    said = [how]
    if len(apart) < len(validation):
        said.append(
            f"{len(validation) - len(apart):,} validation items are left out, as the test asks them too"
        )
    for name, part, most in (("validation", apart, MOST_VALIDATION), ("test", test, MOST_TEST)):
        if len(part) > most:
            said.append(f"the first {most:,} of {len(part):,} {name} items are used")
    return Split(sources, apart[:MOST_VALIDATION], test[:MOST_TEST], "; ".join(said))


def _own_split(
    tables: list[ReadTable],
    data: Data,
    path: str,
    cut_off: tuple[str, ...] = ("validation", "test"),
    unused: Sequence[ReadTable] = (),
) -> Split:
    rows = [(table, number, asked) for table in tables for number, asked in table.rows]
    if len(rows) < LEAST_ROWS:
        told = "; ".join(f"{table.name}: {table.format.why}" for table in tables[:MOST_TOLD])
        told += f"; no row of {len(unused):,} others: {_why_none([*unused])}" if unused else ""
        wrong = f"it has {len(rows)} usable rows, too few to split ({told})"
        raise InputError(path, wrong, f"give at least {LEAST_ROWS}")
    groups, named = _groups(tables, data)
    train, validation, test = split_rows([asked.prompt for _, _, asked in rows], groups, cut_off)
    kept: dict[str, list[tuple[int, Asked]]] = {table.name: [] for table in tables}
    for place in train:
        table, number, asked = rows[place]
        kept[table.name].append((number, asked))
    sources = tuple(
        source_of(replace(table, rows=tuple(kept[table.name]))) for table in tables if kept[table.name]
    )
    how = f"by content: {len(train):,} to train on, {len(validation):,} validation, {len(test):,} test"
    how += f"; rows with the same {named!r} stay together" if named else ""
    return Split(sources, tuple(rows[p][2] for p in validation), tuple(rows[p][2] for p in test), how)


def _groups(tables: list[ReadTable], data: Data) -> tuple[list[str], str]:
    """The group of every usable row, by the column that names one; none where no column does."""
    raw = {table.name: table.rows for table in data.tables}
    first = raw[tables[0].name]
    named = group_column([str(column) for column in (first[0] if len(first) else {})])
    if not named:
        return [], ""
    groups = []
    for table in tables:
        for number, _ in table.rows:
            value = raw[table.name][number - 1].get(named)
            groups.append("" if value is None else str(value))
    return groups, named


def _once(rows: tuple[Asked, ...], closed: bool) -> tuple[tuple[Asked, ...], int]:
    """Each question once, with the answers of all its rows, each of which is right; how many rows came again.

    Where answers are ``closed`` (a few labels), one of two is wrong, and the question is left out.
    """
    found: dict[str, list[Asked]] = {}
    for row in rows:
        found.setdefault(item_id(row.prompt), []).append(row)
    kept = []
    for same in found.values():
        said = {answer_text(text): text for row in reversed(same) for text in reversed(row.answers)}
        if closed and len(same) > 1 and len({answer_text(row.answers[0]) for row in same}) > 1:
            continue
        kept.append(replace(same[0], answers=tuple(reversed(said.values()))) if len(same) > 1 else same[0])
    return tuple(kept), len(rows) - len(found)


def _samples(rows: tuple[Asked, ...], task: TaskFile, reader: AnswerReader) -> tuple[tuple[Sample, ...], int]:
    """The items; how many answers cannot be read."""
    found: list[Sample] = []
    for row in rows:
        golds = [gold for text in row.answers if (gold := reader.gold(text)) is not None]
        if golds:
            accepted: Any = golds[0] if len(golds) == 1 else golds
            mark = item_id(row.prompt)
            found.append(Sample(mark, task.name, row.prompt, accepted, turns=row.turns, tools=row.tools))
    return tuple(found), len(rows) - len(found)


def init_task(
    path: str | Path,
    folder: Path,
    data: Data | None = None,
    name: str = "",
    declared: Declared | None = None,
) -> TaskSpec:
    """Write the task of a data file as a folder, for its owner to edit; see ``data_task``.

    Raises:
        InputError: as ``data_task``, or the folder is there already.
    """
    if folder.exists():
        raise InputError(str(folder), "it is there already", "name a folder that is not")
    made = _understood(path, data, name, declared)
    split = made.split
    (folder / "train").mkdir(parents=True)
    for source, stem in zip(split.sources, _stems([source.name for source in split.sources]), strict=True):
        _write(folder / "train" / f"{stem}.jsonl", [dict(row) for row in source.rows])
    _write(folder / "validation.jsonl", [_item(asked) for asked in split.validation])
    _write(folder / "test.jsonl", [_item(asked) for asked in split.test])
    (folder / "task.toml").write_text(_toml(made), encoding="utf-8")
    return made.spec


def _stems(names: Sequence[str]) -> list[str]:
    """A file's name for each source, no two the same: ``a/b`` and ``a-b`` are two."""
    stems: list[str] = []
    for name in names:
        stem = name.replace("/", "-")
        places = (f"{stem}-{place}" for place in itertools.count(2))
        stems.append(stem if stem not in stems else next(other for other in places if other not in stems))
    return stems


def _item(asked: Asked) -> dict[str, Any]:
    """An evaluation row, with every right answer."""
    row = row_of(asked)
    return row if len(asked.answers) == 1 else row | {"answer": list(asked.answers)}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    path.write_bytes("".join(lines).encode("utf-8", "replace"))


def _toml(made: Understood) -> str:
    settings, told = made.settings, made.spec.data.understood if made.spec.data else ()
    shown = {"name", "description", "prompt", "metric", "answer", "max_new_tokens"}
    shown |= {"field"} if settings.metric == "json_field" else set()
    shown |= {"letters"} if settings.metric == "choice_letter" else set()
    shown |= {"licence", "origin"} & settings.model_fields_set if settings.origin else set()
    lines = ["# Written by `ftdojo init-task`. What was understood:", *(f"#   {line}" for line in told), ""]
    lines += [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in settings.model_dump(include=shown).items()
    ]
    return "\n".join([*lines, ""])
