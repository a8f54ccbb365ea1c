"""Killed, interrupted, moved, copied and cut runs, and children that die or hang."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

import ftdojo
from memory.budget.heartbeat import last_beat
from tests.bench.trials.world import (
    Command,
    Ended,
    Trial,
    World,
    completed,
    digests,
    family,
    kill_group,
    only_run,
    reads_after,
    row,
)
from tests.support.forgery import flip_byte

STOP_SECONDS = 10.0
"""In which a signal has to end a run, as docs/reliability.md says."""
GIVEN_BACK_SECONDS = 5.0


@row("1", "kill -9 while planning, while training and before the reading; resumed each time")
def kills(world: World, trial: Trial) -> None:
    run_dir: Path | None = None
    for phase in ("plan", "training_plan", "champion_chosen"):
        begun = world.run_arguments(trial.folder) if run_dir is None else ["resume", run_dir]
        process = world.start(*begun)
        run_dir = world.reached(process, trial.folder, phase)
        kill_group(process)
    assert run_dir is not None
    reads = reads_after(run_dir)
    ended = world.do("resume", run_dir)
    trial.told(ended, 0)
    completed(trial, world, run_dir, same=False, reads=reads)


@row("2", "three kills -9 in the first step: is the time that was spent still spent")
def clock(world: World, trial: Trial) -> None:
    run_dir: Path | None = None
    lived, back = 0.0, []
    for _ in range(3):
        before = elapsed(run_dir)
        began = time.monotonic()
        process = world.start(
            *(world.run_arguments(trial.folder) if run_dir is None else ["resume", run_dir])
        )
        run_dir = world.reached(process, trial.folder, "run_started")
        while elapsed(run_dir) <= before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(1.0)
        kill_group(process)
        lived = time.monotonic() - began
        back.append(lived - (elapsed(run_dir) - before))
    trial.said.append(f"given back at most {max(back):.1f} s a kill")
    trial.fact(max(back) < GIVEN_BACK_SECONDS, f"{max(back):.1f} s were given back")
    trial.kept.append(f"{elapsed(run_dir):.0f} s of the budget stay spent")


def elapsed(run_dir: Path | None) -> float:
    """Seconds of the budget that are spent, by what lies on the disk."""
    if run_dir is None:
        return 0.0
    return max(ftdojo.journal(run_dir).clocks.get("elapsed", 0.0), last_beat(run_dir).get("elapsed", 0.0))


def signalled(which: signal.Signals, phase: str) -> Callable[[World, Trial], None]:
    """A signal in a phase, and what is said; then resumed."""

    def do(world: World, trial: Trial) -> None:
        process = world.start(*world.run_arguments(trial.folder))
        run_dir = world.reached(process, trial.folder, phase)
        children = family(process)[1:]
        began = time.monotonic()
        os.kill(process.pid, which)
        ended = world.end(process, 60.0)
        taken = time.monotonic() - began
        trial.told(ended, 128 + which, "go on with")
        trial.fact(taken < STOP_SECONDS, f"it took {taken:.1f} s")
        alive = [each for each in children if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
        trial.fact(not alive, f"{len(alive)} processes are left")
        trial.told(world.do("resume", run_dir), 0)
        trial.said.pop()
        # What is trained depends on the time that is left; what was trained before comes to the same.
        completed(trial, world, run_dir, same=phase == "test_opened", reads=1 + (phase == "test_opened"))

    return do


row("3", "SIGINT in training")(signalled(signal.SIGINT, "training_plan"))
row("3b", "SIGINT while the sealed test is read")(signalled(signal.SIGINT, "test_opened"))
row("4", "SIGTERM while the base answers")(signalled(signal.SIGTERM, "run_started"))
row("4b", "SIGHUP in training")(signalled(signal.SIGHUP, "training_plan"))


def working_child(process: Command, log: Path) -> psutil.Process:
    """The child that writes a log; waits for it."""
    end = time.monotonic() + 120.0
    while time.monotonic() < end:
        for each in family(process)[1:]:
            try:
                if any(Path(file.path) == log for file in each.open_files()):
                    return each
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        time.sleep(0.01)
    raise SystemExit(f"nobody writes {log.name}")


def struck(world: World, trial: Trial, phase: str, log: str, how: signal.Signals, budget: float) -> Ended:
    """A run whose child gets a signal while it does the job with this log."""
    process = world.start(*world.run_arguments(trial.folder, "--budget", f"{budget:g}s"))
    run_dir = world.reached(process, trial.folder, phase)
    child = working_child(process, run_dir / "experiments" / log)
    child.send_signal(how)
    ended = world.end(process, budget + 120.0)
    if how == signal.SIGSTOP:
        trial.fact(ended.seconds < budget + 5.0, f"{ended.seconds:.0f} s of {budget:g} s")
        trial.said.append(f"{ended.seconds:.0f} of {budget:g} s")
    return ended


@row("5", "the training child gets SIGKILL")
def child_killed(world: World, trial: Trial) -> None:
    ended = struck(world, trial, "training_plan", "e01/train.log", signal.SIGKILL, 180.0)
    run_dir = only_run(trial.folder)
    trial.told(ended, 0)
    failure = ftdojo.journal(run_dir).experiments()[0].failure if run_dir else None
    trial.fact(failure is not None, "no failure is on record")
    trial.said = [str(failure and failure.message)]
    trial.kept.append("the run ends in order, its failed experiment on record")


@row("6", "the training child gets SIGSTOP, budget 60 s")
def child_hangs(world: World, trial: Trial) -> None:
    ended = struck(world, trial, "training_plan", "e01/train.log", signal.SIGSTOP, 60.0)
    trial.told(ended, 0)
    trial.kept.append("the run ends in order")


@row("7", "the answering child gets SIGSTOP while the base answers, budget 60 s")
def base_hangs(world: World, trial: Trial) -> None:
    """A hang is told from slowness after 60 s without work, and the limit of so short a budget is less."""
    ended = struck(world, trial, "run_started", "base/validation.log", signal.SIGSTOP, 60.0)
    trial.told(ended, 2, "cannot be scored (timeout: ", "give it more than --budget 60s")
    trial.kept.append("the run ends in order")


@row("8", "the answering child gets SIGKILL while the base answers")
def base_killed(world: World, trial: Trial) -> None:
    ended = struck(world, trial, "run_started", "base/validation.log", signal.SIGKILL, 180.0)
    trial.told(ended, 0)
    completed(trial, world, only_run(trial.folder))


@row("8b", "the answering child gets SIGKILL while the sealed test is read")
def reading_killed(world: World, trial: Trial) -> None:
    ended = struck(world, trial, "test_opened", "base/test-1.log", signal.SIGKILL, 180.0)
    trial.told(ended, 0)
    completed(trial, world, only_run(trial.folder))


@row("9", "the journal's last record cut in the middle, then resume")
def journal_cut(world: World, trial: Trial) -> None:
    run = world.copy("candidate_chosen", trial.folder)
    run.journal.write_bytes(run.journal.read_bytes()[:-40])
    ended = world.do("resume", run.run_dir)
    trial.told(ended, 0)
    torn = run.run_dir / "journal.torn"
    trial.fact(torn.is_file() and torn.stat().st_size > 0, "the cut record is not kept")
    trial.fact("journal.torn" in ended.out, "nothing is said of it")
    trial.said = [next((line for line in ended.out.splitlines() if "torn" in line), "nothing")]
    completed(trial, world, run.run_dir)


def refused(change: Callable[[Path], None], *words: str) -> Callable[[World, Trial], None]:
    """A journal that is changed in the middle, and a resume that names the line and writes nothing."""

    def do(world: World, trial: Trial) -> None:
        run = world.copy("candidate_chosen", trial.folder)
        change(run.journal)
        before = digests(run.run_dir)
        trial.told(world.do("resume", run.run_dir), 2, *words)
        trial.fact(digests(run.run_dir) == before, "something was written")
        trial.kept.append("all, byte for byte")

    return do


def bit_flipped(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    flip_byte(journal, sum(map(len, lines[:9])) + len(lines[9]) // 2)


def without_line(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:20] + lines[21:]))


def doubled_line(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:12] + lines[11:]))


row("9b", "a bit flipped in the middle of the journal")(refused(bit_flipped, "journal.jsonl:10: ", "altered"))
row("9c", "a line of the journal removed")(refused(without_line, "journal.jsonl:21: ", "missing"))
row("9d", "a line of the journal doubled")(refused(doubled_line, "journal.jsonl:13: ", "sequence"))


@row("10", "two resumes of one run at once")
def two_at_once(world: World, trial: Trial) -> None:
    run = world.copy("training_plan", trial.folder)
    first = world.start("resume", run.run_dir)
    end = time.monotonic() + 120.0
    before = run.journal.stat().st_size
    while run.journal.stat().st_size == before and first.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    trial.told(world.do("resume", run.run_dir), 2, "another process")
    trial.fact(world.end(first).code == 0, "the first did not complete")
    completed(trial, world, run.run_dir, same=False)


@row("11", "a run's folder copied, the copy resumed")
def copied_run(world: World, trial: Trial) -> None:
    run = world.copy("champion_chosen", trial.folder)
    twin = trial.folder / "elsewhere" / "twin"
    shutil.copytree(run.run_dir, twin)
    before, reads = digests(run.run_dir), reads_after(twin)
    trial.told(world.do("resume", twin), 0)
    trial.fact(digests(run.run_dir) == before, "the original was written")
    completed(trial, world, twin, reads=reads)


@row("12", "a run's folder moved with its name, and renamed, then resumed")
def moved_run(world: World, trial: Trial) -> None:
    for name in ("", "renamed by me"):
        run = world.copy("candidate_chosen", trial.folder / f"from-{bool(name)}")
        new = trial.folder / f"to-{bool(name)}" / (name or run.run_dir.name)
        new.parent.mkdir()
        os.rename(run.run_dir, new)
        trial.told(world.do("resume", new), 0)
        trial.fact(not run.run_dir.exists(), "something was written where it lay before")
        completed(trial, world, new)
