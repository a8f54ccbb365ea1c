"""Disturbed runs: a third of their trainings is made to fail (``python -m tests.bench.disturbed``).

Each task and seed runs twice with the same budget: as it is, and with failures of five kinds injected where
its training children end (``graph.bench.injected_failures``). Told is how many disturbed runs reach 90% of
the undisturbed score on the same sealed test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.bench.injected_failures import SHARE, FaultPlan, inject
from graph.settings import make_settings
from tasks import registry
from tests.bench.generality.results import read
from tests.bench.played import by_agent

REACHED = 0.9
"""Of the undisturbed score."""


def main(
    tasks: Annotated[str, typer.Option(help="Comma-separated task ids; all thirteen when absent.")] = "",
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds.")] = "0",
    budget: Annotated[str, typer.Option(help="Of each run.")] = "5m",
    search: Annotated[str, typer.Option(help="As of ftdojo run.")] = "greedy",
    share: Annotated[float, typer.Option(help="Of trainings that fail.", min=0.0, max=1.0)] = SHARE,
    out: Annotated[Path, typer.Option(help="Folder for runs and results.jsonl.")] = Path("runs/disturbed"),
) -> None:
    """Run what results.jsonl does not hold yet, then print the table."""
    results = out / "results.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    done = {(row["task"], row["seed"], row["part"]) for row in read(results)}
    for task in tasks.split(",") if tasks else registry.ids():
        for seed in (int(text) for text in seeds.split(",")):
            for part in ("undisturbed", "disturbed"):
                if (task, seed, part) in done:
                    continue
                settings = make_settings(
                    task=task,
                    seed=seed,
                    budget_seconds=budget,
                    search=search,
                    memory="off",
                    runs_dir=str(out / part),
                )
                faults = FaultPlan(seed, share)
                row = by_agent(settings, opened=inject(faults) if part == "disturbed" else None)
                row |= {"injected": faults.injected, "search": search}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"task": task, "seed": seed, "part": part, **row}) + "\n")
                typer.echo(f"{task} seed {seed} {part}: {row['score']}")
    typer.echo(table(read(results)))


def table(rows: list[dict[str, Any]]) -> str:
    """One line for each pair of runs, and how many disturbed ones reach 90% of the undisturbed score."""
    found = {(row["task"], row["seed"], row["part"]): row for row in rows}
    pairs = [
        (task, seed, row, found[task, seed, "disturbed"])
        for (task, seed, part), row in found.items()
        if part == "undisturbed" and (task, seed, "disturbed") in found
    ]
    lines = ["| task | seed | undisturbed | disturbed | injected | failed |", "|---|---|---|---|---|---|"]
    for task, seed, clean, hit in pairs:
        ways = ", ".join(hit["injected"]) or "none"
        lines.append(
            f"| {task} | {seed} | {clean['score']} | {hit['score']} | {ways} | {hit['counts']['failed']} |"
        )
    reached = sum(hit["value"] >= REACHED * clean["value"] for _, _, clean, hit in pairs)
    return "\n".join([*lines, "", f"{reached} of {len(pairs)} reach {REACHED:.0%} of the undisturbed score"])


if __name__ == "__main__":
    typer.run(main)
