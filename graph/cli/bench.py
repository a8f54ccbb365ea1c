"""Commands of the bench: play policies against each other, check a results file, make a study."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graph.cli.printable import say
from graph.policy_names import COMMAND
from graph.settings import BUNDLED_MODEL, parse_duration
from tasks.errors import InputError

if TYPE_CHECKING:
    from graph.bench.results import Cell
    from graph.bench.schedule import Bench

commands = typer.Typer(
    help="Play policies against each other on tasks, under equal budgets, and say who won.",
    rich_markup_mode="markdown",
    invoke_without_command=True,
)
ALL = "all"
USUAL = "base,all-data,oracle-source,random,tpe,playbook"

Tasks = Annotated[str, typer.Option(help="Comma-separated task ids or folders, or `all` thirteen.")]
Seeds = Annotated[str, typer.Option(help="Comma-separated seeds.")]
Budget = Annotated[str, typer.Option(metavar="DURATION", help="Of each run: 90s, 5m, 1h30m.")]
Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Of results.jsonl, runs and memories.")]
BaseModels = Annotated[str, typer.Option(metavar="MODELS", help="Comma-separated base models.")]
MaxRows = Annotated[int, typer.Option(min=1, help="Most training rows in one experiment.")]
Parallel = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Runs at a time, each on cores of its own; interference is measured."
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policies",
        metavar="NAMES",
        help="Comma-separated, as of `ftdojo run --policy`; `+memory` keeps lessons between runs, "
        f"`+workersN` is `--workers N`. Repeat it for {COMMAND}COMMAND. [default: {USUAL}]",
        show_default=False,
    ),
]


@commands.callback()
def bench(
    context: typer.Context,
    tasks: Tasks = ALL,
    policies: Policies = None,
    seeds: Seeds = "0",
    budget: Budget = "5m",
    base_model: BaseModels = BUNDLED_MODEL,
    max_rows: MaxRows = 2000,
    out: Out = Path("runs/bench"),
    parallel: Parallel = 1,
    gap_from: Annotated[
        Literal["base", "all-data"], typer.Option(help="From where the gap to the oracle goes.")
    ] = "base",
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the table into this Markdown file.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a leaderboard page (HTML).")
    ] = None,
    table_only: Annotated[
        bool, typer.Option("--table-only", help="Play nothing; print what was played.")
    ] = False,
) -> None:
    """Play every policy on every task and seed; what has a result already is not played again.

    Results are appended to results.jsonl at once, so a bench that is broken off goes on by the same command.
    """
    if context.invoked_subcommand is not None:
        return
    from graph.bench.results import read
    from graph.bench.schedule import cells_of
    from graph.bench.table import tables

    seconds = parse_duration(budget)
    cells = cells_of(
        _tasks(tasks), _policies(policies or [USUAL]), _seeds(seeds), seconds, _listed(base_model), max_rows
    )
    played = _bench(cells, out, parallel)
    results = read(played.results_file) if table_only else played.play()
    text = tables(results, gap_from).text()
    say(text)
    if write is not None:
        write.write_text(f"{text}\n", encoding="utf-8")
    if page is not None and results:
        from graph.bench.page import page as leaderboard

        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(leaderboard(results, _command(), gap_from), encoding="utf-8")
        say(f"wrote {page}")


@commands.command()
def verify(file: Annotated[Path, typer.Argument(metavar="FILE", help="A results.jsonl.")]) -> None:
    """Check a results file: its lines, duplicates, budgets, machines, and the journals that lie beside it."""
    from graph.bench.verify import verify as check

    found = check(file)
    for problem in found.problems:
        say(problem)
    verdict = "sound" if found.sound else f"{len(found.problems)} problems"
    say(f"{file}: {found.lines} lines, {found.journals} journals read again: {verdict}")
    if not found.sound:
        raise SystemExit(2)


@commands.command()
def study(
    name: Annotated[str, typer.Argument(help="backbones, data, budget, roles, memory or recovery.")],
    tasks: Tasks = "aime25,tablebench_numerical_reasoning",
    policies: Policies = None,
    seeds: Seeds = "0",
    budget: Budget = "5m",
    base_model: BaseModels = BUNDLED_MODEL,
    max_rows: MaxRows = 2000,
    out: Out = Path("runs/bench"),
    parallel: Parallel = 1,
    table_only: Annotated[
        bool, typer.Option("--table-only", help="Play nothing; print what was played.")
    ] = False,
) -> None:
    """Vary one thing, all else equal: base model, rows, budget, a role, memory, or failing trainings."""
    from graph.bench.results import read
    from graph.bench.studies import Asked
    from graph.bench.studies import study as find
    from graph.bench.studies import write as write_study

    asked = Asked(
        _tasks(tasks),
        _seeds(seeds),
        parse_duration(budget),
        _listed(base_model),
        max_rows,
        _policies(policies) if policies else (),
    )
    points = find(name).points(asked)
    played = _bench([point.cell for point in points], out, parallel)
    results = read(played.results_file) if table_only else played.play()
    out.mkdir(parents=True, exist_ok=True)
    text, files = write_study(name, points, results, out)
    say(text)
    say(f"wrote {' and '.join(map(str, files))}")


def _bench(cells: list[Cell], out: Path, parallel: int) -> Bench:
    from graph.bench.schedule import Bench

    return Bench(cells, out, parallel, lambda line: say(line, err=True))


def _tasks(names: str) -> list[str]:
    """Task ids or folders.

    Raises:
        InputError: one is none.
    """
    from graph.task_names import load_task
    from tasks import registry

    found = list(registry.ids()) if names == ALL else _listed(names)
    for name in found:
        load_task(name, "mini")
    return found


def _policies(given: list[str]) -> list[str]:
    """Names, each once; one that starts a program may hold commas."""
    found: list[str] = []
    for text in given:
        found += [text] if text.startswith(COMMAND) else _listed(text)
    return list(dict.fromkeys(found))


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in _listed(text)]
    except ValueError:
        raise InputError(f"--seeds {text}", "holds what is no number", "e.g. 0,1,2") from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _command() -> str:
    """The command as it was given, without what only this call wanted."""
    return shlex.join(["ftdojo", *sys.argv[1:]])
