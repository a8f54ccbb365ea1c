"""Ten kills at random moments of one run. Slow: `make test-slow`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ftdojo
from memory.journal.log import Journal
from tasks.custom.folder import write_example

KILLS = 10
EXPERIMENTS = 5


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_ten_kills_lose_and_repeat_nothing(tmp_path):
    write_example(tmp_path / "task")
    options = ["--budget", "12m", "--max-rows", "200", "--memory", "off"]
    options += ["--max-experiments", str(EXPERIMENTS)]
    runs = ["--runs-dir", str(tmp_path / "runs")]
    seen: dict[str, str] = {}
    process = _start("run", str(tmp_path / "task"), *options, *runs)
    run_dir = _first_run(tmp_path / "runs", process)
    rng = random.Random(11)
    kills = 0
    while kills < KILLS:
        time.sleep(rng.uniform(2.0, 22.0))
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not alive:
            break
        kills += 1
        for event in Journal.open(run_dir / "journal.jsonl", write=False).events:
            if event.kind == "finished":
                line = f"{event.seq} {event.time}"
                assert seen.setdefault(str(event.experiment), line) == line
        process = _start("resume", run_dir.name, *runs)
    assert process.wait(timeout=900) == 0
    journal = ftdojo.journal(run_dir)
    finished = [event.experiment for event in journal.events if event.kind == "finished"]
    assert finished == [f"e{n:02d}" for n in range(1, EXPERIMENTS + 1)]
    assert journal.ended is not None
    assert sum(event.kind == "test_opened" for event in journal.events) == 1
    assert kills >= KILLS // 2
    sys.stderr.write(f"{kills} kills, {len(finished)} experiments, each once\n")


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "graph", *arguments],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _first_run(runs: Path, process: subprocess.Popen[bytes]) -> Path:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = list(runs.glob("*/journal.jsonl"))
        if found:
            return found[0].parent
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("no run folder within 120 s")
