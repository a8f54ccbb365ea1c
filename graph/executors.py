"""Executors of runs: from the settings to the worker that does a run's jobs, and to what is begun ahead.

``local`` with one worker is the resident worker alone; with several, each has a fork server and a share of
the cores (and a GPU) of its own. ``ray`` and ``ray:ADDRESS`` put each worker into an actor of a Ray cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph.ahead import Ahead
from graph.extras import require
from graph.settings import RunSettings
from roles import playbook
from tasks.errors import InputError
from tools.process.executor import Executor
from tools.process.machine import VISIBLE, cpu_count, machine
from tools.process.placed import PlacedWorker
from tools.process.worker import Worker

if TYPE_CHECKING:
    from graph.session import Session

Make = Callable[..., Worker]
"""Makes a worker of this machine: ``threads`` and ``environment``."""


def worker_of(settings: RunSettings, make: Make, variables: Mapping[str, str], visible: str | None) -> Worker:
    """The worker that the settings ask for.

    Args:
        settings: of the run.
        make: makes a worker of this machine.
        variables: of its children only.
        visible: the GPUs that the caller may use, as ``CUDA_VISIBLE_DEVICES`` says it.

    Raises:
        InputError: there are fewer cores or GPUs than workers, or no Ray cluster to be had.
    """
    kind, _, address = settings.executor.partition(":")
    count = settings.workers
    if kind == "ray":
        require(f"--executor {settings.executor}", "ray")
        from tools.process.ray_seat import connect

        folder = Path(settings.runs_dir).expanduser().absolute()
        seats, threads = connect(address, count, variables, folder)
        return PlacedWorker(Executor(seats), threads)
    if count == 1:
        return make(environment=variables)
    cores = cpu_count()
    if count > cores:
        raise InputError(f"--workers {count}", f"there are {cores} cores here", f"give 1 to {cores}")
    threads = cores // count
    places = [dict(variables) | device for device in _devices(count, visible)]
    return PlacedWorker(Executor([make(threads=threads, environment=place) for place in places]), threads)


def ahead_of(session: Session) -> Ahead | None:
    """What begins experiments ahead in a run; None where it goes through them one after the other.

    Raises:
        InputError: several workers are asked for, and there is nothing that could be begun ahead.
    """
    settings, dojo = session.settings, session.dojo
    if settings.workers == 1:
        return None
    given = f"--workers {settings.workers}"
    if session.policy is not playbook:
        raise InputError(given, "only the playbook's looks are made side by side", "take --policy playbook")
    if settings.approve:
        raise InputError(given, "what a person approves cannot be begun ahead", "drop --approve")
    if not isinstance(dojo.worker, PlacedWorker):
        return None  # a bench has put its own in the place
    dojo.worker.repeated = lambda job, why: dojo.journal.note(
        f"the {job.stage} job of {job.log_path.parent.name} is done once more: {why}"
    )
    return Ahead(dojo, dojo.worker, lambda experiment: session.audience(experiment, _unheard))


def _unheard(line: dict[str, Any]) -> None:
    """Nobody looks at a training before its turn."""


def _devices(count: int, visible: str | None) -> list[dict[str, str]]:
    """For each worker, the variable that leaves it one GPU; nothing where there is none.

    Raises:
        InputError: there are GPUs, and fewer than workers.
    """
    gpus = len(machine().gpus)
    if not gpus:
        return [{}] * count
    if count > gpus:
        raise InputError(f"--workers {count}", f"there are {gpus} GPUs here", f"give 1 to {gpus}")
    names = visible.split(",") if visible else [str(number) for number in range(gpus)]
    return [{VISIBLE: names[number].strip()} for number in range(count)]
