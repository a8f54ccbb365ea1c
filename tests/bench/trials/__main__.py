"""Trials: what a user sees and what is kept when a run is broken on purpose, a row a way to break it.

    python -m tests.bench.trials [ROW...] [--list]

Prints a Markdown table; numbers are those of the first trials by hand, with a letter where another instance
of the kind is tried. Every run is real (the command line, the bundled model on the example task) unless the
row says by which test it is performed. A verdict is ``ok`` where every fact that has to hold was found.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import typer

from tests.bench.trials.world import ROWS, NotHere, Row, Trial, World

PARTS = ("killed", "changed", "machine", "given", "server", "by_test", "struck")
LETTERS = "bcdefghijklmn"
LONGEST = 170
"""Characters of a cell."""


def main() -> None:
    """Prints a line a row, and the count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", nargs="*", help="All rows when none is named; 9 stands for 9, 9b, 9c.")
    parser.add_argument("--list", action="store_true", help="Name the rows and do nothing.")
    parser.add_argument("--keep", action="store_true", help="Keep the folders, and name them.")
    chosen = parser.parse_args()
    for part in PARTS:
        importlib.import_module(f"tests.bench.trials.{part}")
    rows = chosen_rows(chosen.row)
    if chosen.list:
        for each in rows:
            typer.echo(f"{each.name:5} {each.what}")
        return
    folder = Path(tempfile.mkdtemp(prefix="trials-"))
    try:
        world = World(folder)
        typer.echo("| # | trial | what is seen | what was kept | verdict | s |")
        typer.echo("|---|---|---|---|---|---|")
        held = [_performed(each, world) for each in rows]
        typer.echo(f"\n{len(held)} rows, {sum(held)} ok")
    finally:
        if chosen.keep:
            typer.echo(str(folder))
        else:
            shutil.rmtree(folder, ignore_errors=True)


def chosen_rows(names: list[str]) -> list[Row]:
    """The rows of these names, in this order; all of them for none."""
    if not names:
        return ROWS
    asked = (row for name in names for row in ROWS if name in (row.name, row.name.rstrip(LETTERS)))
    return list({row.name: row for row in asked}.values())


def _performed(each: Row, world: World) -> bool:
    folder = world.folder / f"row-{each.name}"
    folder.mkdir()
    trial, began = Trial(folder), time.monotonic()
    try:
        each.do(world, trial)
    except NotHere as missing:
        trial.said, trial.wrong = [], [f"not performed, {missing}"]
    except (Exception, SystemExit) as error:
        traceback.print_exc(file=sys.stderr)
        trial.wrong.append(f"the trial itself: {type(error).__name__}: {error}")
    said, kept, wrong = (
        "; ".join(dict.fromkeys(part)) or "nothing" for part in (trial.said, trial.kept, trial.wrong)
    )
    verdict = f"FAIL: {_cell(wrong, world)}" if trial.wrong else "ok"
    seconds = time.monotonic() - began
    cells = (each.name, each.what, _cell(said, world), _cell(kept, world), verdict, f"{seconds:.0f}")
    typer.echo(f"| {' | '.join(cells)} |")
    return not trial.wrong


def _cell(text: str, world: World) -> str:
    text = " ".join(text.replace(str(world.folder), "").replace("|", "/").split())
    text = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


if __name__ == "__main__":
    main()
