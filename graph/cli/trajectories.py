"""Command ``ftdojo trajectories``: runs as rows of a conversation data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from graph.cli.flags import RunsDir
from graph.cli.printable import say


def trajectories(
    runs_dir: RunsDir,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The JSONL file to write.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs by name or folder (default: all).")
    ] = None,
) -> None:
    """Write runs as conversations with tool calls, reward and outcome, a row each: for TRL's trainers."""
    from graph.run import find_run, list_runs
    from tasks.errors import or_input_error
    from tools.verbs.trajectory import trajectory_of

    folder = Path(runs_dir)
    found = [find_run(name, folder) for name in names] if names else [path for path, _ in list_runs(folder)]
    rows = [json.dumps(trajectory_of(run_dir), ensure_ascii=False) + "\n" for run_dir in found]
    with or_input_error(str(out), "cannot be written", "name a file in a folder you may write to"):
        out.write_text("".join(rows), encoding="utf-8")
    say(f"wrote {len(rows)} trajectories to {out}")
