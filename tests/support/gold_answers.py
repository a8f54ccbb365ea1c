"""Right answers, written from the reference alone, and item_scores on answers that may be code."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tasks.base import ItemScore, Sample, TaskSpec
from tasks.tablebench.charts.compare import references_of
from tests.support.unsandboxed_scripts import run_all
from tools.evaluation.score_answers import score_answers

EXECUTED = 24
"""Answers that a test executes at most; reading them costs nothing, running them a process each."""

_CALLS = {
    "bar": "plt.bar({x}, {y})",
    "line": "plt.plot({x}, {y})",
    "scatter": "plt.scatter({x}, {y})",
    "pie": "plt.pie({y})",
    "area": "plt.fill_between({x}, {y})",
    "radar": "plt.subplot(polar=True).plot({x}, {y})",
}


def plotting_code(sample: Sample) -> str:
    """Code that draws the reference series in the first kind of chart that the question accepts."""
    call = _CALLS[(sample.meta["kinds"] or ["bar"])[0]]
    lines = ["import matplotlib.pyplot as plt"]
    for series in references_of(str(sample.gold)):
        x, y = list(range(len(series))), ["float('nan')" if value is None else value for value in series]
        lines.append(call.format(x=x, y=f"[{', '.join(map(str, y))}]"))
    return "\n".join([*lines, "plt.show()"])


def gold_answer(spec: TaskSpec, sample: Sample) -> str:
    """An answer in the task's format that is right."""
    return spec.render(plotting_code(sample) if spec.script else str(sample.gold), "")


def affordable(spec: TaskSpec, samples: Sequence[Sample]) -> Sequence[Sample]:
    """All of them, or the first few of a task whose answers are executed."""
    return samples[:EXECUTED] if spec.script else samples


def sampled(samples: Sequence[Sample], each: int, seed: int = 0) -> list[Sample]:
    """At most ``each`` items of every subset, drawn by seed."""
    by_subset: dict[str, list[Sample]] = {}
    for sample in samples:
        by_subset.setdefault(sample.subset, []).append(sample)
    rng = random.Random(seed)
    return [s for held in by_subset.values() for s in rng.sample(held, min(each, len(held)))]


def item_scores_of(spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str]) -> list[ItemScore]:
    """Verdicts; code is run without isolation, since the tests wrote it themselves."""
    return score_answers(spec, samples, answers, run_all)
