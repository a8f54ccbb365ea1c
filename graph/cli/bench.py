"""Commands of the bench: play policies against each other, check a results file, make a study."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from graph.cli.flags import parameter, takes
from graph.cli.printable import say
from graph.policy_names import COMMAND
from graph.settings import BUNDLED_MODEL, parse_duration
from tasks.errors import InputError

if TYPE_CHECKING:
    from graph.bench.results import Cell, Result

commands = typer.Typer(
    help="Play policies against each other on tasks, under equal budgets, and say who won.",
    rich_markup_mode="markdown",
    invoke_without_command=True,
)
ALL = "all"
USUAL = "base,all-data,oracle-source,random,tpe,playbook"


@dataclass(frozen=True)
class Wanted:
    """What is played, and where: the options that the bench and its studies share."""

    tasks: Annotated[str, typer.Option(help="Comma-separated task ids or folders, or `all` thirteen.")] = ALL
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policies",
            metavar="NAMES",
            help="Comma-separated, as of `ftdojo run --policy`; `+memory` keeps lessons between runs, "
            f"`+workersN` is `--workers N`. Repeat it for {COMMAND}COMMAND. [default: {USUAL}; of a study, "
            "its own]",
            show_default=False,
        ),
    ] = None
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds.")] = "0"
    budget: Annotated[str, typer.Option(metavar="DURATION", help="Of each run: 90s, 5m, 1h30m.")] = "5m"
    base_model: Annotated[str, typer.Option(metavar="MODELS", help="Comma-separated base models.")] = (
        BUNDLED_MODEL
    )
    max_rows: Annotated[int, typer.Option(min=1, help="Most training rows in one experiment.")] = 2000
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Of results.jsonl, runs and memories.")] = Path(
        "runs/bench"
    )
    parallel: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Runs at a time, each on cores of its own; interference is measured."
        ),
    ] = 1
    table_only: Annotated[bool, typer.Option("--table-only", help="Play nothing; print what was played.")] = (
        False
    )

    def results(self, cells: list[Cell]) -> list[Result]:
        """Play the cells that have no result yet, and give all that the folder has."""
        from graph.bench.results import read
        from graph.bench.schedule import Bench

        played = Bench(cells, self.out, self.parallel, lambda line: say(line, err=True))
        return read(played.results_file) if self.table_only else played.play()


def _takes_wanted(**defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for every field of ``Wanted``; they arrive as keyword arguments.

    Args:
        defaults: where they are not those of ``Wanted``.
    """
    kinds = get_type_hints(Wanted, include_extras=True)
    made = [
        parameter(each.name, kinds[each.name], defaults.get(each.name, each.default))
        for each in fields(Wanted)
    ]
    return lambda command: takes(command, made)


@commands.callback()
@_takes_wanted()
def bench(
    context: typer.Context,
    gap_from: Annotated[
        Literal["base", "all-data"], typer.Option(help="From where the gap to the oracle goes.")
    ] = "base",
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the table into this Markdown file.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a leaderboard page (HTML).")
    ] = None,
    **options: Any,
) -> None:
    """Play every policy on every task and seed; what has a result already is not played again.

    Results are appended to results.jsonl at once, so a bench that is broken off goes on by the same command.
    """
    if context.invoked_subcommand is not None:
        return
    from graph.bench.schedule import cells_of
    from graph.bench.table import tables

    wanted = Wanted(**options)
    cells = cells_of(
        _tasks(wanted.tasks),
        _policies(wanted.policies or [USUAL]),
        _seeds(wanted.seeds),
        parse_duration(wanted.budget),
        _listed(wanted.base_model),
        wanted.max_rows,
    )
    results = wanted.results(cells)
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
@_takes_wanted(tasks="aime25,tablebench_numerical_reasoning")
def study(
    name: Annotated[str, typer.Argument(help="backbones, data, budget, roles, memory or recovery.")],
    **options: Any,
) -> None:
    """Vary one thing, all else equal: base model, rows, budget, a role, memory, or failing trainings."""
    from graph.bench.studies import Asked
    from graph.bench.studies import study as find
    from graph.bench.studies import write as write_study

    wanted = Wanted(**options)
    asked = Asked(
        _tasks(wanted.tasks),
        _seeds(wanted.seeds),
        parse_duration(wanted.budget),
        _listed(wanted.base_model),
        wanted.max_rows,
        _policies(wanted.policies) if wanted.policies else (),
    )
    points = find(name).points(asked)
    results = wanted.results([point.cell for point in points])
    wanted.out.mkdir(parents=True, exist_ok=True)
    text, files = write_study(name, points, results, wanted.out)
    say(text)
    say(f"wrote {' and '.join(map(str, files))}")


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
