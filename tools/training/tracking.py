"""Tracking of a training in TensorBoard, Trackio, Weights & Biases or MLflow, by the Trainer's integrations.

Each experiment is a run of its own there, called ``RUN/e03``, in a project called like the task. A tracker
is a spectator: what its client raises ends its own part and leaves a remark, and the training goes on.
Keys are never in here; a child gets the variables of the trackers that were asked for, and no others
(``graph.trackers``).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tasks.errors import reason_of
from tools.training.progress import Hear

LOGGED_POINTS = 200
"""Points of a curve at most; a log of each step would cost more than a short step."""


@dataclass(frozen=True)
class Tracking:
    """Where the figures of one training go.

    Args:
        trackers: as ``report_to`` of transformers names them.
        project: the tracker's project or experiment: the task.
        run_name: ``RUN/e03``.
        folder: of what trackers write to the disk; TensorBoard's events lie in ``tensorboard/e03`` in it.
        events: TensorBoard's folder for this training.
    """

    trackers: tuple[str, ...]
    project: str
    run_name: str
    folder: str
    events: str

    def payload(self) -> dict[str, Any]:
        """As a plan file says it."""
        return asdict(self) | {"trackers": list(self.trackers)}


@dataclass(frozen=True)
class Audience:
    """Who looks at a training while it goes on."""

    hear: Hear | None = None
    """Takes its progress, from a thread; see ``tools.training.progress``."""
    tracking: Tracking | None = None


NOBODY = Audience()


def trainer_arguments(asked: Mapping[str, Any] | None, steps: int) -> dict[str, Any]:
    """The fields of ``TrainingArguments`` for a tracking's payload; reports to nobody without one."""
    if not asked:
        return {"report_to": "none", "logging_strategy": "no"}
    _say_where(asked)
    return {
        "report_to": list(asked["trackers"]),
        "run_name": asked["run_name"],
        "project": asked["project"],
        "logging_strategy": "steps",
        "logging_steps": max(1, steps // LOGGED_POINTS),
        "logging_first_step": True,
    }


def _say_where(asked: Mapping[str, Any]) -> None:
    """What the integrations read from the environment; a choice of the user's stands, but for the folder."""
    shutil.rmtree(asked["events"], ignore_errors=True)  # of an attempt that was cut off
    os.environ.update({"TENSORBOARD_LOGGING_DIR": asked["events"]})
    os.environ.pop("TRACKIO_SPACE_ID", None)  # a child never talks to the Hub: figures stay here until a sync
    folder = Path(asked["folder"])
    defaults = {
        "WANDB_PROJECT": asked["project"],
        "WANDB_DIR": str(folder),
        "MLFLOW_EXPERIMENT_NAME": asked["project"],
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@contextmanager
def tracked(trainer: Any) -> Iterator[list[str]]:
    """The block trains; whatever a tracker raises becomes a remark, and at the end each is closed."""
    handler, remarks = trainer.callback_handler, list[str]()
    integrations = "transformers.integrations"
    handler.callbacks = [
        _Guarded(each, trainer, remarks) if type(each).__module__.startswith(integrations) else each
        for each in handler.callbacks
    ]
    try:
        yield remarks
    finally:
        wandb = sys.modules.get("wandb")
        if wandb is not None and wandb.run is not None:
            # The next experiment of this process would go on in this one's run.
            _try("wandb", wandb.finish, remarks)


class _Guarded:
    """A tracker's callback that cannot end what it watches; silent after its first failure."""

    def __init__(self, callback: Any, trainer: Any, remarks: list[str]) -> None:
        self.callback, self.trainer, self.remarks, self.failed = callback, trainer, remarks, False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.callback, name)
        return partial(self._call, found) if name.startswith("on_") else found

    def _call(self, event: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self.failed:
            return None
        if named.get("logs") and self.trainer.progress is not None:
            named["logs"] = named["logs"] | self.trainer.progress.rates
        name = type(self.callback).__name__.removesuffix("Callback").lower()
        before = len(self.remarks)
        answer = _try(name, partial(event, *arguments, **named), self.remarks)
        self.failed = len(self.remarks) > before
        return answer


def _try(tracker: str, call: Callable[[], Any], remarks: list[str]) -> Any:
    try:
        return call()
    except Exception as error:
        remarks.append(f"{tracker} was told no more of this training: {reason_of(error)}")
        return None
