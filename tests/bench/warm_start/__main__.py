"""Command line of the bench: simulated by default, real where tasks are named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tests.bench.warm_start.table import simulated_table


def main(
    families: Annotated[int, typer.Option(min=1, help="Simulated families of tasks.")] = 10,
    size: Annotated[int, typer.Option(min=2, help="Tasks of a family.")] = 12,
    seed: int = 0,
    wrong: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of lessons made wrong.")] = 1 / 3,
    tasks: Annotated[str, typer.Option(help="Real runs on these tasks, at least two.")] = "",
    budget: Annotated[str, typer.Option(help="Of a real run.")] = "2m",
    out: Annotated[
        Path | None, typer.Option(help="Folder of real runs; one that holds some goes on.")
    ] = None,
) -> None:
    """Print the table as Markdown."""
    if tasks:
        from tests.bench.warm_start.real import real_table

        names = tuple(name.strip() for name in tasks.split(",") if name.strip())
        if len(names) < 2 or out is None:
            raise typer.BadParameter("name two tasks or more, and --out")
        lines = real_table(names, budget, out, wrong, seed)
    else:
        lines = simulated_table(families, size, seed, wrong)
    for line in lines:
        typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
