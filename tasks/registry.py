"""Registry of the tasks that come with FT-Dojo, family by family: what is not here does not exist.

A family is a folder that names its ``TASKS`` and ``EXTENSIONS``; to add or delete one, add or delete its
folder and its name in the two places below.
"""

from __future__ import annotations

from tasks import aime, bioprobench, chemcot, financeiq, panorama, tablebench
from tasks.base import TaskSpec
from tasks.errors import InputError, did_you_mean
from tasks.synthetic import SyntheticEdition

FAMILIES = (aime, panorama, chemcot, tablebench, financeiq, bioprobench)
"""In the order in which their tasks are listed to people."""
TASKS: tuple[TaskSpec, ...] = tuple(spec for family in FAMILIES for spec in family.TASKS)
EXTENSIONS: tuple[TaskSpec, ...] = tuple(spec for family in FAMILIES for spec in family.EXTENSIONS)
"""Published tasks beside the thirteen, with the official edition alone."""


def ids() -> tuple[str, ...]:
    """The ids of the thirteen tasks, in the order in which they are listed to people."""
    return tuple(spec.id for spec in TASKS)


def extension_ids() -> tuple[str, ...]:
    """The ids of the extensions."""
    return tuple(spec.id for spec in EXTENSIONS)


def get(name: str) -> TaskSpec:
    """The task or extension of that id; raises InputError with the nearest ids when there is none."""
    for spec in (*TASKS, *EXTENSIONS):
        if spec.id == name:
            return spec
    known = (*ids(), *extension_ids())
    raise InputError(f"task {name!r}", "there is no such task", did_you_mean(name, known))


def synthetic(name: str) -> SyntheticEdition:
    """The synthetic edition of a task; raises InputError like ``get``, and where there is none."""
    edition = get(name).mini
    if edition is None:
        raise InputError(f"task {name!r}", "it has no mini edition", "choose another task")
    return edition
