"""A run's folder as it lies after its end, with a champion that was really asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ftdojo
from memory.journal.log import Journal
from memory.records import TrainingPlan
from tasks.custom.folder import load_folder
from tests.support.run_records import comparison, evaluation, run_info, training, write_experiment
from tests.support.small_run import make_task_and_model
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.evaluation.evaluate import evaluate
from tools.workspace import Workspace


def make_finished_run(folder: Path, kept: bool = True) -> Path:
    """Writes ``folder/runs/done`` and returns it; ``e01`` has other weights than the base."""
    folder.mkdir(parents=True, exist_ok=True)
    task, base = make_task_and_model(folder)
    settings = ftdojo.settings(
        task=str(task), base_model=str(base), runs_dir=str(folder / "runs"), memory="off"
    )
    space = Workspace.create(folder / "runs", "done")
    space.write_text(space.run_dir / "run.json", settings.model_dump_json())
    spec = load_folder(task)
    assert spec.data is not None
    info = run_info(task=str(task)).model_copy(update={"edition": "user", "base_model": str(base)})
    with Journal.create(space.journal_path, info) as journal:
        journal.append("evaluation", evaluation(20.0), "base")
        journal.append("test_evaluation", evaluation(19.0), "base")
        if kept:
            model = make_tiny_model(space.experiment_dir("e01") / "model", seed=1)
            journal.append("training_plan", TrainingPlan(method="full"), "e01")
            journal.append("training", training("experiments/e01/model"), "e01")
            write_experiment(journal, "e01", "kept", 55.0)
            out = space.experiment_dir("e01") / "validation.jsonl"
            evaluate(spec.data.validation, spec, model, out, space, shared_worker())
            journal.append("test_evaluation", evaluation(54.0), "e01")
            journal.append("test_comparison", comparison("e01", "base", 35.0), "e01")
        ending: dict[str, Any] = {"outcome": "out_of_budget", "reason": "the budget is spent"}
        journal.append("champion_chosen", {"champion": "e01" if kept else "base", **ending})
        journal.append("run_ended", ending)
    return space.run_dir


def record_as(run_dir: Path, **changes: Any) -> None:
    """Rewrites the champion's recorded answers."""
    file = run_dir / "experiments" / "e01" / "validation.jsonl"
    items = [json.loads(line) | changes for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(item) + "\n" for item in items))
