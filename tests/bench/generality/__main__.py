"""Table of a run beside three practices on the same folder: ``python -m tests.bench.generality OUT``.

* base: the untouched bundled model.
* all data: every readable source concatenated, defaults, three epochs.
* clean: the clean source alone, cleaned, with generous time (who knows the faults trains on it).
* agent: ``ftdojo run`` with its budget, which has to find out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.bench.mini_tasks import all_data, by_agent, by_hand, long_training
from graph.session import Session
from graph.settings import make_settings
from memory.recipe import DataRecipe
from memory.records import Plan, TrainingPlan
from tests.bench.generality.dates import dates, few_dates
from tests.bench.generality.folder import MadeFolder
from tests.bench.generality.receipts import receipts
from tests.bench.generality.tickets import tickets

FOLDERS: dict[str, Callable[[int], MadeFolder]] = {
    "dates": dates,
    "receipts": receipts,
    "tickets": tickets,
    "few-dates": few_dates,
}


def main(
    out: Path,
    only: Annotated[str, typer.Option(help="Comma-separated folders.")] = ",".join(FOLDERS),
    parts: Annotated[str, typer.Option(help="Of all_data, clean, agent.")] = "all_data,clean,agent",
    seed: int = 0,
    budget: str = "4m",
    write_only: Annotated[bool, typer.Option(help="Write the folders and stop.")] = False,
) -> None:
    """Run each part on each folder; every result is appended to results.jsonl at once."""
    for name in only.split(","):
        made = FOLDERS[name](seed)
        folder = made.write(out / f"folders-{seed}")
        for part in () if write_only else parts.split(","):
            seconds: str | float = budget if part == "agent" else 3600.0
            settings = make_settings(
                task=str(folder), seed=seed, budget_seconds=seconds, memory="off", runs_dir=str(out / part)
            )
            row = by_agent(settings) if part == "agent" else by_hand(settings, _decide(part, made.clean))
            row = {"folder": name, "seed": seed, "part": part, **row}
            with (out / "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            typer.echo(f"{name} seed {seed} {part}: {row['score']}")
    if (out / "results.jsonl").exists():
        lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
        typer.echo(table([json.loads(line) for line in lines]))


def _decide(part: str, clean: tuple[str, ...]) -> Callable[[Session], tuple[Plan, DataRecipe, TrainingPlan]]:
    return all_data if part == "all_data" else lambda session: long_training(session, clean)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line per folder and seed; the last result of each part counts."""
    found = {(row["folder"], row["seed"], row["part"]): row for row in rows}
    lines = ["| folder | seed | base | all data | clean source alone | agent |", "|---|---|---|---|---|---|"]
    for folder, seed in dict.fromkeys(key[:2] for key in found):
        mine = {part: row for (name, number, part), row in found.items() if (name, number) == (folder, seed)}
        base = next(iter(mine.values()))["base_value"]
        cells = [
            f"{mine[part]['value']:.1f}" if part in mine else "-" for part in ("all_data", "clean", "agent")
        ]
        lines.append(f"| {folder} | {seed} | {base:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
