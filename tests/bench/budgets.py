"""Budgets: by how much whole commands overrun theirs, from process start to exit.

    python -m tests.bench.budgets 10 [--seconds 60 90] [--seed 0] [--spinners 0 4]

Each line is `ftdojo run` on the example task with the bundled model: with prompts of the sealed test as they
are or ten times as long, on cores of its own or beside processes that begin to spin somewhere in the run.
Wanted are an overrun under 5 s, the test read (how much of it is told) and the champion exported in each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

import ftdojo
from tasks.custom.folder import write_example

LONGER = 10
FILLER = "This sentence only makes the question longer and has nothing to do with what is asked. "
MOST_WORDS = 150
"""Of a longer prompt: the bundled model has room for no more."""


@dataclass(frozen=True)
class Case:
    """One run."""

    seconds: int
    longer: bool
    spinners: int
    spin_from: float
    """Seconds after the start at which the others begin."""


def drawn(count: int, seconds: tuple[int, int], seed: int, spinners: tuple[int, ...] = (0, 4)) -> list[Case]:
    """So many cases, every kind in turn."""
    source = random.Random(seed)
    return [
        Case(
            seconds=source.randint(*seconds),
            longer=bool(number % 2),
            spinners=spinners[number // 2 % len(spinners)],
            spin_from=source.uniform(0.3, 0.9) * seconds[0],
        )
        for number in range(count)
    ]


def write_task(folder: Path, longer: bool) -> Path:
    """The example task; with prompts of the sealed test that are ten times as long."""
    write_example(folder)
    if longer:
        path = folder / "test.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            key = max((name for name in row if isinstance(row[name], str)), key=lambda name: len(row[name]))
            words = len(row[key].split())
            times = min(LONGER * words, MOST_WORDS) // len(FILLER.split())
            row[key] = FILLER * times + row[key]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def one(case: Case, folder: Path) -> dict[str, Any]:
    """What the run took, read and exported."""
    task, runs = write_task(folder / "task", case.longer), folder / "runs"
    command = ["run", str(task), "--budget", f"{case.seconds}s", "--memory", "off", "--answer-cache", "off"]
    others: list[subprocess.Popen[bytes]] = []

    def spin() -> None:
        others.extend(
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(case.spinners)
        )

    timer = threading.Timer(case.spin_from, spin)
    began = time.monotonic()
    timer.start()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "graph", *command, "--runs-dir", str(runs)],
            capture_output=True,
            text=True,
            env=os.environ | {"FTDOJO_HOME": str(folder / "home")},
            check=False,
        )
    finally:
        wall = time.monotonic() - began
        timer.cancel()
        timer.join()
        for each in others:
            each.kill()
            each.wait()
    found: dict[str, Any] = {
        "over": wall - case.seconds,
        "code": done.returncode,
        "told": done.stderr.strip(),
    }
    for path in runs.glob("*/summary.json"):
        journal, summary = ftdojo.journal(path.parent), json.loads(path.read_text(encoding="utf-8"))
        read = journal.test_evaluation("base")
        found["read"] = "none" if read is None else f"{read.score.n} of {read.drawn_from or read.score.n}"
        exported = (path.parent / "champion").is_dir()
        found["champion"] = "exported" if exported else Path(str(summary["champion"])).name
        found["experiments"] = sum(int(summary[key]) for key in ("kept", "discarded", "failed"))
    return found


def main() -> None:
    """Prints a Markdown table, a line a run, and the largest overrun."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int)
    parser.add_argument("--seconds", type=int, nargs=2, default=(60, 90))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--spinners", type=int, nargs="+", default=(0, 4), help="Beside a run, in turn.")
    chosen = parser.parse_args()
    typer.echo(
        "| budget | test prompts | beside it | over by | exit | experiments | test items read | champion |"
    )
    typer.echo("|---|---|---|---|---|---|---|---|")
    worst = 0.0
    for case in drawn(chosen.runs, tuple(chosen.seconds), chosen.seed, tuple(chosen.spinners)):
        with tempfile.TemporaryDirectory() as name:
            found = one(case, Path(name))
        worst = max(worst, found["over"])
        beside = f"{case.spinners} spinning from {case.spin_from:.0f} s" if case.spinners else "nothing"
        told = "" if found["code"] == 0 else found["told"].replace(name, "")[-160:]
        typer.echo(
            f"| {case.seconds} s | {'ten times as long' if case.longer else 'alike'} | {beside} | "
            f"{found['over']:+.1f} s | {found['code']} {told} | {found.get('experiments', 0)} | "
            f"{found.get('read', 'none')} | {found.get('champion', 'none')} |"
        )
    typer.echo(f"largest overrun: {worst:+.1f} s")


if __name__ == "__main__":
    main()
