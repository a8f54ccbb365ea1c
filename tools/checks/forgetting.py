"""Checks on forgetting: what the base can do beside the task, and what each candidate has lost of it.

A candidate that forgot more than the run's budget is no champion (``tools.checks.champion``).
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

from memory.forgetting import Forgetting, TaskChange
from memory.journal.log import BASE
from memory.recipe import DataRecipe, Replay
from memory.records import Comparison
from tasks.errors import HarnessFault, boundary
from tools.curation.replay import BASE_ANSWERS
from tools.dojo import Dojo
from tools.evaluation.lost_child import once_more
from tools.forgetting.general import ask_base, divergence_from_base
from tools.forgetting.lm_eval_tasks import changes, task_results
from tools.forgetting.replay import COST_SHARE, base_answers
from tools.forgetting.watched import TASK_ITEMS

TASKS = "do-no-harm.json"
"""In the folder of ``base`` and of each candidate: its results on the tasks that may not get worse."""


def look_at_base(dojo: Dojo) -> str:
    """Whether the base has general answers that can be forgotten, and its results on the chosen tasks.

    Returns:
        The finding in one sentence; it is noted in the journal as well.

    Raises:
        ExperimentFailed: the base cannot be asked, or a chosen task cannot be scored.
    """
    if (known := dojo.journal.general) is not None:
        return known.text()
    with dojo.ledger.measure("evaluate"), boundary("evaluate", "asking the base general questions"):
        started = time.monotonic()
        if dojo.watched.tasks:
            _task_results(dojo, BASE)
        on_tasks = time.monotonic() - started
        found = ask_base(dojo.model_dir(BASE), dojo.workspace, dojo.worker, dojo.answer_cache)
        seconds = round(found.candidate_seconds + on_tasks, 3)
        found = found.model_copy(update={"candidate_seconds": seconds})
    dojo.journal.note(found.text(), general=found.model_dump(mode="json"))
    return found.text()


def measure(dojo: Dojo, comparison: Comparison) -> Forgetting | None:
    """What the challenger of a comparison has forgotten; filed under its id.

    Only what scores above the incumbent is measured: nothing else becomes incumbent or candidate.

    Returns:
        None where nothing is watched, or the challenger is no candidate.

    Raises:
        ExperimentFailed: it cannot be asked.
    """
    journal, experiment = dojo.journal, comparison.challenger
    if (done := journal.forgetting(experiment)) is not None:
        return done
    watches = dojo.watched.tasks or (journal.general and journal.general.measurable)
    if comparison.delta <= 0 or not watches:
        return None
    with dojo.ledger.measure("evaluate"), boundary("evaluate", f"measuring what {experiment} forgot"):
        answer = partial(_measured, dojo, experiment)
        found = once_more(journal, f"reading general answers with {experiment}", answer)
    journal.append("forgetting", found, experiment)
    return found


def fetch_replay(dojo: Dojo, recipe: DataRecipe) -> None:
    """Put the base's own answers to general prompts beside the pool, where a recipe mixes them in.

    Raises:
        ExperimentFailed: the base cannot be asked.
    """
    shares = [op.share for op in recipe.operations if isinstance(op, Replay) and not op.source]
    if not shares or BASE_ANSWERS in dojo.replay:
        return
    with dojo.ledger.measure("data"), boundary("data", "asking the base for general answers"):
        base, cache = dojo.model_dir(BASE), dojo.answer_cache
        most_seconds = COST_SHARE * dojo.remaining_budget_seconds()
        dojo.replay[BASE_ANSWERS] = base_answers(
            base, dojo.workspace, dojo.worker, cache, dojo.seed, most_seconds
        )


def _measured(dojo: Dojo, experiment: str) -> Forgetting:
    general = None
    if dojo.journal.general is not None and dojo.journal.general.measurable:
        general = divergence_from_base(dojo.model_dir(experiment), experiment, dojo.workspace, dojo.worker)
        if general is None:
            raise HarnessFault(f"the base's general answers are gone from {dojo.workspace.run_dir}")
    tasks: tuple[TaskChange, ...] = ()
    if dojo.watched.tasks:
        tasks = changes(_task_results(dojo, BASE), _task_results(dojo, experiment))
    return Forgetting(general=general, budget=dojo.watched.budget, tasks=tasks)


def _task_results(dojo: Dojo, experiment: str) -> dict[str, Any]:
    """Results on the chosen tasks; read from the folder where they are known."""
    folder = dojo.workspace.experiment_dir(experiment)
    if dojo.evidence.holds(folder / TASKS):
        return dict(json.loads((folder / TASKS).read_text(encoding="utf-8")))
    log_path = folder / "do-no-harm.log"
    found = task_results(dojo.watched.tasks, dojo.model_dir(experiment), TASK_ITEMS, dojo.worker, log_path)
    dojo.workspace.write_json(folder / TASKS, found)
    dojo.evidence.vouch("do-no-harm", dojo.workspace.relative(folder / TASKS), experiment)
    return found
