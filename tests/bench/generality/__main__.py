"""The suite run: ``python -m tests.bench.generality OUT [--only open|held-out|all|NAMES] [--parts ...]``.

Every part is a policy that plays by the run's own graph, gates and confirmation: a part whose training could
not be confirmed to better the base scores what the base does. (Results before November 2026 tested all data
and oracle without a confirmation.)

* base: the untouched base model, a column of every part.
* all_data: every readable source concatenated, defaults, three epochs.
* oracle: the clean source alone, cleaned, with generous time (who knows the faults trains on it).
* agent: ``ftdojo run`` with its budget, which has to find out.
* tree: the agent with ``--search tree``.
* random, tpe: mixtures of the sources drawn at random, or by TPE, in the agent's budget.

Every result is appended to ``OUT/results.jsonl`` at once, and what stands there is not run again. Runs of the
held-out half are entered into ``openings.jsonl`` beside this file: commit it with the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.bench.ablations import check_parts
from graph.policies import hand_in
from graph.settings import BUNDLED_MODEL, RunSettings, make_settings
from roles.baselines.oracle_source import OracleSource
from tasks.errors import ExperimentFailed, HarnessFault, InputError
from tests.bench.generality.folder import MadeFolder
from tests.bench.generality.held_out import commit, record_opening
from tests.bench.generality.results import Cell, append, cell_of, table
from tests.bench.generality.suite import FOLDERS, chosen
from tests.bench.played import by_agent
from tools.report.facts import read_rows

SEARCHING = ("agent", "tree", "random", "tpe")
PARTS = ("all_data", "oracle", *SEARCHING)
POLICIES = {"agent": "playbook", "tree": "playbook", "random": "random", "tpe": "tpe", "all_data": "all-data"}
"""Who plays a part; the oracle is told the clean sources."""
ORACLE_SECONDS = 170.0
BY_HAND_SECONDS = 36_000.0
"""The budget of parts that do not search: their trainings end by their own plan."""


def main(
    out: Path,
    only: Annotated[str, typer.Option(help="open, held-out, all, or comma-separated folders.")] = "open",
    parts: Annotated[str, typer.Option(help=f"Of {', '.join(PARTS)}.")] = "all_data,oracle,agent",
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds.")] = "0",
    budget: Annotated[str, typer.Option(help="Of each part that searches.")] = "4m",
    base_model: Annotated[str, typer.Option(help="As of ftdojo run.")] = BUNDLED_MODEL,
    without: Annotated[str, typer.Option(help="Parts that the agent goes without, one at a time.")] = "",
    oracle_seconds: Annotated[float, typer.Option(help="Training time of the oracle.")] = ORACLE_SECONDS,
    write_only: Annotated[bool, typer.Option(help="Write the folders and stop.")] = False,
    table_only: Annotated[bool, typer.Option(help="Print the table of what was run and stop.")] = False,
) -> None:
    """Run each part on each folder and seed, then print the table."""
    results = out / "results.jsonl"
    if table_only:
        typer.echo(table(read_rows(results)))
        return
    names, numbers, wanted = chosen(only), _numbers(seeds), parts.split(",")
    if unknown := set(wanted) - set(PARTS):
        raise InputError(
            f"--parts {','.join(sorted(unknown))}", "there is no such part", f"of {', '.join(PARTS)}"
        )
    if write_only:
        record_opening(names, numbers, ["written"])
        for name, seed in _pairs(names, numbers):
            typer.echo(FOLDERS[name](seed).write(out / f"folders-{seed}"))
        return
    missing = check_parts(without.split(",")) if without else ("",)
    cells = [
        _cell(name, seed, part, base_model, budget, each)
        for name, seed in _pairs(names, numbers)
        for part in wanted
        for each in (missing if part == "agent" else ("",))
    ]
    done = {cell_of(row) for row in read_rows(results)}
    cells = [cell for cell in dict.fromkeys(cells) if cell not in done]
    for cell in cells:  # before anything is opened
        settings_of(cell, out, out)
    labels = list(dict.fromkeys(cell.label for cell in cells))
    record_opening({cell.folder for cell in cells}, {cell.seed for cell in cells}, labels)
    for cell in cells:
        _run(cell, out, oracle_seconds)
    typer.echo(table(read_rows(results)))


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(text) for text in seeds.split(",")]
    except ValueError:
        raise InputError(f"--seeds {seeds}", "holds what is no number", "e.g. 0,1,2") from None


def _pairs(names: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    return [(name, seed) for seed in seeds for name in names]


def _cell(folder: str, seed: int, part: str, base_model: str, budget: str, without: str) -> Cell:
    searching = part in SEARCHING
    return Cell(folder, seed, part, base_model, budget if searching else "", without)


def _run(cell: Cell, out: Path, oracle_seconds: float) -> None:
    """One cell, and its line; what fails is told and left for the next call."""
    made = FOLDERS[cell.folder](cell.seed)
    settings = settings_of(cell, made.write(out / f"folders-{cell.seed}"), out)
    try:
        result = _result(cell, settings, made, oracle_seconds)
    except (ExperimentFailed, HarnessFault, InputError) as error:
        typer.echo(f"{cell.folder} seed {cell.seed} {cell.label}: {error}", err=True)
        return
    append(out / "results.jsonl", cell, {**result, "commit": commit()})
    typer.echo(f"{cell.folder} seed {cell.seed} {cell.label}: {result['score']}")


def settings_of(cell: Cell, folder: Path, out: Path) -> RunSettings:
    """The settings of a cell's run."""
    return make_settings(
        task=str(folder),
        seed=cell.seed,
        base_model=cell.base_model,
        budget_seconds=cell.budget or BY_HAND_SECONDS,
        memory="off",
        runs_dir=str(out / cell.label.replace(" ", "-")),
    )


def _result(cell: Cell, settings: RunSettings, made: MadeFolder, oracle_seconds: float) -> dict[str, Any]:
    if cell.part == "oracle":
        known = hand_in(OracleSource(made.clean, oracle_seconds))
    else:
        known = POLICIES[cell.part]
    search = "tree" if cell.part == "tree" else settings.search
    played = settings.model_copy(update={"policy": known, "search": search})
    return by_agent(played, (cell.without,) if cell.without else ())


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        raise SystemExit(str(error)) from None
