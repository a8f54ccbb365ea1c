"""Kills: what runs lose that are killed at random moments, the sealed reading and the export among them.

    python -m tests.bench.kills 200 [--seed 0] [--kills-a-run 6]

All is real: the command line, a model of 50,000 weights, its trainings and answers in child processes, and
``kill -9`` to the process group. Half of the moments are drawn evenly over a run, the other half over what
comes after its search (confirmation, reading, export, report). The clock given back is what a process lived
less what the run's clocks moved meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

import ftdojo
from memory.budget.heartbeat import last_beat
from tests.support.small_run import make_task_and_model

EXPERIMENTS = 2
OPTIONS = ("--budget", "20m", "--max-rows", "32", "--memory", "off", "--answer-cache", "off")
MARKS = ("candidate_chosen", "champion_chosen", "test_opened", "test_comparison", "run_ended")
"""Kinds of the journal after the search, at which half of the kills are aimed."""
POLL_SECONDS = 0.01
GIVE_UP_SECONDS = 1200.0


@dataclass
class Found:
    """What was seen over all runs."""

    kills: int = 0
    before: int = 0
    """Kills before a run folder was there: nothing had begun."""
    runs: int = 0
    completed: int = 0
    lost: int = 0
    doubled: int = 0
    equal: int = 0
    given_back: list[float] = field(default_factory=list)
    phases: Counter[str] = field(default_factory=Counter)
    """By the journal's last line."""
    problems: list[str] = field(default_factory=list)


class Killer:
    """Starts processes of runs and ends them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.task, self.model = make_task_and_model(folder)
        self.environment = os.environ | {"FTDOJO_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
        self.seconds = 60.0
        """Of an undisturbed run."""

    def start(self, runs: Path, run_dir: Path | None) -> subprocess.Popen[bytes]:
        """A new run, or one that goes on."""
        begin = ["run", str(self.task), "--base-model", str(self.model), *OPTIONS]
        begin += ["--max-experiments", str(EXPERIMENTS), "--runs-dir", str(runs)]
        command = begin if run_dir is None else ["resume", str(run_dir)]
        with (runs / "printed.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "graph", *command],
                start_new_session=True,
                stdout=log,
                stderr=log,
                env=self.environment,
            )

    def whole(self, name: str) -> dict[str, Any]:
        """The summary of an undisturbed run."""
        runs = self.folder / name
        runs.mkdir()
        began = time.monotonic()
        if self.start(runs, None).wait(GIVE_UP_SECONDS):
            sys.exit((runs / "printed.log").read_text()[-2000:])
        self.seconds = time.monotonic() - began
        return _summary(runs) or {}

    def _to_its_end(self, runs: Path, run_dir: Path | None) -> int | None:
        """The exit code of a process that is left alone; None where it takes too long."""
        process = self.start(runs, run_dir)
        try:
            return process.wait(GIVE_UP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None

    def until_killed(self, process: subprocess.Popen[bytes], runs: Path) -> float | None:
        """Wait for the moment and kill; the seconds that the process lived, None where it had ended."""
        began = time.monotonic()
        late = self.random.random() < 0.5
        mark = self.random.choice(MARKS) if late else ""
        delay = self.random.uniform(0.0, 1.5) if late else self.random.uniform(0.0, self.seconds)
        seen: float | None = None if late else began
        while process.poll() is None:
            now = time.monotonic()
            if seen is None and mark in _tail(runs):
                seen = now
            if (seen is not None and now - seen >= delay) or now - began > GIVE_UP_SECONDS:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return time.monotonic() - began
            time.sleep(POLL_SECONDS)
        return None

    def one_run(self, name: str, most: int, found: Found, undisturbed: dict[str, Any]) -> None:
        """A run that is killed again and again, and then left to its end."""
        runs = self.folder / name
        runs.mkdir()
        kills, finished = 0, Counter[str]()
        while kills < most:
            run_dir = _run_dir(runs)
            spent = _elapsed(run_dir)
            process = self.start(runs, run_dir)
            lived = self.until_killed(process, runs)
            if lived is None:
                break
            kills += 1
            found.kills += 1
            run_dir = _run_dir(runs)
            found.phases[_last_kind(run_dir)] += 1
            if run_dir is None:
                found.before += 1
                continue
            found.given_back.append(lived - (_elapsed(run_dir) - spent))
            for event in ftdojo.journal(run_dir).events:
                if event.kind == "finished":
                    finished[f"{event.experiment} {event.seq} {event.time}"] += 1
        run_dir = _run_dir(runs)
        if _summary(runs) is None and self._to_its_end(runs, run_dir) is None:
            found.problems.append(f"{name}: not at its end after {GIVE_UP_SECONDS:.0f} s")
        found.runs += 1
        _judge(runs, finished, found, undisturbed)


def _judge(runs: Path, finished: Counter[str], found: Found, undisturbed: dict[str, Any]) -> None:
    run_dir, summary = _run_dir(runs), _summary(runs)
    if run_dir is None or summary is None:
        found.problems.append(f"{runs.name}: not completed: {(runs / 'printed.log').read_text()[-300:]}")
        return
    found.completed += 1
    events = [e for e in ftdojo.journal(run_dir).events if e.kind == "finished"]
    names = [str(event.experiment) for event in events]
    known = {f"{event.experiment} {event.seq} {event.time}" for event in events}
    found.lost += len(set(finished) - known) + max(0, EXPERIMENTS - len(set(names)))
    found.doubled += len(names) - len(set(names))
    same = [summary.get(key) == undisturbed.get(key) for key in ("final_test", "gain", "outcome")]
    found.equal += all(same)
    if not all(same):
        seen, expected = (each.get("final_test", {}) or {} for each in (summary, undisturbed))
        found.problems.append(
            f"{runs.name}: champion {seen.get('value')}, undisturbed {expected.get('value')}"
        )


def _run_dir(runs: Path) -> Path | None:
    return next(
        (path.parent for path in runs.glob("*/run.json") if (path.parent / "journal.jsonl").exists()), None
    )


def _summary(runs: Path) -> dict[str, Any] | None:
    path = next(iter(runs.glob("*/summary.json")), None)
    return None if path is None else dict(json.loads(path.read_text(encoding="utf-8")))


def _elapsed(run_dir: Path | None) -> float:
    if run_dir is None:
        return 0.0
    written = ftdojo.journal(run_dir).clocks.get("elapsed", 0.0)
    return max(written, last_beat(run_dir).get("elapsed", 0.0))


def _tail(runs: Path) -> str:
    path = next(iter(runs.glob("*/journal.jsonl")), None)
    return "" if path is None else path.read_text(encoding="utf-8", errors="replace")[-20_000:]


def _last_kind(run_dir: Path | None) -> str:
    if run_dir is None:
        return "before the run"
    kinds = [e.kind for e in ftdojo.journal(run_dir).events if e.kind not in ("note", "decision", "usage")]
    return kinds[-1] if kinds else "run_started"


def main() -> None:
    """Prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills-a-run", type=int, default=6)
    chosen = parser.parse_args()
    found = Found()
    with tempfile.TemporaryDirectory() as name:
        killer = Killer(Path(name), chosen.seed)
        undisturbed = killer.whole("undisturbed")
        typer.echo(
            f"undisturbed: {killer.seconds:.0f} s, final test {undisturbed['final_test']['value']:.1f}"
        )
        number = 0
        while found.kills < chosen.kills:
            number += 1
            killer.one_run(
                f"r{number}", min(chosen.kills_a_run, chosen.kills - found.kills), found, undisturbed
            )
            typer.echo(_counts(found))
    for problem in found.problems:
        typer.echo(problem.replace(name, ""))
    typer.echo("killed after: " + ", ".join(f"{kind} {count}" for kind, count in found.phases.most_common()))


def _counts(found: Found) -> str:
    back = sorted(found.given_back)
    worst = f"{back[-1]:.1f} s at most, {back[len(back) // 2]:.1f} s in the middle" if back else "none"
    return (
        f"{found.kills} kills ({found.before} before the run began) over {found.runs} runs: "
        f"{found.completed} completed, {found.lost} experiments lost, {found.doubled} doubled; clock given "
        f"back: {worst}; champion equal in {found.equal}"
    )


if __name__ == "__main__":
    main()
