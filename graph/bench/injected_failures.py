"""Injected failures: a share of a run's trainings fails on purpose, in five ways, for benchmarks alone.

A failure is injected where a training child would have ended: the worker's caller sees what it sees when
memory runs out, the loss is not a number, a child is killed, hangs, or its script raises. No setting and no
flag of a user's leads here; ``graph.run.run`` takes ``opened``, and ``inject`` is what a benchmark passes to
it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from graph.session import Session
from roles.training_gate import TIME_MARGIN
from tasks.errors import Code, ExperimentFailed, Stage
from tools.process.worker import Worker
from tools.training.train import GRACE_SECONDS

SHARE = 1 / 3
"""Of all trainings."""
Way = Literal["out_of_memory", "nan_loss", "killed", "hang", "script_error"]


@dataclass(frozen=True)
class Fault:
    """One way to fail: what the caller is told, and how much of the training's time is lost."""

    code: Code
    message: str
    time_share: float
    """Of the time that the training was planned to take; a hang lasts until its limit, which is beyond."""


FAULTS: dict[Way, Fault] = {
    "out_of_memory": Fault("out_of_memory", "OutOfMemoryError: out of memory (injected)", 0.2),
    "nan_loss": Fault("diverged", "the loss is not a number at step 12 (injected)", 0.4),
    "killed": Fault("crashed", "killed from outside (signal 9) (injected)", 0.5),
    "hang": Fault("timeout", "killed after its time limit (injected)", 1.5),
    "script_error": Fault("crashed", "ValueError: a batch of no rows (injected)", 0.1),
}


@dataclass
class FaultPlan:
    """Which training fails, and how: the same sequence for the same seed."""

    seed: int
    share: float = SHARE
    injected: list[Way] = field(default_factory=list)
    """What was injected so far."""
    asked: int = 0
    """Trainings so far."""

    def next(self) -> Fault | None:
        """Whether the next training fails."""
        draws = random.Random(f"{self.seed} {self.asked}")
        self.asked += 1
        if draws.random() >= self.share:
            return None
        way = draws.choice(tuple(FAULTS))
        self.injected.append(way)
        return FAULTS[way]


class FaultyWorker:
    """A worker whose trainings fail by plan; all else is passed on."""

    def __init__(
        self, worker: Worker, faults: FaultPlan, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._worker, self._faults, self._sleep = worker, faults, sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)

    def run(
        self,
        function: str | Callable[[dict[str, Any]], dict[str, Any]],
        payload: Mapping[str, Any],
        timeout_seconds: float,
        log_path: Path,
        stage: Stage = "train",
        **places: bool,
    ) -> dict[str, Any]:
        """As ``Worker.run``.

        Raises:
            ExperimentFailed: also where the plan of failures says so.
        """
        fault = self._faults.next() if stage == "train" else None
        if fault is not None:
            self._sleep(fault.time_share * max(timeout_seconds - GRACE_SECONDS, 0.0) / TIME_MARGIN)
            raise ExperimentFailed(stage, fault.code, fault.message)
        return self._worker.run(function, payload, timeout_seconds, log_path, stage, **places)


def inject(faults: FaultPlan) -> Callable[[Session], None]:
    """For ``graph.run.run(opened=...)``: let a run's trainings fail by plan, each after the
    time that it loses."""

    def opened(session: Session) -> None:
        session.dojo.worker = FaultyWorker(session.dojo.worker, faults)  # type: ignore[assignment]
        session.dojo.journal.note(f"a benchmark: {faults.share:.0%} of trainings are made to fail")

    return opened
