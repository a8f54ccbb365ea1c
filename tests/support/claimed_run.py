"""A finished run with a champion: real rows, a real LoRA training of the bundled model, real answers.

Its one experiment is decided here and not by roles, so that its training does not hang on how busy the
machine is; what follows (confirmation, sealed test, export, report) is the graph's own last node.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import ftdojo
from graph.nodes import finish
from graph.session import OpenRuns, Session
from graph.state import RunState
from graph.step import Step
from memory.recipe import DataRecipe, Decontaminate, Map, Select
from memory.records import TrainingPlan, Verdict
from tests.support.run_records import plan
from tests.support.small_run import make_task_and_model
from tools.checks.champion import outcome_of
from tools.models.base_model import resolve_base_model

SOURCE = "workshop-sheet"
COLUMNS = {SOURCE: {"prompt": "*", "answer": "answer"}}
LORA = TrainingPlan(
    method="lora",
    learning_rate=4e-3,
    lora_r=32,
    lora_alpha=64,
    max_steps=100,
    per_device_train_batch_size=8,
    timeout_seconds=900.0,
)


class Claimed(NamedTuple):
    """A finished run, and what it was made of."""

    run_dir: Path
    task: Path
    base: Path


def make_claimed_run(folder: Path) -> Claimed:
    """Writes a task, a base model and a run into a folder."""
    task, _ = make_task_and_model(folder)
    base = folder / "base"
    shutil.copytree(resolve_base_model("ftdojo-mini").path, base)
    places = {"runs_dir": str(folder / "runs"), "memory": "off", "answer_cache": "off"}
    with OpenRuns() as runs:
        session = runs.start(ftdojo.settings(str(task), base_model=str(base), budget="2h", **places))
        _experiment(session)
        end = RunState(ending="max_experiments", reason="1 experiments were asked for, and are done")
        finish(Step("finish", end, runs, session, lambda event: None))
        return Claimed(session.run_dir, task, base)


def _experiment(session: Session) -> None:
    dojo, journal = session.dojo, session.dojo.journal
    dojo.evaluate("base")
    journal.append("plan", plan("e01"), "e01")
    operations = (Select(sources=(SOURCE,)), Map(columns=COLUMNS), Decontaminate())
    dojo.curate("e01", DataRecipe(operations=operations))
    dojo.train("e01", LORA)
    dojo.evaluate("e01")
    journal.append("comparison", dojo.compare("e01", "base"), "e01")
    journal.append("verdict", Verdict(verdict="keep", note="better"), "e01")
    done = journal.experiment("e01")
    assert done is not None
    journal.finish("e01", outcome_of(done))
