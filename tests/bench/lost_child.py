"""Lost child: what a run loses when its resident child is killed, hangs or runs out of memory, by phase.

    python -m tests.bench.lost_child [--phase "sealed test"] [--blow kill]

Each line is a whole run of the bundled model on the example task (two experiments) that was struck once. A
hang is found after 4 s here and after a minute in the product; out of memory is torch's own allocator asked
for a petabyte in place of the job.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import get_args

import pytest
import typer

from tests.support.lost_child import PHASES, Blow, injured_run


def main() -> None:
    """Prints a Markdown table, a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase", choices=[*PHASES], action="append")
    parser.add_argument("--blow", choices=get_args(Blow), action="append")
    chosen = parser.parse_args()
    typer.echo("| phase | blow | lost | stopped with | experiments | test read | seconds |")
    typer.echo("|---|---|---|---|---|---|---|")
    for phase in chosen.phase or PHASES:
        for blow in chosen.blow or get_args(Blow):
            typer.echo(_line(phase, blow))


def _line(phase: str, blow: Blow) -> str:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        found = injured_run(folder, PHASES[phase], blow, patch)
        ended = [str(each.outcome) for each in found.journal.experiments()]
        lost = found.lost if found.struck else "not struck"
        told = found.told[:120].replace(name, "") or "nothing"
        reads = found.journal.test_reads
        return f"| {phase} | {blow} | {lost} | {told} | {', '.join(ended)} | {reads} | {found.seconds:.0f} |"


if __name__ == "__main__":
    main()
