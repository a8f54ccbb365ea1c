"""Ablations of the agent on the generality folders: ``python -m tests.bench.ablations OUT``.

One run of the whole agent and one without each part (``graph.bench.ablations``) for every folder and seed, on
the same sealed test. Results are appended to ``ablations.jsonl`` at once, and what is there is not run again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.bench.ablations import PARTS, check_parts
from graph.bench.mini_tasks import by_agent
from graph.settings import BUNDLED_MODEL, make_settings
from tests.bench.generality.__main__ import FOLDERS

RESULTS = "ablations.jsonl"
NOTHING = "nothing"
"""What the whole agent goes without."""


def main(
    out: Path,
    only: Annotated[str, typer.Option(help="Comma-separated folders.")] = ",".join(FOLDERS),
    without: Annotated[str, typer.Option(help="Parts, each by itself.")] = ",".join((NOTHING, *PARTS)),
    seeds: str = "0",
    budget: str = "4m",
    base_model: str = BUNDLED_MODEL,
) -> None:
    """Run what is missing, then print the table."""
    out.mkdir(parents=True, exist_ok=True)
    parts = [name for name in without.split(",") if name == NOTHING or check_parts([name])]
    done = {(row["folder"], row["seed"], row["without"]) for row in rows_of(out)}
    for name in only.split(","):
        for seed in map(int, seeds.split(",")):
            folder = FOLDERS[name](seed).write(out / f"folders-{seed}")
            for part in parts:
                if (name, seed, part) in done:
                    continue
                settings = make_settings(
                    task=str(folder),
                    base_model=base_model,
                    seed=seed,
                    budget_seconds=budget,
                    memory="off",
                    runs_dir=str(out / "runs"),
                )
                row = by_agent(settings, () if part == NOTHING else (part,))
                row = {"folder": name, "seed": seed, "without": part, **row}
                with (out / RESULTS).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                typer.echo(f"{name} seed {seed} without {part}: {row['score']}")
    typer.echo(table(rows_of(out)))


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The results so far."""
    if not (out / RESULTS).exists():
        return []
    return [json.loads(line) for line in (out / RESULTS).read_text(encoding="utf-8").splitlines()]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line per folder and seed: the base, the whole agent, and the agent without each part."""
    parts = list(dict.fromkeys(row["without"] for row in rows))
    lines = [f"| folder | seed | base | {' | '.join(f'without {part}' for part in parts)} |"]
    lines.append("|---" * (len(parts) + 3) + "|")
    for folder, seed in dict.fromkeys((row["folder"], row["seed"]) for row in rows):
        mine = {row["without"]: row for row in rows if (row["folder"], row["seed"]) == (folder, seed)}
        base = next(iter(mine.values()))["base_value"]
        cells = [f"{mine[part]['value']:.1f}" if part in mine else "-" for part in parts]
        lines.append(f"| {folder} | {seed} | {base:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
