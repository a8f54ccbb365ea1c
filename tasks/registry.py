"""The tasks that come with FT-Dojo, listed by hand: what is not here does not exist."""

from __future__ import annotations

from tasks.aime import task as aime
from tasks.base import TaskSpec
from tasks.bioprobench import protocols, steps
from tasks.chemcot import mol_edit, mol_opt, mol_und, reaction
from tasks.errors import InputError, did_you_mean
from tasks.financeiq import task as financeiq
from tasks.mini.miniature import SyntheticEdition
from tasks.panorama import noc4pc, par4pc, pi4pc
from tasks.tablebench import data_analysis, fact_checking, numerical, visualization

MODULES = (
    aime,
    par4pc,
    noc4pc,
    pi4pc,
    mol_und,
    mol_edit,
    mol_opt,
    reaction,
    data_analysis,
    fact_checking,
    numerical,
    visualization,
    financeiq,
)
TASKS: tuple[TaskSpec, ...] = tuple(module.SPEC for module in MODULES)
EXTENSIONS: tuple[TaskSpec, ...] = (
    aime.AIME24_SPEC,
    protocols.GEN_SPEC,
    protocols.ORD_SPEC,
    steps.ERR_SPEC,
    steps.PQA_SPEC,
)
"""Published tasks beside the thirteen, with the official edition alone."""
_MINIATURES: tuple[SyntheticEdition, ...] = tuple(module.MINI for module in MODULES)


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


def miniature_ids() -> tuple[str, ...]:
    """The tasks that have a mini edition."""
    return tuple(mini.task_id for mini in _MINIATURES)


def miniature(name: str) -> SyntheticEdition:
    """The generator behind a task's mini edition; raises InputError like ``get``."""
    for mini in _MINIATURES:
        if mini.task_id == get(name).id:
            return mini
    raise InputError(f"task {name!r}", "it has no mini edition", "choose another task")
