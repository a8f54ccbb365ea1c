"""Scores anyone's predictions on rows in the upstream format: our score and the released one.

Nothing is generated here: the predictions come from a file, one
``{"prediction": text}`` a line, in the order of the rows. Rows that belong to another
subset or task are left out together with their predictions.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.base import ItemScore, Metrics, Published, Row, Sample, Score, ScriptResult, TaskSpec
from tasks.errors import InputError, did_you_mean
from tasks.official.rows import read_rows
from tools.evaluation.score_answers import judge_all


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
            "items": [_item(item_score) for item_score in self.item_scores],
        }


def _item(item_score: ItemScore) -> dict[str, Any]:
    return {
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
    rows = read_rows(rows_path)
    answers = _answers(predictions_path)
    _known_view(spec, subset)
    pairs = _pairs(published, rows, rows_path, subset)
    if len(answers) != len(rows):
        asked = sorted({number for number, _ in pairs})  # a row may belong to two subsets
        if len(answers) != len(asked):
            raise InputError(
                str(predictions_path),
                f"it holds {len(answers)} predictions for {len(rows)} rows",
                "write one line a row, in the order of the rows",
            )
        answers = dict(zip(asked, answers.values(), strict=True))
    if not pairs:
        raise InputError(
            str(rows_path), f"no row belongs to {subset or spec.id}", "check --subset and the task"
        )
    subsets = (
        [subset] if subset else [name for name in spec.subsets if any(name == held for _, held in pairs)]
    )
    return [_score_view(spec, name, rows, rows_path, answers, pairs) for name in subsets]


def _score_view(
    spec: TaskSpec,
    subset: str,
    rows: Sequence[Row],
    path: Path,
    answers: Mapping[int, str],
    pairs: Sequence[tuple[int, str]],
) -> Scored:
    numbers = [number for number, held in pairs if held == subset]
    samples, kept, unreadable = [], [], []
    for number in numbers:
        try:
            samples.append(_sample(spec, rows[number], subset, path, number))
        except InputError as error:
            unreadable.append(error)
        else:
            kept.append(answers[number])
    if not samples:
        raise unreadable[0]
    found = score_view(spec, subset, samples, kept)
    return replace(found, unreadable=tuple(f"{error.what}: {error.wrong}" for error in unreadable))


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
    published: Published, rows: Sequence[Row], path: Path, subset: str | None
) -> list[tuple[int, str]]:
    """(row number from 0, subset) of every row that is asked for.

    A row that does not say where it belongs is taken to belong to the subset that was named.
    """
    subject = path.stem
    pairs = []
    for number, row in enumerate(rows):
        held = published.subsets_of({**row, "_file": subject})
        if subset is not None and (subset in held or not held):
            pairs.append((number, subset))
        elif subset is None:
            pairs += [(number, name) for name in held]
    return pairs


def _sample(spec: TaskSpec, row: Row, subset: str, path: Path, number: int) -> Sample:
    assert spec.published is not None
    try:
        return spec.published.sample(row, subset)
    except ValueError as error:
        fix = f"use rows in the columns {', '.join(spec.published.benchmark.columns)}"
        raise InputError(f"{path}, row {number + 1}", " ".join(str(error).split()), fix) from None


def _answers(path: Path) -> dict[int, str]:
    answers = {}
    for number, row in enumerate(read_rows(path)):
        said = row.get("prediction")
        if not isinstance(said, str):
            what = "there is no text in `prediction`"
            raise InputError(f"{path}, line {number + 1}", what, 'write {"prediction": "..."} a line')
        answers[number] = said
    return answers
