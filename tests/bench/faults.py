"""Faults: what a user sees and what is kept when a write of a run fails, by fault, over all phases.

    python -m tests.bench.faults [--every 7] [--fault kill --fault ENOSPC] [--seed 0]

Each line is a cheap run (``tests.support.cheap_run``: real but for training and answering) that is struck at
one of its writes, resumed, and held against an undisturbed run of the same seed. A fault that the system
would go on with (a full disk) lasts until the process ends.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
import typer

import ftdojo
from tests.support.fault_injection import BUG, NOTHING, CheapRuns, Fault, Plan, Trial, cheap_runs

LASTING = ("ENOSPC", "EROFS", "EDQUOT", "EIO", "EMFILE", "clock")


@dataclass(frozen=True)
class Verdict:
    """What became of one run."""

    plan: Plan
    point: str
    first: Trial
    second: Trial | None
    wrong: tuple[str, ...]
    """What is not as it should be; empty where all is."""


def judged(runs: CheapRuns, name: str, plan: Plan, undisturbed: Trial) -> Verdict:
    """One struck run, resumed where it did not end."""
    first, folder = runs.begin(name, plan)
    point = undisturbed.points[plan.at - 1] if plan.at <= len(undisturbed.points) else "beyond the end"
    wrong: list[str] = []
    if first.code == BUG or (first.told.count("\n") and first.code != 0):
        wrong.append(f"a traceback: {first.told.strip().splitlines()[-1][:120]}")
    begun = list(folder.glob("*/run.json"))
    second = None
    if first.code != 0 and begun and list(folder.glob("*/journal.jsonl")):
        second = runs.go_on(folder, NOTHING)
        if second.code != 0 and "already finished" not in second.told:
            wrong.append(f"resume ended with {second.code}: {second.told.strip()[-160:]}")
    if begun and not wrong:
        wrong += _lost(begun[0].parent, second or first, undisturbed)
    shutil.rmtree(folder)
    return Verdict(plan, point, first, second, tuple(wrong))


def _lost(run_dir: Path, last: Trial, undisturbed: Trial) -> Iterator[str]:
    if not (run_dir / "journal.jsonl").exists():
        return
    journal = ftdojo.journal(run_dir)
    finished = Counter(str(event.experiment) for event in journal.events if event.kind == "finished")
    expected = {f"e{number:02d}" for number in range(1, 1 + sum(undisturbed_counts(undisturbed)))}
    if missing := expected - set(finished):
        yield f"lost {', '.join(sorted(missing))}"
    if doubled := [name for name, count in finished.items() if count > 1]:
        yield f"doubled {', '.join(doubled)}"
    if failed := [e for e in journal.experiments() if e.failure is not None]:
        yield f"{failed[0].id} recorded as failed: {str(failed[0].failure)[:100]}"
    if sum(event.kind == "test_opened" for event in journal.events) != 1:
        yield "the sealed test was not opened once"
    if (run_dir / "summary.json").exists() and last.summary:
        for key in ("final_test", "gain", "outcome"):
            if last.summary.get(key) != undisturbed.summary.get(key):
                yield f"{key} differs: {last.summary.get(key)}"
        if Path(str(last.summary["champion"])).name != "champion":
            yield "no champion was exported"


def undisturbed_counts(undisturbed: Trial) -> tuple[int, int, int]:
    """Experiments kept, discarded and failed without a fault."""
    kept, discarded, failed = (int(undisturbed.summary[key]) for key in ("kept", "discarded", "failed"))
    return kept, discarded, failed


def main() -> None:
    """Prints a Markdown table, a line a run, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=get_args(Fault), action="append")
    parser.add_argument("--every", type=int, default=7, help="Strike at every so many writes.")
    parser.add_argument("--from", dest="start", type=int, default=1)
    parser.add_argument("--wrong-only", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTDOJO_HOME", f"{name}/home")
        runs = cheap_runs(Path(name), patch)
        undisturbed, _ = runs.begin("undisturbed", NOTHING)
        if undisturbed.code:
            sys.exit(undisturbed.told)
        typer.echo(f"{len(undisturbed.points)} writes in an undisturbed run")
        typer.echo("| fault | at | the write | exit | told | resumed | wrong |")
        typer.echo("|---|---|---|---|---|---|---|")
        counts: Counter[str] = Counter()
        for fault in chosen.fault or get_args(Fault):
            for at in range(chosen.start, len(undisturbed.points) + 1, chosen.every):
                plan = Plan(fault, at, fault in LASTING)
                found = judged(runs, f"{fault}-{at}", plan, undisturbed)
                counts["runs"] += 1
                counts["wrong"] += bool(found.wrong)
                if found.wrong or not chosen.wrong_only:
                    typer.echo(_line(found, name))
        typer.echo(f"{counts['runs']} runs struck, {counts['wrong']} not as they should be")


def _line(found: Verdict, folder: str) -> str:
    told = " ".join(found.first.told.replace(folder, "").split())[:110] or "nothing"
    resumed = "" if found.second is None else str(found.second.code)
    wrong = "; ".join(found.wrong).replace(folder, "") or "nothing"
    return (
        f"| {found.plan.fault} | {found.plan.at} | {found.point[:60]} | {found.first.code} | {told} | "
        f"{resumed} | {wrong} |"
    )


if __name__ == "__main__":
    main()
