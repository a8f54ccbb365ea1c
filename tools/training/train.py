"""Training of one plan in a child process, and the probe that tries a few steps of it."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.recipe import DataCard, Record
from memory.records import Training, TrainingPlan
from tasks.errors import ExperimentFailed
from tools.models.chat_template import LossOn
from tools.process.machine import machine
from tools.process.placed import Call, Link
from tools.process.worker import Worker
from tools.training.ladder import in_words
from tools.training.progress import PROGRESS_FILE, following
from tools.training.ranks import processes_for
from tools.training.tracking import NOBODY, Audience
from tools.training.weight_copy import COPIES
from tools.workspace import Workspace

PROBE_STEPS = 4
LATER_FIELDS = frozenset(
    {
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "load_in_4bit",
        "optim",
        "fsdp",
        "use_rslora",
        "use_dora",
        "neftune_noise_alpha",
        "early_stopping",
        "average_weights",
        "range_test",
    }
)
"""Of a plan; a training of an earlier version is found by its payload, which has none of them."""
GRACE_SECONDS = 15.0
"""Beyond a plan's own time limit, within which training should end in good order."""


ADOPTED = "its weights lay there finished, from before an interruption, and nothing in the journal knew them"
"""Remark on a training that was found and not made."""


class ProbeResult(Record):
    """What a few steps of a plan showed."""

    steps: int
    first_loss: float
    last_loss: float
    falling: bool
    """Whether the loss went down over these steps; a small rise is no failure yet."""
    seconds_per_step: float
    """At the plan's batch size, the first step left out."""
    tokens_per_second: float
    peak_gib: float
    wall_seconds: float
    """Of the whole probe, process start and model loading included."""


@dataclass(frozen=True)
class TrainingJob:
    """What is trained on what, and where: of a training, of the call that begins it ahead, and of a probe."""

    plan: TrainingPlan
    """Method and hyper-parameters; its ``timeout_seconds`` is the time limit of a training."""
    experiment: str
    model_dir: Path
    """The weights to start from: the base model's, or those of ``plan.init_from``."""
    card: DataCard
    workspace: Workspace
    worker: Worker
    """Where children come from."""
    loss_on: LossOn = "auto"
    """Which answers of a conversation carry loss; ``auto`` leaves it to the chat template."""

    @property
    def folder(self) -> Path:
        """The experiment's, which is made where it is not there."""
        return self.workspace.experiment_dir(self.experiment)

    def payload(self, out: str) -> dict[str, Any]:
        """What a recipe is given; it writes into the folder of this name."""
        return {
            "plan": _as_written(self.plan),
            "model_dir": str(self.model_dir.resolve()),
            "data_path": str(self.workspace.inside(self.card.path)),
            "out_dir": str(self.folder / out),
            "threads": self.worker.threads,
            # Trainings of earlier versions have no such key, and are found by their payload.
            **({"loss_on": self.loss_on} if self.loss_on != "auto" else {}),
        }


def train(job: TrainingJob, audience: Audience = NOBODY) -> Training:
    """Trains a plan into the experiment's folder; again with the same plan, it returns what is there.

    Args:
        job: what, and where.
        audience: who looks at the training while it goes on.

    Raises:
        ExperimentFailed: ``diverged``, ``empty_data``, ``timeout``, ``out_of_memory`` or ``crashed``.
    """
    folder, worker, workspace = job.folder, job.worker, job.workspace
    link = asked(job, audience)
    function, payload = link.call
    several = "processes" in payload
    plan_file = workspace.write_json(folder / "plan.json", payload)
    adopted = _is_there(folder / "model", payload) and not worker.under_way(function, payload)
    try:
        with following(folder / PROGRESS_FILE, audience.hear):
            result = worker.run(
                function,
                payload,
                link.timeout_seconds,
                link.log_path,
                link.stage,
                resident=not several,
                all_devices=several,
            )
    finally:
        shutil.rmtree(folder / f"model{COPIES}", ignore_errors=True)  # of a child that was killed
    fields = {key: value for key, value in result.items() if key in Training.model_fields}
    command = shlex.join(["python", "-m", function.partition(":")[0], str(plan_file)])
    fields |= {"model_dir": workspace.relative(folder / "model"), "command": command}
    fields["remarks"] = [*fields.get("remarks", ()), *([ADOPTED] if adopted else [])]
    return Training.model_validate(fields)


def asked(job: TrainingJob, audience: Audience = NOBODY) -> Link:
    """What ``train`` asks of a child, for whoever begins it ahead.

    A payload with ``processes`` in it is for several GPUs, and takes them all.
    """
    payload = job.payload("model")
    payload |= {"tracking": audience.tracking.payload()} if audience.tracking else {}
    processes = processes_of(job.plan, job.worker, job.folder)
    payload |= {"processes": processes} if processes > 1 else {}
    recipe = "tools.recipes.distributed" if processes > 1 else "tools.recipes.sft"
    limit = job.plan.timeout_seconds + GRACE_SECONDS
    return Link(Call(f"{recipe}:train", payload), limit, job.folder / "train.log", "train")


def _is_there(model: Path, payload: dict[str, Any]) -> bool:
    """Whether a finished training of exactly this lies there already."""
    try:
        found = json.loads((model / "training.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("payload") == json.loads(json.dumps(payload))


def device_count(worker: Worker, folder: Path) -> int:
    """The GPUs that a training may use; 1 on a CPU."""
    if len(machine().gpus) < 2:
        return 1
    # What the caller's environment allows is the driver's to say, in a process that may touch it.
    found = worker.run(
        "tools.recipes.distributed:count_devices", {}, 60.0, folder / "devices.log", all_devices=True
    )
    return max(1, int(found["devices"]))


def processes_of(plan: TrainingPlan, worker: Worker, folder: Path) -> int:
    """How many processes train a plan.

    Raises:
        ExperimentFailed: ``does_not_fit``: its weights are to be shared out, and there is one GPU.
    """
    processes = processes_for(plan.per_device_train_batch_size, device_count(worker, folder))
    if plan.fsdp and processes == 1:
        raise ExperimentFailed("probe", "does_not_fit", f"{in_words(plan)}: only one GPU can be used here")
    return processes


def probe(job: TrainingJob, steps: int = PROBE_STEPS, timeout_seconds: float = 120.0) -> ProbeResult:
    """A few steps at the plan's own batch size: cheap evidence before the full run.

    Raises:
        ExperimentFailed: ``diverged`` when the loss is not finite; ``does_not_fit`` when memory runs out.
    """
    plan, worker, folder = job.plan, job.worker, job.folder
    payload = job.payload("probe") | {"steps": steps}
    # One device is enough to see whether a whole copy fits.
    payload |= {"processes": processes_of(plan, worker, folder)} if plan.fsdp else {}
    recipe = "tools.recipes.distributed" if plan.fsdp else "tools.recipes.sft"
    try:
        log_path = folder / "probe.log"
        result = worker.run(
            f"{recipe}:probe",
            payload,
            timeout_seconds,
            log_path,
            "probe",
            resident=not plan.fsdp,
            all_devices=plan.fsdp,
        )
    except ExperimentFailed as failed:
        if failed.code == "out_of_memory":
            message = f"{in_words(plan)} ran out of memory"
            raise ExperimentFailed("probe", "does_not_fit", message, failed.log_tail) from failed
        raise
    losses = [loss for _, loss in result["losses"]]
    seconds = float(result["seconds_per_step"])
    return ProbeResult(
        steps=len(losses),
        first_loss=losses[0],
        last_loss=losses[-1],
        falling=losses[-1] < losses[0],
        seconds_per_step=seconds,
        tokens_per_second=result["tokens_per_step"] / seconds if seconds else 0.0,
        peak_gib=result["peak_gib"],
        wall_seconds=result["wall_seconds"],
    )


def _as_written(plan: TrainingPlan) -> dict[str, Any]:
    """The plan's fields, the later ones only where they say something: earlier trainings had none."""
    fields = plan.model_dump(mode="json")
    return {
        name: value
        for name, value in fields.items()
        if name not in LATER_FIELDS or value != TrainingPlan.model_fields[name].default
    }
