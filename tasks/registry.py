"""The tasks that come with FT-Dojo, listed by hand: what is not here does not exist."""

from __future__ import annotations

from tasks import (
    aime,
    bioprobench,
    bioprobench_protocols,
    chemcot_mol_edit,
    chemcot_mol_opt,
    chemcot_mol_und,
    chemcot_reaction,
    financeiq,
    panorama_noc4pc,
    panorama_par4pc,
    panorama_pi4pc,
    tablebench_data_analysis,
    tablebench_fact_checking,
    tablebench_numerical,
    tablebench_visualization,
)
from tasks.base import TaskSpec
from tasks.errors import InputError, did_you_mean
from tasks.miniature import Miniature

MODULES = (
    aime,
    panorama_par4pc,
    panorama_noc4pc,
    panorama_pi4pc,
    chemcot_mol_und,
    chemcot_mol_edit,
    chemcot_mol_opt,
    chemcot_reaction,
    tablebench_data_analysis,
    tablebench_fact_checking,
    tablebench_numerical,
    tablebench_visualization,
    financeiq,
)
TASKS: tuple[TaskSpec, ...] = tuple(module.SPEC for module in MODULES)
EXTENSIONS: tuple[TaskSpec, ...] = (
    aime.AIME24_SPEC,
    bioprobench_protocols.GEN_SPEC,
    bioprobench_protocols.ORD_SPEC,
    bioprobench.ERR_SPEC,
    bioprobench.PQA_SPEC,
)
"""Published tasks beside the thirteen, with the official edition alone."""
_MINIATURES: tuple[Miniature, ...] = tuple(module.MINI for module in MODULES)


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


def miniature(name: str) -> Miniature:
    """The generator behind a task's mini edition; raises InputError like ``get``."""
    for mini in _MINIATURES:
        if mini.task_id == get(name).id:
            return mini
    raise InputError(f"task {name!r}", "it has no mini edition", "choose another task")
