"""Faults of the machine (disks, clocks, memory) and of the memory folder that runs share."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ftdojo
from tests.bench.trials.world import (
    ENDED,
    NotHere,
    Trial,
    World,
    completed,
    family,
    only_run,
    row,
    stopped,
    summary_of,
)

FAKETIME = ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")
MEGABYTE = 1 << 20


@contextlib.contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """Something is mounted there for the block; needs root."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHere(f"mount: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)


def filled(place: Path, left: int) -> Path:
    """A file that leaves so many bytes of a disk free."""
    ballast = place / "somebody-elses-file"
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(place).free - left)))
    return ballast


def full(phase_bytes: int, *words: str) -> Any:
    """Runs on a disk of 60 MB with so little free; freed and resumed."""

    def do(world: World, trial: Trial) -> None:
        with mounted(trial.folder / "disk", "-t", "tmpfs", "-o", "size=60M", "tmpfs") as disk:
            ballast = filled(disk, phase_bytes)
            trial.told(world.do(*world.run_arguments(disk / "runs")), 2, *words)
            run_dir = only_run(disk / "runs")
            ballast.unlink()
            if run_dir is None:
                trial.kept.append("nothing had begun")
                return
            experiments = ftdojo.journal(run_dir).experiments()
            trial.fact(all(each.failure is None for each in experiments), "the disk is told as a failure")
            trial.told(world.do("resume", run_dir), 0)
            completed(trial, world, run_dir, same=False)

    return do


row("19", "runs on a 60 MB disk with 6 MB free; freed, then resumed")(full(6 * MEGABYTE, "disk", "full"))
row("19b", "the same with 300 KB free")(full(300 << 10, "disk", "full"))


@row("20", "the memory folder on a full disk; freed, then resumed")
def memory_full(world: World, trial: Trial) -> None:
    with mounted(trial.folder / "disk", "-t", "tmpfs", "-o", "size=1M", "tmpfs") as disk:
        (disk / "memory").mkdir()
        ballast = filled(disk, 0)
        runs = trial.folder / "runs"
        trial.told(world.do(*world.run_arguments(runs, "--memory", disk / "memory")), 2, "disk", "full")
        ballast.unlink()
        run_dir = only_run(runs)
        trial.told(world.do("resume", run_dir), 0)
        completed(trial, world, run_dir, same=False)
        lessons = (disk / "memory" / "lessons.jsonl").read_text().splitlines()
        trial.fact(len(lessons) == 1, f"{len(lessons)} lessons")
        trial.kept.append(f"{len(lessons)} lesson")


@row("21", "half a line and binary rubbish appended to lessons.jsonl in training")
def lessons_broken(world: World, trial: Trial) -> None:
    memory, runs = trial.folder / "memory", trial.folder / "runs"
    memory.mkdir()
    book = memory / "lessons.jsonl"
    book.write_text(json.dumps(lesson(world, "old/e01")) + "\n")
    process = world.start(*world.run_arguments(runs, "--memory", memory))
    run_dir = world.reached(process, runs, "training_plan")
    with book.open("ab") as file:
        file.write(b'{"id": "x", "tex\n\x00\xff\xfe\x80\n[[[[\n')
    ended = world.end(process)
    trial.told(ended, 0)
    told = [line for line in ended.out.splitlines() if "lines" in line and "memory" in line]
    trial.said = [*told, ended.line][:1]
    completed(trial, world, run_dir, same=False)
    kept = book.read_bytes()
    trial.fact(b"old/e01" in kept and kept.count(b'"id"') >= 2, "a lesson was lost")
    trial.kept.append("both lessons")


@row("22", "the run's folder made read-only in training (bind mount); undone, then resumed")
def read_only(world: World, trial: Trial) -> None:
    process = world.start(*world.run_arguments(trial.folder / "runs"))
    run_dir = world.reached(process, trial.folder / "runs", "training_plan")
    with stopped(process), mounted(run_dir, "--bind", str(run_dir)):
        # Whoever has the journal open writes on below; all that is opened from now on is refused.
        again = ["mount", "-o", "remount,bind,ro", str(run_dir)]
        if subprocess.run(again, check=False, capture_output=True).returncode:
            raise NotHere("no read-only bind mounts")
        for each in family(process):
            each.send_signal(signal.SIGCONT)
        trial.told(world.end(process), 2, "Read-only")
    trial.told(world.do("resume", run_dir), 0)
    completed(trial, world, run_dir, same=False)


@row("25", "the system's clock set 40 days ahead in the first step and 30 days back in training")
def clock_jump(world: World, trial: Trial) -> None:
    library = next((path for path in FAKETIME if Path(path).exists()), None)
    if library is None:
        raise NotHere("libfaketime is not installed")
    setting = trial.folder / "time"
    setting.write_text("+0")
    own = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(setting),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    began = time.monotonic()
    process = world.start(*world.run_arguments(trial.folder / "runs"), own=own, before=("env",))
    run_dir = world.reached(process, trial.folder / "runs", "run_started")
    setting.write_text("+40d")
    world.reached(process, trial.folder / "runs", "training_plan")
    setting.write_text("-30d")
    ended = world.end(process)
    trial.said.append(ended.line)
    # Under libfaketime any `time.sleep` of Python 3.11 fails (EINVAL), as in the wait for the last child.
    trial.fact(ended.code == 0 or "time.sleep(" in ended.out, f"exit code {ended.code}")
    lived = time.monotonic() - began
    completed(trial, world, run_dir, same=False)
    told = float(summary_of(run_dir).get("wall_seconds", 0.0))
    times = [event.time for event in ftdojo.journal(run_dir).events]
    trial.fact(len({each[:7] for each in times}) > 1, "the clock was not seen to jump")
    trial.fact(told < lived + 1.0, f"{told:.0f} s are told of {lived:.0f}")
    trial.kept.append(f"journal from {min(times)[:10]} to {max(times)[:10]}")


@row("34", "address space limited to 2.3 GB (ulimit -v)")
def little_memory(world: World, trial: Trial) -> None:
    limit = ("bash", "-c", 'ulimit -v 2300000; exec "$@"', "limited")
    ended = world.do(*world.run_arguments(trial.folder), before=limit)
    trial.told(ended, (0, 2))
    run_dir = only_run(trial.folder)
    failures = [e.failure for e in ftdojo.journal(run_dir).experiments() if e.failure] if run_dir else []
    trial.fact(all(each.code == "out_of_memory" for each in failures), f"{[f.code for f in failures]}")
    trial.said += [each.message for each in failures]


# ---- the memory that runs share


def lesson(world: World, id: str, **changes: Any) -> dict[str, Any]:
    """The undisturbed run's lesson under another id, changed."""
    events = ftdojo.journal(world.undisturbed[ENDED]).events
    data = next(event.data for event in events if event.kind == "lesson")
    data = {**data, "id": id, "evidence": [id], **changes}
    settings = changes.get("settings")
    return data if settings is None else {**data, "settings": {**events_settings(events), **settings}}


def events_settings(events: Any) -> dict[str, Any]:
    """The settings of the undisturbed run's lesson."""
    return dict(next(event.data for event in events if event.kind == "lesson").get("settings") or {})


POISON: dict[str, dict[str, Any]] = {
    "36": {"gain": 97.0, "settings": {"learning_rate": float("inf")}},
    "36b": {"gain": 1e308, "settings": {"learning_rate": -1e-3, "epochs": 10**12, "rows": -5}},
    "36c": {"gain": 50.0, "settings": {"method": "os.system", "sources": ["../../etc"], "kind": 7}},
}


def poisoned(name: str) -> Any:
    """A run with a memory whose only lesson, of the same task, is hostile."""

    def do(world: World, trial: Trial) -> None:
        memory, runs = trial.folder / "memory", trial.folder / "runs"
        memory.mkdir()
        text = json.dumps(lesson(world, "foreign/e01", **POISON[name]))
        (memory / "lessons.jsonl").write_text(text + "\n", encoding="utf-8")
        ended = world.do(*world.run_arguments(runs, "--memory", memory))
        trial.told(ended, 0)
        completed(trial, world, only_run(runs), same=False)

    return do


for _name, _poison in POISON.items():
    row(_name, f"a lesson for the same task with {json.dumps(_poison)[:90]}")(poisoned(_name))


@row("37", "a lesson's text with ESC, BEL and right-to-left override, shown by `ftdojo memory`")
def escapes(world: World, trial: Trial) -> None:
    memory = trial.folder / "memory"
    memory.mkdir()
    told = "\x1b]0;owned\x07\x1b[2Jgained\u202eevil\x9b31m"
    lines = json.dumps(lesson(world, "foreign/e01", text=told)) + "\n"
    (memory / "lessons.jsonl").write_text(lines, encoding="utf-8")
    for command in (("list",), ("show", "foreign/e01"), ("search", "gained")):
        ended = world.do("memory", *command, "--memory", memory)
        trial.told(ended, 0, "gained")
        bad = [hex(ord(each)) for each in "\x1b\x07\u202e\x9b" if each in ended.out]
        trial.fact(not bad, f"{command[0]} prints {bad}")
    trial.said = ["the text, its control characters as codes"]


@row("38", "chroma.sqlite3 of the memory overwritten with rubbish")
def index_broken(world: World, trial: Trial) -> None:
    memory = trial.folder / "memory"
    memory.mkdir()
    lines = [json.dumps(lesson(world, f"old/e{n:02d}", text=f"converted units, way {n}")) for n in range(4)]
    (memory / "lessons.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    first = world.do("memory", "search", "converted units", "--memory", memory)
    broken = list(memory.rglob("chroma.sqlite3"))
    trial.fact(broken, "there is no index")
    for path in broken:
        path.write_bytes(b"rubbish" * 1000)
    ended = world.do("memory", "search", "converted units", "--memory", memory)
    trial.told(ended, 0)
    trial.fact(ended.out == first.out, "other lessons are found")
    trial.said = ["the same lessons as before"]
    trial.kept.append("4 of 4 lessons")
