"""Kept weights: which experiments' weights a run may still need, and which go first where the disk is small.

With ``--max-disk-gb`` the run's folder stays under that size. What may be needed is kept: the weights of the
incumbent, of the candidate, of the experiment under way and of what it begins from. Of the others those of
the least value go first: failed experiments, then the lowest scores. Everything else of an experiment
(records, predictions, logs, its data) stays, and the journal says whose weights are gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from memory.journal.log import BASE, Journal
from memory.records import Experiment
from tools import disk
from tools.checks.champion import candidate_of
from tools.dojo import Dojo

LEFTOVERS = ("model.tmp", "probe", "model.copies", "start")
"""Folders of an experiment that has ended which a kill may have left behind."""


def within(dojo: Dojo, max_disk_gb: float) -> bool:
    """Remove weights until the run's folder holds another experiment within its size.

    Returns:
        False where it does not, whatever is removed.
    """
    run_dir, journal = dojo.workspace.run_dir, dojo.journal
    room = max_disk_gb * 1e9 - disk.needed_bytes(dojo.base_model)
    used, removed = disk.used_bytes(run_dir), list[str]()
    for folder, experiment in (*_leftovers(journal, run_dir), *_least_first(journal, run_dir)):
        if used <= room:
            break
        used -= disk.used_bytes(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.name == "model":
            removed.append(experiment)
    if removed:
        text = f"--max-disk-gb {max_disk_gb:g}: the weights of {', '.join(removed)} were removed"
        journal.note(text, pruned=removed)
    return disk.used_bytes(run_dir) <= room


def are_kept(dojo: Dojo, experiment: str) -> bool:
    """Whether the weights of ``base`` or of an experiment are there."""
    return experiment == BASE or (dojo.workspace.run_dir / "experiments" / experiment / "model").is_dir()


def needed(journal: Journal) -> frozenset[str]:
    """The experiments whose weights the run may still need."""
    done = journal.experiments()
    candidate, under_way = candidate_of(done), journal.unfinished()
    wanted = {journal.incumbent_id(), *([candidate.id] if candidate else [])}
    if under_way is not None and (plan := journal.plan(under_way)) is not None:
        wanted |= {under_way, plan.init_from}
    return frozenset(wanted - {BASE})


def _leftovers(journal: Journal, run_dir: Path) -> Iterator[tuple[Path, str]]:
    for experiment in journal.experiments():
        for name in LEFTOVERS:
            folder = run_dir / "experiments" / experiment.id / name
            if folder.is_dir():
                yield folder, experiment.id


def _least_first(journal: Journal, run_dir: Path) -> Iterator[tuple[Path, str]]:
    kept = needed(journal)

    def value(experiment: Experiment) -> tuple[bool, float, int]:
        found = experiment.evaluation
        points = found.paired_score.points if found else 0.0
        return found is not None and experiment.failure is None, points, experiment.number

    for experiment in sorted(journal.experiments(), key=value):
        folder = run_dir / "experiments" / experiment.id / "model"
        if experiment.id not in kept and folder.is_dir():
            yield folder, experiment.id
