"""Scores anyone's predictions on rows in the upstream format: our score and the released one.

Nothing is generated here: the predictions come from a file, one
``{"prediction": text}`` a line, in the order of the rows. Rows that belong to another
view or task are left out together with their predictions.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.base import Metrics, Published, Row, Sample, Score, ScriptResult, TaskSpec, Verdict
from tasks.errors import InputError, did_you_mean
from tasks.official.rows import read_rows
from tools.evaluation.score_answers import judge_all


@dataclass(frozen=True)
class Scored:
    """What came of one view."""

    task: str
    view: str
    samples: tuple[Sample, ...]
    verdicts: tuple[Verdict, ...]
    score: Score | None
    """None where nothing could be scored, as when a view's oracle is not installed."""
    as_published: Metrics
    wall_seconds: float

    def as_json(self) -> dict[str, Any]:
        """The JSON form that ``ftdojo score --json`` prints."""
        scored = [verdict for verdict in self.verdicts if verdict.scored]
        unread = sum(verdict.parsed is None for verdict in self.verdicts)
        return {
            "task": self.task,
            "view": self.view,
            "n": len(self.verdicts),
            "score": {
                "n": len(scored),
                "metric": self.score.metric if self.score else None,
                "value": self.score.value if self.score else None,
                "low": self.score.low if self.score else None,
                "high": self.score.high if self.score else None,
                "unparseable_share": unread / max(1, len(self.verdicts)),
            },
            "as_published": dict(self.as_published),
            "items": [_item(verdict) for verdict in self.verdicts],
        }


def _item(verdict: Verdict) -> dict[str, Any]:
    return {
        "right": verdict.right if verdict.scored else None,
        "score": verdict.value if verdict.scored else None,
        "parsed": verdict.parsed,
        "error": verdict.error,
    }


def score_files(spec: TaskSpec, rows_path: Path, predictions_path: Path, view: str | None) -> list[Scored]:
    """Every view that the rows hold, or only ``view``.

    Raises:
        InputError: an unreadable file, a row without the published columns, a count of predictions
            that is not the count of rows, an unknown view.
    """
    published = spec.published
    if published is None:
        raise InputError(f"task {spec.id}", "it has no published rows", "choose one of `ftdojo tasks`")
    rows = read_rows(rows_path)
    answers = _answers(predictions_path)
    _known_view(spec, view)
    pairs = _pairs(published, rows, rows_path, view)
    if len(answers) != len(rows):
        asked = sorted({number for number, _ in pairs})  # a row may belong to two views
        if len(answers) != len(asked):
            raise InputError(
                str(predictions_path),
                f"it holds {len(answers)} predictions for {len(rows)} rows",
                "write one line a row, in the order of the rows",
            )
        answers = dict(zip(asked, answers.values(), strict=True))
    if not pairs:
        raise InputError(str(rows_path), f"no row belongs to {view or spec.id}", "check --view and the task")
    views = [view] if view else [name for name in spec.views if any(name == held for _, held in pairs)]
    return [_score_view(spec, name, rows, rows_path, answers, pairs) for name in views]


def _score_view(
    spec: TaskSpec,
    view: str,
    rows: Sequence[Row],
    path: Path,
    answers: Mapping[int, str],
    pairs: Sequence[tuple[int, str]],
) -> Scored:
    numbers = [number for number, held in pairs if held == view]
    samples = tuple(_sample(spec, rows[number], view, path, number) for number in numbers)
    return score_view(spec, view, samples, [answers[number] for number in numbers])


def score_view(spec: TaskSpec, view: str, samples: Sequence[Sample], answers: Sequence[str]) -> Scored:
    """Both scores of one view, each item judged once."""
    started = time.perf_counter()
    verdicts, results = judge_all(spec, samples, answers)
    score = spec.aggregate(samples, verdicts) if any(verdict.scored for verdict in verdicts) else None
    metrics = as_published(spec, view, samples, answers, results)
    return Scored(
        spec.id, view, tuple(samples), tuple(verdicts), score, metrics, time.perf_counter() - started
    )


def as_published(
    spec: TaskSpec,
    view: str,
    samples: Sequence[Sample],
    answers: Sequence[str],
    results: Sequence[ScriptResult | None],
) -> Metrics:
    """The released evaluator's metrics; empty for a task without one."""
    return dict(spec.published.evaluate(view, samples, answers, results)) if spec.published else {}


def _known_view(spec: TaskSpec, view: str | None) -> None:
    if view is not None and view not in spec.views:
        raise InputError(f"--view {view}", f"{spec.id} has no such view", did_you_mean(view, spec.views))


def _pairs(published: Published, rows: Sequence[Row], path: Path, view: str | None) -> list[tuple[int, str]]:
    """(row number from 0, view) of every row that is asked for.

    A row that does not say where it belongs is taken to belong to the view that was named.
    """
    subject = path.stem
    pairs = []
    for number, row in enumerate(rows):
        held = published.views_of({**row, "_file": subject})
        if view is not None and (view in held or not held):
            pairs.append((number, view))
        elif view is None:
            pairs += [(number, name) for name in held]
    return pairs


def _sample(spec: TaskSpec, row: Row, view: str, path: Path, number: int) -> Sample:
    assert spec.published is not None
    try:
        return spec.published.sample(row, view)
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
