"""Two results of the mini benchmark side by side: ``python -m graph.bench.before_after BEFORE AFTER``.

Both are ``results.jsonl`` of ``ftdojo bench``, as a rule of two commits with the same tasks and seeds
(``--seeds 0,1``). The oracle may stand in either; the playbook's runs in both. A run's share of the
gap goes from its own seed's base to its own seed's oracle.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from graph.bench.results import read

LOW_SHARE = 0.6
"""Share of the gap under which a run is counted and named."""
DRAWS = 5000
Cell = tuple[str, int]
"""A task and a seed."""
Rows = Sequence[Mapping[str, Any]]


def main(
    before: Path,
    after: Path,
    write: Annotated[Path | None, typer.Option(help="Also write the table into this Markdown file.")] = None,
) -> None:
    """Print the two results side by side."""
    text = document(rows_of(before), rows_of(after))
    typer.echo(text)
    if write is not None:
        write.write_text(text + "\n", encoding="utf-8")


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The results of a file, as far as two of them are compared."""
    return [
        {
            "task": run.cell.task,
            "seed": run.cell.seed,
            "policy": run.cell.policy,
            "value": run.score.value,
            "base_value": run.base.value,
        }
        for run in read(file)
    ]


def document(before: Rows, after: Rows) -> str:
    """A line for each task, then mean, spread and low runs of either; tasks and seeds that both have."""
    old, new = agents(before), agents(after)
    cells = [cell for cell in old if cell in new]
    if not cells:
        return "No task and seed has a run of the playbook in both results."
    shares = {name: gap_shares(runs, [*before, *after]) for name, runs in (("before", old), ("after", new))}
    lines = [
        "| task | agent before | agent after | change | gap closed before | after |",
        "|---|---|---|---|---|---|",
    ]
    for task in dict.fromkeys(task for task, _ in cells):
        mine = [cell for cell in cells if cell[0] == task]
        scores = [[runs[cell] for cell in mine] for runs in (old, new)]
        change = statistics.mean(scores[1]) - statistics.mean(scores[0])
        closed = [_shares_text([found[c] for c in mine if c in found]) for found in shares.values()]
        texts = (task, *map(_spread_text, scores), f"{change:+.1f}", *closed)
        lines.append(f"| {' | '.join(texts)} |")
    lines += ["", _change_text(cells, old, new)]
    for name, runs in (("Before", old), ("After", new)):
        lines.append(_summary(name, {cell: runs[cell] for cell in cells}, shares[name.lower()]))
    return "\n".join(lines)


def agents(rows: Rows) -> dict[Cell, float]:
    """Score of the agent by task and seed; the last run of each counts."""
    return {(row["task"], row["seed"]): float(row["value"]) for row in rows if row["policy"] == "playbook"}


def gap_shares(runs: Mapping[Cell, float], rows: Rows) -> dict[Cell, float]:
    """Share of the distance from base to oracle that each run covers; without those that have no oracle."""
    oracles = {(row["task"], row["seed"]): row for row in rows if row["policy"] == "oracle-source"}
    found = {}
    for cell, value in runs.items():
        if (best := oracles.get(cell)) is not None and best["value"] > best["base_value"]:
            found[cell] = (value - best["base_value"]) / (best["value"] - best["base_value"])
    return found


def mean_change(cells: Sequence[Cell], old: Mapping[Cell, float], new: Mapping[Cell, float]) -> list[float]:
    """Mean change in points over tasks, with its 95% interval: a bootstrap over tasks, seeds together."""
    by_task: dict[str, list[float]] = {}
    for cell in cells:
        by_task.setdefault(cell[0], []).append(new[cell] - old[cell])
    changes = np.array([statistics.mean(each) for each in by_task.values()])
    picks = np.random.default_rng(0).integers(len(changes), size=(DRAWS, len(changes)))
    return [float(changes.mean()), *np.quantile(changes[picks].mean(axis=1), (0.025, 0.975)).tolist()]


def _change_text(cells: Sequence[Cell], old: Mapping[Cell, float], new: Mapping[Cell, float]) -> str:
    mean, low, high = mean_change(cells, old, new)
    tasks = len({task for task, _ in cells})
    return f"Mean change {mean:+.1f} [{low:+.1f}, {high:+.1f}] points over {tasks} tasks, {len(cells)} runs."


def _summary(name: str, runs: Mapping[Cell, float], shares: Mapping[Cell, float]) -> str:
    seeds: dict[str, list[float]] = {}
    for (task, _), value in runs.items():
        seeds.setdefault(task, []).append(value)
    ranges = [max(values) - min(values) for values in seeds.values()]
    spread = f"{statistics.mean(ranges):.1f} points on average, {max(ranges):.1f} at most"
    text = f"{name}: mean {statistics.mean(runs.values()):.1f}; between seeds of a task {spread}"
    mine = {cell: share for cell, share in shares.items() if cell in runs}
    if not mine:
        return text + "."
    low = [f"{task} seed {seed} ({share:.0%})" for (task, seed), share in mine.items() if share < LOW_SHARE]
    text += f"; gap closed {statistics.mean(mine.values()):.0%} on average, {min(mine.values()):.0%} at least"
    return f"{text}; under {LOW_SHARE:.0%}: {', '.join(low) or 'none'}."


def _spread_text(values: Sequence[float]) -> str:
    mean = statistics.mean(values)
    return f"{mean:.1f}" if len(values) == 1 else f"{mean:.1f} ({min(values):.1f} to {max(values):.1f})"


def _shares_text(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.0%}" for share in shares) or "no oracle"


if __name__ == "__main__":
    typer.run(main)
