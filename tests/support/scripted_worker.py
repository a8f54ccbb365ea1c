"""A worker whose children are played: no model is loaded, and a run goes from start to end in a second.

All else is real: session, checks, curation, journal, comparison, confirmation, sealed test, report. What a
model can do is a share of the items, kept in a file beside its weights; the right answers are known here, at
the bottom, and nowhere else. A training makes a model better by its learning rate and its rows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graph.task_names import load_options, load_task
from tasks.errors import ExperimentFailed
from tasks.load import load
from tools.process.worker import Usage

SKILL = "skill.json"
BASE_SKILL, BEST_SKILL = 0.2, 0.9
DIVERGES_FROM = 0.5
"""A learning rate at which a training fails."""


def right_answers(settings: Any) -> dict[str, str]:
    """By prompt, what a model that knew everything would answer: validation and test."""
    spec = load_task(settings.task, settings.edition)
    edition = "user" if spec.domain == "custom" else settings.edition
    data = load(spec, edition, settings.seed, load_options(settings))
    samples = (*data.validation, *data.load_test())
    return {sample.prompt: spec.render(str(sample.gold), "") for sample in samples}


class ScriptedWorker:
    """Answers the jobs of a run in this process."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.threads = 1
        self.known = known
        self.jobs: list[str] = []
        self.interrupted = False

    def warm(self) -> None:
        """Nothing to import."""

    def interrupt(self) -> None:
        """Jobs end by themselves; what comes next is told."""
        self.interrupted = True

    def close(self) -> None:
        """Nothing to stop."""

    def run(self, function: Any, payload: Mapping[str, Any], *given: Any, **others: Any) -> dict[str, Any]:
        """``measure`` without the cost."""
        return self.measure(function, payload, *given, **others)[0]

    def measure(
        self, function: Any, payload: Mapping[str, Any], *given: Any, **others: Any
    ) -> tuple[dict[str, Any], Usage]:
        """One job, by the name of its function."""
        self.jobs.append(str(function))
        job = str(function).partition(":")[2]
        return getattr(self, f"_{job}")(payload), Usage(0.01, 0.01, 0.1)

    def _measure(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        prompts = [str(prompt) for prompt in payload["prompts"]]
        rows = payload["rows"]
        return {
            "rows": [_tokens(row["prompt"]) + _tokens(row["answer"]) + 6 for row in rows],
            "answers": [_tokens(row["answer"]) + 1 for row in rows],
            "prompts": [_tokens(prompt) + 4 for prompt in prompts],
            "references": [_tokens(str(text)) + 1 for text in payload["references"]],
            "template": 6,
        }

    def _answer_sets(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        skill = _skill(Path(payload["model_dir"]))
        answers = {
            name: [self._answer(str(prompt), skill) for prompt in prompts]
            for name, prompts in payload["sets"].items()
        }
        figures = ("generated_tokens", "wall_seconds", "cpu_seconds", "loading_seconds")
        spent = {figure: dict.fromkeys(answers, 0.01 if "seconds" in figure else 9) for figure in figures}
        limits = {name: [""] * len(texts) for name, texts in answers.items()}
        return {"answers": answers, "limits": limits, "known": [], **spent}

    def _answer(self, prompt: str, skill: float) -> str:
        luck = int(sha256(prompt.encode()).hexdigest()[:8], 16) / 16**8
        return self.known.get(prompt, "") if luck < skill else "none"

    def _train(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        rate = float(payload["plan"]["learning_rate"])
        if rate >= DIVERGES_FROM:
            raise ExperimentFailed("train", "diverged", "the loss is nan at step 3")
        rows = len(Path(payload["data_path"]).read_text().splitlines())
        out = Path(payload["out_dir"])
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(payload["model_dir"], out)
        gained = (BEST_SKILL - BASE_SKILL) * max(0.0, 1.0 - abs(rate - 0.002) / 0.002)
        (out / SKILL).write_text(json.dumps(BASE_SKILL + gained))
        (out.parent / "train.log").write_text("trained\n")
        steps = max(1, int(payload["plan"]["max_steps"]))
        return {
            "method": payload["plan"]["method"],
            "steps": steps,
            "rows": rows,
            "tokens": 40 * rows,
            "losses": [[1, 2.0], [steps, 1.0]],
            "tokens_per_second": 4000.0,
            "wall_seconds": 0.1,
            "cpu_seconds": 0.1,
            "peak_gib": 0.1,
            "planned_steps": steps,
        }

    def _probe(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "losses": [[1, 2.0], [2, 1.9]],
            "seconds_per_step": 0.01,
            "tokens_per_step": 100.0,
            "peak_gib": 0.1,
            "wall_seconds": 0.05,
        }


def play_children(patch: pytest.MonkeyPatch, settings: Any) -> None:
    """Let the runs of these settings have a scripted worker."""
    known = right_answers(settings)
    patch.setattr("graph.session.Worker", lambda *given, **others: ScriptedWorker(known))


def _skill(model_dir: Path) -> float:
    path = model_dir / SKILL
    return float(json.loads(path.read_text())) if path.is_file() else BASE_SKILL


def _tokens(text: str) -> int:
    return 1 + len(text) // 4
