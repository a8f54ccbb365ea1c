"""A whole run whose children do their jobs at once, in this process: for what lies around them.

Everything is real but the bottom: settings, data, journal, graph, checkpoints, files, report and export. A
"training" copies the weights it starts from and notes how much it can do; an "answer" is right for that share
of the prompts; the right answers are known here, at the bottom, and nowhere else. So a run takes seconds, and
two runs of a seed come to the same champion.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graph import session as sessions
from graph.task_names import load_task
from tasks.errors import ExperimentFailed
from tasks.load import load
from tests.support.small_run import HELD_OUT_ROWS, small_task
from tools.process.worker import Usage, Worker

SKILL = "skill.json"
BASE_SKILL, FIRST_SKILL, MORE_SKILL = 0.1, 0.5, 0.1
"""Of the prompts, the share that is answered rightly by the base, by e01, and more by each later one."""
DIVERGES_FROM = 0.5
"""A learning rate at which a training fails."""
LIMITS = {"budget": "10m", "max_rows": 32, "max_experiments": 3, "memory": "off", "answer_cache": "off"}


def cheap_task(folder: Path) -> Path:
    """The example task, shortened."""
    return small_task(folder, held_out_rows=2 * HELD_OUT_ROWS, source_rows=60)


class QuickWorker(Worker):
    """Children that are functions of this module."""

    answers: Mapping[str, str] = {}
    """Right answers by prompt; set by ``quick_children``."""
    watch: Callable[[str, dict[str, Any]], None] | None = None
    """Told of each job before it is done; may raise in its place."""

    def warm(self) -> None:
        """Nothing to import."""

    def _measured(self, job: Any, resident: bool, all_devices: bool) -> tuple[dict[str, Any], Usage]:
        job.log_path.parent.mkdir(parents=True, exist_ok=True)
        job.log_path.write_text("", encoding="utf-8")
        if self.watch is not None:
            type(self).watch(job.function, job.payload)  # type: ignore[misc]
        began = time.monotonic()
        result = JOBS[job.function.rpartition(":")[2]](job.payload, self.answers)
        return result, Usage(0.05 + time.monotonic() - began, 0.05, 0.1)


def quick_children(patch: pytest.MonkeyPatch, task: Path | str) -> type[QuickWorker]:
    """Put them in the place of real ones, for runs on this folder or mini edition."""
    spec = load_task(str(task), "mini")
    data = load(spec, "user" if spec.domain == "custom" else "mini", 0)
    samples = (*data.validation, *data.load_test())
    answers = {str(sample.asked): spec.render(str(sample.gold), "") for sample in samples}
    worker = type("QuickWorker", (QuickWorker,), {"answers": answers})
    patch.setattr(sessions, "Worker", worker)
    return worker


def _answer_sets(payload: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    skill = _skill(Path(payload["model_dir"]))
    reply: dict[str, Any] = {"known": []}
    for name, prompts in payload["sets"].items():
        right = [int(sha256(str(p).encode()).hexdigest(), 16) % 1000 < 1000 * skill for p in prompts]
        texts = [
            known.get(str(p), "no idea") if is_right else "no idea"
            for p, is_right in zip(prompts, right, strict=True)
        ]
        seconds = 0.002 * len(prompts)
        figures = {
            "answers": texts,
            "limits": [""] * len(prompts),
            "generated_tokens": 4 * len(prompts),
            "wall_seconds": seconds,
            "cpu_seconds": seconds,
            "loading_seconds": 0.0,
        }
        for figure, value in figures.items():
            reply.setdefault(figure, {})[name] = value
    return reply


def _train(payload: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    out, start = Path(payload["out_dir"]), Path(payload["model_dir"])
    if payload["plan"]["learning_rate"] >= DIVERGES_FROM:
        raise ExperimentFailed("train", "diverged", "the loss is nan at step 3")
    staging = out.with_name(out.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(start, staging)
    skill = FIRST_SKILL + MORE_SKILL * (int(out.parent.name[1:]) - 1)
    (staging / SKILL).write_text(json.dumps(min(skill, 0.9)))
    steps = int(payload["plan"]["max_steps"])
    result = {
        "method": payload["plan"]["method"],
        "steps": steps,
        "planned_steps": steps,
        "rows": 32,
        "tokens": 3200,
        "losses": [[1, 2.0], [steps, 0.5]],
        "tokens_per_second": 3200.0,
        "wall_seconds": 1.0,
        "cpu_seconds": 1.0,
        "peak_gib": 0.2,
        "remarks": [],
    }
    (staging / "training.json").write_text(json.dumps(result | {"payload": payload}))
    shutil.rmtree(out, ignore_errors=True)
    staging.rename(out)
    return result


def _probe(payload: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    return {
        "losses": [[step, 2.0 - 0.1 * step] for step in range(1, 5)],
        "seconds_per_step": 0.01,
        "tokens_per_step": 800,
        "peak_gib": 0.2,
        "wall_seconds": 0.1,
    }


def _measure(payload: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    def words(texts: Any) -> list[int]:
        return [2 * len(str(text).split()) for text in texts]

    answers = words(row["answer"] for row in payload["rows"])
    prompts = words(row["prompt"] for row in payload["rows"])
    return {
        "rows": [sum(each) + 6 for each in zip(prompts, answers, strict=True)],
        "answers": answers,
        "prompts": words(payload["prompts"]),
        "references": words(payload["references"]),
        "template": 6,
    }


def _likelihood(payload: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    return {"rows": [{"place": n, "tokens": 4, "loss": 1.5} for n in range(len(payload["rows"]))]}


JOBS: dict[str, Callable[[dict[str, Any], Mapping[str, str]], dict[str, Any]]] = {
    "answer_sets": _answer_sets,
    "train": _train,
    "probe": _probe,
    "measure": _measure,
    "likelihood": _likelihood,
}


def _skill(model_dir: Path) -> float:
    path = model_dir / SKILL
    return float(json.loads(path.read_text())) if path.exists() else BASE_SKILL
