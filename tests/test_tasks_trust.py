"""Over all tasks, views and editions: gold scores best, silence worst, a thousand malformed answers never."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import pytest

from tasks import registry
from tasks.base import LoadOptions, Sample, TaskSpec, Verdict
from tasks.official import load
from tests.support.gold_answers import affordable, gold_answer, judged
from tests.support.malformed import malformed
from tests.support.mini_data import sealed
from tests.support.real_rows import data_root

HANG_SECONDS = 1.0
VIEWS = [(spec.id, view) for spec in registry.TASKS for view in spec.views]


@cache
def _rows(task_id: str, edition: str) -> dict[str, list[Sample]]:
    """View -> items; the real ones are all rows of the view, whatever split they are in."""
    spec = registry.get(task_id)
    if edition == "mini":
        samples = affordable(spec, sealed(task_id))
        return {view: [sample for sample in samples if sample.view == view] for view in spec.views}
    return {view: list(held) for view, held in load.items(spec, LoadOptions(data_root())).items()}


def _samples(task_id: str, view: str, edition: str) -> list[Sample]:
    if edition == "official":
        data_root()
    found = _rows(task_id, edition).get(view, [])
    if not found:
        pytest.skip(f"no {edition} rows of {view}")
    return found


def _score(spec: TaskSpec, samples: Sequence[Sample], verdicts: Sequence[Verdict]) -> tuple[float, float]:
    score = spec.aggregate(samples, verdicts)
    return score.value, score.unparseable_share


@pytest.mark.parametrize("edition", ["mini", "official"])
@pytest.mark.parametrize(("task_id", "view"), VIEWS)
def test_gold_is_best_and_silence_worst(task_id: str, view: str, edition: str) -> None:
    spec, samples = registry.get(task_id), _samples(task_id, view, edition)
    if all(sample.gold == "" for sample in samples):
        pytest.skip(f"the rows of {view} hold no reference answer")
    answers = [gold_answer(spec, sample) for sample in samples]
    gold, silent = judged(spec, samples, answers), judged(spec, samples, [""] * len(samples))
    assert not any(verdict.right for verdict in silent)
    assert all(verdict.parsed is None for verdict in silent)
    scored = [(sample, verdict) for sample, verdict in zip(samples, gold, strict=True) if verdict.scored]
    if not scored:
        pytest.skip(f"{view} is not scored here: {gold[0].error}")
    missed = [sample.id for sample, verdict in scored if not verdict.right]
    assert len(missed) <= KNOWN_MISSES.get((view, edition), 0), missed
    kept = [sample for sample, _ in scored]
    assert _score(spec, kept, [verdict for _, verdict in scored])[0] > 95
    assert _score(spec, kept, judged(spec, kept, [""] * len(kept))) == (0.0, 1.0)


KNOWN_MISSES: dict[tuple[str, str], int] = {}
"""Real gold answers that are wrong by our own rule, with the reason beside them."""


@pytest.mark.parametrize("edition", ["mini", "official"])
@pytest.mark.parametrize(("task_id", "view"), VIEWS)
def test_malformed_answers_are_never_right_and_never_hang(task_id: str, view: str, edition: str) -> None:
    spec, samples = registry.get(task_id), _samples(task_id, view, edition)
    assert spec.published is not None
    spec.published.evaluate(view, samples[:1], [""], [None])  # its imports are not the answer's time
    for number, answer in enumerate(malformed()):
        sample = samples[number % len(samples)]
        started = time.perf_counter()
        verdict = spec.judge(sample, answer)
        spec.extract(answer)
        if spec.script is not None:
            spec.script(sample, answer)
        spec.published.evaluate(view, [sample], [answer], [None])
        spent = time.perf_counter() - started
        assert not verdict.right, answer[:80]
        assert spent < HANG_SECONDS, (answer[:80], spent)
