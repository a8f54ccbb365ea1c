"""A whole run whose resident child is killed, stopped or starved once, in a phase of choice.

All is real but the blow: the run, the bundled model, the child and its signals. ``Resident.do`` is watched
for the job of the phase, and a thread strikes when the phase has come.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

import ftdojo
from memory.journal.log import Journal
from tasks.errors import FtDojoError
from tests.support.small_run import small_task
from tools.process import resident as residents

Blow = Literal["kill", "hang", "out_of_memory"]
SIGNALS = {"kill": signal.SIGKILL, "hang": signal.SIGSTOP}
STALL_SECONDS = 4.0
"""In place of the product's minute."""


@dataclass(frozen=True)
class Phase:
    """When to strike: at a job of this log file, once something is there."""

    log: str
    """A part of the path of the job's log."""
    begun: Callable[[Path], bool] = lambda folder: True
    """Whether the phase has begun, from the files of the experiment's folder."""


def _trains(folder: Path) -> bool:
    path = folder / "progress.jsonl"
    return path.exists() and path.stat().st_size > 0


PHASES = {
    "answering the base": Phase("base/validation.log"),
    "probe": Phase("probe.log"),
    "loading": Phase("train.log"),
    "training": Phase("train.log", _trains),
    "saving": Phase("train.log", lambda folder: (folder / "model.tmp").is_dir()),
    "answering an experiment": Phase("e01/validation.log"),
    "confirmation": Phase("/confirmation-"),
    "sealed test": Phase("/test.log"),
}


@dataclass
class Ending:
    """What became of the run."""

    struck: bool
    told: str
    """The line that the run stopped with; empty where it went on by itself."""
    journal: Journal
    seconds: float

    @property
    def lost(self) -> str:
        """What the journal says was lost, in a few words."""
        failures = [each.failure for each in self.journal.experiments() if each.failure is not None]
        again = [note for note in self.journal.notes if "done once more" in note]
        said = [f"experiment failed at {each.stage} ({each.code})" for each in failures]
        said += [note.split(" was lost")[0] + " done twice" for note in again]
        return "; ".join(said) or "nothing"


def injured_run(folder: Path, phase: Phase, blow: Blow, patch: pytest.MonkeyPatch) -> Ending:
    """One run in a folder that is struck once; resumed where it stopped with a line."""
    task = small_task(folder / "task", held_out_rows=40, source_rows=120)
    struck = threading.Event()
    real = residents.Resident.do

    def do(resident: residents.Resident, request: Mapping[str, Any], deadline: float) -> Any:
        if not struck.is_set() and phase.log in str(request["log_path"]):
            if blow == "out_of_memory":
                struck.set()
                request = {**request, "function": "tests.support.worker_jobs:exhaust_torch"}
            else:
                strike = threading.Thread(target=_strike, args=(resident, request, phase, blow, struck))
                strike.start()
        return real(resident, request, deadline)

    patch.setattr(residents.Resident, "do", do)
    patch.setattr(residents, "STALL_SECONDS", STALL_SECONDS)
    patch.setattr(residents, "LOOK_SECONDS", 0.5)
    started, told = time.monotonic(), ""
    limits = {"budget": "10m", "memory": "off", "max_rows": 120, "max_experiments": 2}
    try:
        ftdojo.run(str(task), runs_dir=str(folder / "runs"), **limits)
    except FtDojoError as error:
        told = str(error)
        (run_dir,) = (folder / "runs").iterdir()
        ftdojo.resume(run_dir)
    (run_dir,) = (folder / "runs").iterdir()
    return Ending(struck.is_set(), told, ftdojo.journal(run_dir), time.monotonic() - started)


def _strike(
    resident: residents.Resident,
    request: Mapping[str, Any],
    phase: Phase,
    blow: Blow,
    struck: threading.Event,
) -> None:
    folder, end = Path(request["log_path"]).parent, time.monotonic() + 120
    while time.monotonic() < end:
        if resident.pid and phase.begun(folder):
            time.sleep(0.02)  # the request is on its way
            with suppress(ProcessLookupError):
                os.kill(resident.pid, SIGNALS[blow])
                struck.set()
            return
        time.sleep(0.001)
