"""Commands for when something does not work: a look at the machine, and a bundle for a bug report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graph.cli.flags import RESULTS, SETUP, AsJson, RunName, RunsDir
from graph.cli.printable import say, terminal

commands = typer.Typer()


@commands.command(rich_help_panel=SETUP)
def doctor(as_json: AsJson = False) -> None:
    """Check the machine and the installation, and say what to do about what is missing."""
    from graph.cli.doctor import print_checks

    if not print_checks(terminal(), as_json):
        raise SystemExit(1)


@commands.command("report-bug", rich_help_panel=RESULTS)
def report_bug(
    name: RunName,
    runs_dir: RunsDir,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The ZIP file to write.")] = None,
) -> None:
    """Pack what a developer needs of a run into one file: no rows, no texts, no keys, no paths of yours."""
    from graph.cli.bug_report import write_bundle
    from graph.run import find_run

    say(str(write_bundle(find_run(name, Path(runs_dir)), out)))
