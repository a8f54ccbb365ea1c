"""Figures of simulated runs: means with intervals, differences on the same worlds, shares that recovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, median, stdev

from tests.bench.search.recovery import most_alike
from tests.bench.search.run import Result

NINETY = 0.9
Line = tuple[str, Sequence[Result], Sequence[Result]]
"""Name, undisturbed runs, disturbed ones of the same worlds."""


def compared(results: Mapping[str, Sequence[Result]]) -> str:
    """One line a search, each held against the first on the same worlds."""
    first = next(iter(results))
    lines = [
        f"| search | true score | over {first} | better, worse by 2 | s to 90% of {first}'s score | "
        "experiments | failed | s used |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        differences = [a.true_score - b.true_score for a, b in zip(runs, results[first], strict=True)]
        better, worse = sum(d > 2 for d in differences), sum(d < -2 for d in differences)
        times = [
            seconds_to(run, NINETY * base.true_score) for run, base in zip(runs, results[first], strict=True)
        ]
        got = [each for each in times if each is not None]
        arrived = f"{median(got):.0f} ({len(got)} of {len(runs)})" if got else "none"
        lines.append(
            f"| {name} | {fmean(run.true_score for run in runs):.1f} | {interval(differences)} | "
            f"{better}, {worse} | {arrived} | {fmean(run.experiments for run in runs):.1f} | "
            f"{fmean(run.failed for run in runs):.1f} | {fmean(run.seconds for run in runs):.0f} |"
        )
    for name, runs in results.items():
        moves = Counter(move for run in runs for move in run.moves)
        endings = Counter(run.ending for run in runs)
        lines.append(f"{name}: moves {dict(moves.most_common())}, endings {dict(endings)}")
    return "\n".join(lines)


def recovered(lines: Sequence[Line]) -> str:
    """One line a way to recover."""
    table = [
        "| search | undisturbed | disturbed | reach 90% | failed trainings | same failure at most |",
        "|---|---|---|---|---|---|",
    ]
    for name, clean, runs in lines:
        reach = fmean(
            run.true_score >= NINETY * base.true_score for run, base in zip(runs, clean, strict=True)
        )
        table.append(
            f"| {name} | {fmean(run.true_score for run in clean):.1f} | "
            f"{fmean(run.true_score for run in runs):.1f} | {reach:.0%} | "
            f"{fmean(run.failed for run in runs):.1f} of {fmean(run.experiments for run in runs):.1f} | "
            f"{max(map(most_alike, runs))} |"
        )
    return "\n".join(table)


def seconds_to(run: Result, score: float) -> float | None:
    """When the incumbent's true score first was as high; None where it never was."""
    return next((seconds for seconds, reached in run.reached if reached >= score), None)


def interval(values: Sequence[float]) -> str:
    """Mean with its 95% interval by the normal law."""
    if len(values) < 2:
        return f"{fmean(values):+.1f}"
    half = 1.96 * stdev(values) / len(values) ** 0.5
    return f"{fmean(values):+.1f} [{fmean(values) - half:+.1f}, {fmean(values) + half:+.1f}]"
