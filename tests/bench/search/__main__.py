"""``python -m tests.bench.search``: greedy, tree, TPE and random search on the same simulated worlds, and how
many runs recover where a third of their trainings is made to fail.

    python -m tests.bench.search compare --worlds 100:300 --budget 5m
    python -m tests.bench.search failures --worlds 100:200 --search tree

Worlds 0 to 99 are open: rules may be tuned on them. What is reported is of others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from graph.settings import parse_duration
from tests.bench.search.figures import compared, recovered
from tests.bench.search.recovery import WITHOUT, disturbed
from tests.bench.search.run import Result, simulated_run
from tests.bench.search.sampled import sampled_run

app = typer.Typer(add_completion=False)
Worlds = Annotated[str, typer.Option(help="Seeds, first:last, the last left out.")]


@app.command()
def compare(worlds: Worlds = "0:100", budget: str = "5m", searches: str = "greedy,tree,tpe,random") -> None:
    """The true score of what each search claims, on the same worlds and budget."""
    seconds = parse_duration(budget)
    ways: dict[str, Callable[[int], Result]] = {
        "greedy": lambda seed: simulated_run(seed, "greedy", seconds),
        "tree": lambda seed: simulated_run(seed, "tree", seconds),
        "tpe": lambda seed: sampled_run(seed, "tpe", seconds),
        "random": lambda seed: sampled_run(seed, "random", seconds),
    }
    began = time.monotonic()
    results = {name: [ways[name](seed) for seed in seeds(worlds)] for name in searches.split(",")}
    typer.echo(compared(results))
    typer.echo(f"{time.monotonic() - began:.0f} s for {sum(map(len, results.values()))} runs")


@app.command()
def failures(worlds: Worlds = "0:100", budget: str = "5m", searches: str = "greedy,tree") -> None:
    """The share of runs that reach 90% of their undisturbed score, with recovery and without."""
    began, seconds, lines = time.monotonic(), parse_duration(budget), []
    for search in searches.split(","):
        clean = [simulated_run(seed, search, seconds) for seed in seeds(worlds)]
        for recovery in (True, False):
            results = [disturbed(seed, search, seconds, recovery) for seed in seeds(worlds)]
            lines.append((f"{search}, {'recovery' if recovery else WITHOUT}", clean, results))
    typer.echo(recovered(lines))
    typer.echo(f"{time.monotonic() - began:.0f} s")


def seeds(worlds: str) -> range:
    """``100:300`` as a range."""
    first, last = worlds.split(":")
    return range(int(first), int(last))


if __name__ == "__main__":
    app()
