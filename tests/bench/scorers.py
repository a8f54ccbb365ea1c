"""Real rows through both scorers: ``python -m tests.bench.scorers DIR`` prints one line a subset.

For every subset of every task: how many rows were read, how many gold answers are right by our rule,
what the released evaluator gives them, and how many answers a second are scored. DIR holds
published files in the upstream layout.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tasks import registry
from tasks.base import LoadOptions, Sample, TaskSpec
from tasks.official.load import items
from tests.support.gold_answers import gold_answer
from tools.evaluation.score_files import Scored, score_view

SECONDS = 1.0
"""Least time a subset is scored for; the answers are taken again and again until then."""


def main() -> None:
    """Print the table."""
    root = Path(sys.argv[1])
    sys.stdout.write(
        "| subset | rows | gold right | as published | not scored | answers/s |\n|---|---|---|---|---|---|\n"
    )
    for spec in registry.TASKS:
        for subset, samples in items(spec, LoadOptions(root)).items():
            if samples:
                sys.stdout.write(_line(spec, subset, samples) + "\n")


def _line(spec: TaskSpec, subset: str, samples: list[Sample]) -> str:
    answers = [gold_answer(spec, sample) for sample in samples]
    scored = score_view(spec, subset, samples, answers)
    right = sum(item_score.right for item_score in scored.item_scores if item_score.scored)
    left_out = sum(not item_score.scored for item_score in scored.item_scores)
    name, value = next(iter(scored.as_published.items()))
    theirs = f"{name} {'none' if value is None else f'{value:.1f}'}"
    rate = _rate(spec, samples, answers, scored)
    return f"| {subset} | {len(samples)} | {right} | {theirs} | {left_out} | {rate:,.0f} |"


def _rate(spec: TaskSpec, samples: list[Sample], answers: list[str], scored: Scored) -> float:
    if spec.script is not None:
        return len(samples) / scored.wall_seconds
    scored, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        for sample, answer in zip(samples, answers, strict=True):
            spec.scorer(sample, answer)
        scored += len(samples)
    return scored / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
