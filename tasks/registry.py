"""The tasks that come with FT-Dojo, listed by hand: what is not here does not exist."""

from __future__ import annotations

from tasks import aime, chemcot, financeiq, panorama, tablebench
from tasks.base import TaskSpec
from tasks.errors import InputError, did_you_mean
from tasks.miniature import Miniature

TASKS: tuple[TaskSpec, ...] = (aime.SPEC, panorama.SPEC, chemcot.SPEC, tablebench.SPEC, financeiq.SPEC)

_MINIATURES: tuple[Miniature, ...] = (aime.MINI, panorama.MINI, chemcot.MINI, tablebench.MINI, financeiq.MINI)


def ids() -> tuple[str, ...]:
    """The ids of all bundled tasks, in the order in which they are listed to people."""
    return tuple(spec.id for spec in TASKS)


def get(name: str) -> TaskSpec:
    """The task of that id; raises InputError with the nearest ids when there is none."""
    for spec in TASKS:
        if spec.id == name:
            return spec
    raise InputError(f"task {name!r}", "there is no such task", did_you_mean(name, ids()))


def miniature(name: str) -> Miniature:
    """The generator behind a task's mini edition; raises InputError like ``get``."""
    for mini in _MINIATURES:
        if mini.task_id == get(name).id:
            return mini
    raise InputError(f"task {name!r}", "it has no mini edition", "choose another task")
