"""A practitioner's run on a real model: the best source, chosen by hand, textbook values, one training.

    python -m tests.bench.practitioner --task aime25 --source blue-notebook --base-model DIR --minutes 30

What the agent must not be worse than at equal total time: the source is known to be the clean one, full
fine-tuning at 3e-4 (or LoRA r 16 at 2e-4), batch 16, three epochs or as many as the time holds, cosine to
zero at its end; then the sealed test is answered once. The time for the test is estimated from a few
of its items' lengths and kept back. It trains by the product's own recipe, so that the two differ in
decisions alone; for speed against plain TRL see ``tools.bench.experiment``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from graph.task_names import load_task
from memory.records import TrainingPlan
from tasks.base import Edition, LoadOptions, Sample, Source, TaskSpec
from tasks.load import load
from tools.curation.columns import suggest_columns
from tools.curation.profile import examples_of
from tools.curation.targets import formatted
from tools.evaluation.evaluate import evaluate
from tools.models.base_model import resolve_base_model
from tools.process.worker import Worker
from tools.workspace import Workspace

EPOCHS, BATCH = 3.0, 16
RATES = {"full": 3e-4, "lora": 2e-4}
TIMED_ITEMS = 24
"""Items answered by the untouched model to see how long the test will take."""
TOLD = ("rows", "steps", "tokens", "step_seconds", "wall_seconds", "stopped_early")
"""Of the training."""


def main(
    task: Annotated[str, typer.Option(help="Task id or folder.")],
    base_model: Annotated[str, typer.Option(help="Name, directory or Hub id.")],
    source: Annotated[list[str] | None, typer.Option(help="The clean ones; all without it.")] = None,
    minutes: Annotated[float, typer.Option(help="All of it, the test included.")] = 30.0,
    method: Annotated[str, typer.Option(help="full or lora.")] = "full",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train once, answer the test once, print the scores as JSON."""
    started = time.monotonic()
    spec = load_task(task, "mini")
    edition: Edition = "user" if spec.domain == "custom" else "mini"
    data = load(spec, edition, seed, LoadOptions(Path("data"), "own"))
    test, model = data.load_test(), resolve_base_model(base_model).path
    with tempfile.TemporaryDirectory() as name, closing(Worker()) as worker:
        space = Workspace(Path(name))
        chosen = [each for each in data.sources if not source or each.name in source]
        rows = _write_rows(spec, chosen, space)
        kept_back = 1.3 * _answering_seconds(len(test), spec, data.validation, model, space, worker) + 10.0
        left = 60 * minutes - (time.monotonic() - started) - kept_back
        plan = TrainingPlan(
            method="full" if method == "full" else "lora",
            learning_rate=RATES[method],
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH,
            warmup_steps=10,
            timeout_seconds=left,
            seed=seed,
        )
        trained = _train(plan, model, rows, space, worker)
        trained_dir, out = space.run_dir / "model", space.run_dir / "test.jsonl"
        done = evaluate(test, spec, trained_dir, out, space, worker, split="test")
    told = {"test": done.score.text(), "all_seconds": time.monotonic() - started}
    typer.echo(json.dumps(told | {name: trained[name] for name in TOLD}))


def _write_rows(spec: TaskSpec, sources: Sequence[Source], space: Workspace) -> Path:
    """Every row of the sources in the task's format, uncleaned: they are known to be clean."""
    found = []
    for source in sources:
        columns = dict(source.columns) or suggest_columns(source.rows[:400], spec)
        found += [
            row._replace(answer=formatted(spec, row.answer)) for row in examples_of(source, columns, spec)
        ]
    path = space.run_dir / "rows.jsonl"
    path.write_text("".join(json.dumps(dict(row.record())) + "\n" for row in found), encoding="utf-8")
    return path


def _train(plan: TrainingPlan, model: Path, rows: Path, space: Workspace, worker: Worker) -> dict[str, Any]:
    payload = {
        "plan": plan.model_dump(mode="json"),
        "model_dir": str(model),
        "data_path": str(rows),
        "out_dir": str(space.run_dir / "model"),
        "threads": worker.threads,
    }
    limit, log_path = plan.timeout_seconds + 60.0, space.run_dir / "train.log"
    return worker.run("tools.recipes.sft:train", payload, limit, log_path, resident=True)


def _answering_seconds(
    items: int, spec: TaskSpec, samples: Sequence[Sample], model: Path, space: Workspace, worker: Worker
) -> float:
    """Wall-clock of so many answers of the untouched model, loading it counted once."""
    some = samples[:TIMED_ITEMS]
    done = evaluate(some, spec, model, space.run_dir / "timing.jsonl", space, worker)
    return done.fixed_seconds + (done.wall_seconds - done.fixed_seconds) * items / len(some)


if __name__ == "__main__":
    typer.run(main)
