"""Staged looks: what answering a share of the search items first saves, and whom it stops, on simulated runs.

    python -m tests.bench.staged_looks [--runs 1000]

Worlds, search and its rules are those of ``tests.bench.claims``, which has false champions and confirmed
gains with and without staging. Here every candidate of twenty answers a share first, as in the product where
answering is dear.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from tests.bench.claims import CANDIDATES, GAINS, SIZES, Search, World, kept_apart, search, world

DIFFERENCES = (0.0, -0.05, -0.10, -0.20, -0.30)
"""True difference of all candidates from the base."""


def staged_search(models: World) -> Search:
    """The search on the half of validation that it may see."""
    n = len(models.base)
    return search(models, slice(0, n - kept_apart(n)), staged=True)


def answered_share(difference: float, n: int, runs: int) -> float:
    """Percent of the search items that candidates of one true difference are asked."""
    shares = []
    for run in range(runs):
        models = world(np.random.default_rng([n, run]), n, [difference] * CANDIDATES, shared=0.5)
        shares += staged_search(models).answered.values()
    return 100.0 * float(np.mean(shares))


def stopped_shares(gain: float, n: int, runs: int) -> tuple[float, float]:
    """Of runs in which one candidate of twenty is better, in percent.

    Returns:
        Runs in which that one is stopped; stopped ones among all candidates that come out above the
        incumbent of their time on all search items.
    """
    place = CANDIDATES // 2
    gains = [gain if number == place else 0.0 for number in range(1, CANDIDATES + 1)]
    good = stopped = above = 0
    for run in range(runs):
        found = staged_search(world(np.random.default_rng([n, run]), n, gains, shared=0.5))
        good += found.answered[place] < 1.0
        above += len(found.above)
        stopped += sum(found.answered[number] < 1.0 for number in found.above)
    return 100.0 * good / runs, 100.0 * stopped / max(above, 1)


def answered_table(runs: int) -> list[str]:
    """Items that are answered, by true difference of all candidates and size of validation."""
    lines = [f"| validation items | {' | '.join(_points(each) for each in DIFFERENCES)} |"]
    lines.append("|---|" + "---|" * len(DIFFERENCES))
    for n in SIZES:
        cells = [f"{answered_share(each, n, runs):.0f}" for each in DIFFERENCES]
        lines.append(f"| {n} | {' | '.join(cells)} |")
    return lines


def stopped_table(runs: int) -> list[str]:
    """Who is stopped: the better candidate / any that comes out above the incumbent on all items."""
    lines = [f"| validation items | {' | '.join(_points(each) for each in GAINS)} |"]
    lines.append("|---|" + "---|" * len(GAINS))
    for n in SIZES:
        cells = ["{:.1f} / {:.1f}".format(*stopped_shares(each, n, runs)) for each in GAINS]
        lines.append(f"| {n} | {' | '.join(cells)} |")
    return lines


def _points(difference: float) -> str:
    return f"{100 * difference:+.0f}" if difference else "no better"


def main(runs: Annotated[int, typer.Option(help="Simulated runs per cell.")] = 1000) -> None:
    """Print the tables as Markdown."""
    parts = [
        (
            "Share of the search items that candidates are asked, in percent, by true difference",
            answered_table,
        ),
        ("Stopped, in percent: the one better candidate / whoever is above on all items", stopped_table),
    ]
    for title, table in parts:
        typer.echo("\n".join([f"## {title} ({runs} runs a cell)", "", *table(runs), ""]))


if __name__ == "__main__":
    typer.run(main)
