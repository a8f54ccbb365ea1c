"""Scores anyone's predictions on rows in the upstream format: our score and the released one.

Nothing is generated here: the predictions come from a file, one
``{"prediction": text}`` a line, in the order of the rows. Rows that belong to another
subset or task are left out together with their predictions. A row that cannot be read costs itself: it is
named, and left out with its prediction. A prediction that is no text is named too and counts as silence, so
that nobody's score rises by it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.base import ItemScore, Metrics, Published, Row, Sample, Score, ScriptResult, TaskSpec
from tasks.errors import InputError, did_you_mean, or_input_error
from tasks.official.rows import read_rows
from tools.evaluation.score_answers import judge_all

ID_COLUMNS = ("id", "Id", "ID", "_id", "idx", "qid", "uid", "application_number")
"""Columns that the published files, and most others, name a row by."""


@dataclass(frozen=True)
class Scored:
    """What came of one subset."""

    task: str
    subset: str
    samples: tuple[Sample, ...]
    item_scores: tuple[ItemScore, ...]
    score: Score | None
    """None where nothing could be scored, as when a subset's oracle is not installed."""
    as_published: Metrics
    wall_seconds: float
    unreadable: tuple[str, ...] = ()
    """Rows that are no item of the task and were left out with their predictions, one sentence each."""
    rows: tuple[int, ...] = ()
    """Where each item stands in its file, counted from 1; empty for items that come from no file."""
    unanswered: tuple[str, ...] = ()
    """Predictions without a text, which were scored as silence, one sentence each."""

    def as_json(self) -> dict[str, Any]:
        """The JSON form that ``ftdojo score --json`` prints."""
        scored = [item_score for item_score in self.item_scores if item_score.scored]
        unread = sum(item_score.parsed is None for item_score in self.item_scores)
        return {
            "task": self.task,
            "subset": self.subset,
            "n": len(self.item_scores),
            "score": {
                "n": len(scored),
                "metric": self.score.metric if self.score else None,
                "value": self.score.value if self.score else None,
                "low": self.score.low if self.score else None,
                "high": self.score.high if self.score else None,
                "unparseable_share": unread / max(1, len(self.item_scores)),
            },
            "as_published": dict(self.as_published),
            "unreadable": list(self.unreadable),
            "unanswered": list(self.unanswered),
            "items": [
                _item(row, item_score) for row, item_score in zip(self.rows, self.item_scores, strict=True)
            ],
        }


def _item(row: int, item_score: ItemScore) -> dict[str, Any]:
    return {
        "row": row,
        "right": item_score.right if item_score.scored else None,
        "score": item_score.value if item_score.scored else None,
        "parsed": item_score.parsed,
        "error": item_score.error,
    }


def score_files(spec: TaskSpec, rows_path: Path, predictions_path: Path, subset: str | None) -> list[Scored]:
    """Every subset that the rows hold, or only ``subset``.

    Raises:
        InputError: an unreadable file, no row with the published columns, a count of predictions
            that is not the count of rows, an unknown subset.
    """
    published = spec.published
    if published is None:
        raise InputError(f"task {spec.id}", "it has no published rows", "choose one of `ftdojo tasks`")
    faults: dict[int, str] = {}
    rows = read_rows(rows_path, faults)
    answers, unanswered = _answers(predictions_path)
    _known_view(spec, subset)
    pairs = _pairs(published, rows, faults, rows_path, subset)
    if len(answers) != len(rows):
        asked = sorted({number for number, _ in pairs} | faults.keys())  # a row may belong to two subsets
        if len(answers) != len(asked):
            raise InputError(
                str(predictions_path),
                f"it holds {len(answers)} predictions for {len(rows)} rows",
                "write one line a row, in the order of the rows",
            )
        answers = dict(zip(asked, answers.values(), strict=True))
    if not pairs and faults:
        number, wrong = next(iter(faults.items()))
        raise InputError(f"{rows_path}, row {number + 1}", wrong, "mend that row")
    if not pairs:
        raise InputError(
            str(rows_path), f"no row belongs to {subset or spec.id}", "check --subset and the task"
        )
    subsets = (
        [subset] if subset else [name for name in spec.subsets if any(name == held for _, held in pairs)]
    )
    # A row that cannot be read at all belongs to no subset: it is named once, with the first.
    views = [
        _View.read(spec, name, rows, {} if place else faults, rows_path, pairs)
        for place, name in enumerate(subsets)
    ]
    if not any(view.samples for view in views):
        raise next(error for view in views for error in view.unreadable)
    return [view.scored(spec, answers, unanswered) for view in views]


@dataclass(frozen=True)
class _View:
    """The rows of one subset: items, and those that are none."""

    subset: str
    samples: Mapping[int, Sample]
    """By row number, from 0."""
    unreadable: tuple[InputError, ...]

    @classmethod
    def read(
        cls,
        spec: TaskSpec,
        subset: str,
        rows: Sequence[Row],
        faults: Mapping[int, str],
        path: Path,
        pairs: Sequence[tuple[int, str]],
    ) -> _View:
        samples, unreadable = {}, []
        for number in sorted({number for number, held in pairs if held == subset} | faults.keys()):
            try:
                samples[number] = _sample(spec, rows[number], faults.get(number, ""), subset, path, number)
            except InputError as error:
                unreadable.append(error)
        return cls(subset, samples, tuple(unreadable))

    def scored(self, spec: TaskSpec, answers: Mapping[int, str], unanswered: Mapping[int, str]) -> Scored:
        left_out = tuple(f"{error.what}: {error.wrong}" for error in self.unreadable)
        if not self.samples:
            return Scored(spec.id, self.subset, (), (), None, {}, 0.0, left_out)
        found = score_view(
            spec, self.subset, [*self.samples.values()], [answers[number] for number in self.samples]
        )
        return replace(
            found,
            unreadable=left_out,
            rows=tuple(number + 1 for number in self.samples),
            unanswered=tuple(said for number, said in unanswered.items() if number in self.samples),
        )


def score_view(spec: TaskSpec, subset: str, samples: Sequence[Sample], answers: Sequence[str]) -> Scored:
    """Both scores of one subset, each item scored once."""
    started = time.perf_counter()
    item_scores, results = judge_all(spec, samples, answers)
    score = (
        spec.aggregate(samples, item_scores) if any(item_score.scored for item_score in item_scores) else None
    )
    metrics = as_published(spec, subset, samples, answers, results)
    return Scored(
        spec.id, subset, tuple(samples), tuple(item_scores), score, metrics, time.perf_counter() - started
    )


def as_published(
    spec: TaskSpec,
    subset: str,
    samples: Sequence[Sample],
    answers: Sequence[str],
    results: Sequence[ScriptResult | None],
) -> Metrics:
    """The released evaluator's metrics; empty for a task without one."""
    return dict(spec.published.evaluate(subset, samples, answers, results)) if spec.published else {}


def _known_view(spec: TaskSpec, subset: str | None) -> None:
    if subset is not None and subset not in spec.subsets:
        raise InputError(
            f"--subset {subset}", f"{spec.id} has no such subset", did_you_mean(subset, spec.subsets)
        )


def _pairs(
    published: Published, rows: Sequence[Row], faults: dict[int, str], path: Path, subset: str | None
) -> list[tuple[int, str]]:
    """(row number from 0, subset) of every row that is asked for.

    A row that does not say where it belongs is taken to belong to the subset that was named. One that cannot
    even be asked joins ``faults``.
    """
    subject = path.stem
    pairs = []
    for number, row in enumerate(rows):
        if number in faults:
            continue
        try:
            with or_input_error(str(path), "it is no row of this task", "mend it"):
                held = published.subsets_of({**row, "_file": subject})
        except InputError as error:
            faults[number] = error.wrong
            continue
        if subset is not None and (subset in held or not held):
            pairs.append((number, subset))
        elif subset is None:
            pairs += [(number, name) for name in held]
    return pairs


def _sample(spec: TaskSpec, row: Row, fault: str, subset: str, path: Path, number: int) -> Sample:
    assert spec.published is not None
    what = f"{path}, row {number + 1}{_named(row)}"
    fix = f"use rows in the columns {', '.join(spec.published.benchmark.columns)}"
    if fault:
        raise InputError(what, fault, fix)
    with or_input_error(what, "it is no row of this task", fix):
        try:
            return spec.published.sample(row, subset)
        except ValueError as error:
            raise InputError(what, " ".join(str(error).split()), fix) from None


def _named(row: Row) -> str:
    """The id that a row has, for its owner to find it by."""
    found = next((row[name] for name in ID_COLUMNS if isinstance(row.get(name), str | int)), None)
    return "" if found is None else f" (id {str(found)[:60]!r})"


def _answers(path: Path) -> tuple[dict[int, str], dict[int, str]]:
    """Line number from 0 -> prediction, and -> what is wrong with it, where it is no text."""
    faults: dict[int, str] = {}
    answers, unanswered = {}, {}
    for number, row in enumerate(read_rows(path, faults)):
        said = row.get("prediction")
        answers[number] = said if isinstance(said, str) else ""
        if not isinstance(said, str):
            wrong = faults.get(number, "there is no text in `prediction`")
            unanswered[number] = f"{path}, line {number + 1}: {wrong}"
    if unanswered and len(unanswered) == len(answers):
        what, _, wrong = next(iter(unanswered.values())).rpartition(": ")
        raise InputError(what, wrong, 'write {"prediction": "..."} a line')
    return answers, unanswered
