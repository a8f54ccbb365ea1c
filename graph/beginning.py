"""Beginning of a run: the first line of its journal, and whether a resumed run still stands on it."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

from graph.settings import MOST_ROWS, RunSettings
from graph.task_names import on_disk
from memory.journal.log import Journal
from memory.records import PolicyName, RunInfo
from tasks.base import Edition, TaskData, TaskSpec
from tasks.errors import InputError
from tools.models.base_model import BaseModel
from tools.process.machine import versions
from tools.sealed_test import SealedTest, data_digest
from tools.workspace import Workspace

PAPER_ROWS = 2000
"""Most rows of an experiment on a published task (arXiv 2603.01712, its budget)."""
ROWS_A_SECOND = 10
"""Of the user's own data, for each second of the budget. Curating reads some 500 rows a second on a CPU core,
so that they cost a few percent of it, and a training that reads more of them than that is rare."""
MINIMUM_BUDGET_SECONDS = 30.0
"""Under this no model is loaded, trained, evaluated and tested, whatever its size."""


def edition_of(settings: RunSettings, spec: TaskSpec) -> Edition:
    """The edition that is run; a task of the user's own has one."""
    return "user" if spec.domain == "custom" else settings.edition


def most_rows(settings: RunSettings, spec: TaskSpec) -> int:
    """Most training rows in one experiment: as set, or the default for the task."""
    if settings.max_rows is not None:
        return settings.max_rows
    if edition_of(settings, spec) != "user":
        return PAPER_ROWS
    return min(max(PAPER_ROWS, int(ROWS_A_SECOND * settings.budget_seconds)), MOST_ROWS)


def run_info(
    settings: RunSettings,
    spec: TaskSpec,
    workspace: Workspace,
    data: TaskData,
    base_model: BaseModel,
    test: SealedTest,
    now: datetime,
    decider: PolicyName | None = None,
) -> RunInfo:
    """The first line of a new run's journal; ``decider`` where it is not the policy of the settings."""
    edition = edition_of(settings, spec)
    return RunInfo(
        run=workspace.run_dir.name,
        task=spec.id,
        edition=edition,
        base_model=base_model.name,
        parameters=base_model.parameters,
        policy=decider or settings.policy,
        seed=settings.seed,
        budget_seconds=settings.budget_seconds,
        max_rows=most_rows(settings, spec),
        memory=settings.memory,
        test_digest=test.digest,
        data_digest=data_digest(data, spec.metric),
        versions=versions(),
        started=now.isoformat(timespec="seconds"),
        split=settings.split if edition == "official" else "",
        data_root=settings.data_root if edition == "official" else "",
    )


def refuse_changed(journal: Journal, data: TaskData, test: SealedTest, metric: str) -> None:
    """For runs of earlier versions, which have no other record of what they rest on.

    Raises:
        InputError: the sealed test, validation, training rows or metric are others now.
    """
    run = str(journal.path.parent)
    if journal.info.test_digest != test.digest:
        raise InputError(run, "its sealed test no longer matches the task's data", "start a new run")
    if journal.info.data_digest not in ("", data_digest(data, metric)):
        wrong = "the task's validation, training rows or metric have changed since it began"
        raise InputError(run, wrong, "undo the change, or start a new run")


def from_anywhere(settings: RunSettings) -> RunSettings:
    """The settings with absolute paths: a run may be resumed from another folder than it was begun in."""
    names = {"task": settings.task, "base_model": settings.base_model, "runs_dir": settings.runs_dir}
    own = {name: str(Path(path).expanduser().absolute()) for name, path in names.items() if on_disk(path)}
    return settings.model_copy(update=own)


def refuse_short(settings: RunSettings) -> None:
    """Refuse a budget that is too short for any model.

    Raises:
        InputError: with the smallest one.
    """
    if settings.budget_seconds < MINIMUM_BUDGET_SECONDS:
        raise InputError(
            f"--budget {settings.budget_seconds:g}s",
            f"cannot fit one experiment (at least {MINIMUM_BUDGET_SECONDS:g} s)",
            "give it 2m or more",
        )


def refuse_hopeless(settings: RunSettings, least_seconds: float, spent_seconds: float = 0.0) -> None:
    """Refuse a budget in which nothing of the kind could be done, before any weight is read.

    Args:
        settings: with the budget.
        least_seconds: of the shortest run, what starting has taken included.
        spent_seconds: what starting has taken.

    Raises:
        InputError: with the smallest budget that could do.
    """
    if settings.budget_seconds < least_seconds:
        raise InputError(
            f"--budget {settings.budget_seconds:g}s",
            f"cannot fit one experiment with {settings.base_model} on this machine, however fast it is "
            f"(starting took {spent_seconds:.0f} s)",
            f"give it more than {math.ceil(least_seconds / 60)}m, or take a smaller model",
        )
