"""A run whose models answer by the number of an item: a whole Dojo on a worker that is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from memory.records import Training
from tasks.base import Sample
from tasks.errors import ExperimentFailed
from tests.support import run_in_progress
from tests.support.run_in_progress import StillDojo, make_dojo
from tools.process.worker import Usage, Worker

ITEMS = 240


@dataclass
class Answerer:
    """A worker whose models answer items by their number; the bottom of the stack."""

    right: dict[str, Callable[[int], bool]]
    """By experiment: which items its model gets right."""
    samples: Sequence[Sample]
    asked: list[tuple[str, int]] = field(default_factory=list)
    """(experiment, items) of each call."""
    fails: set[int] = field(default_factory=set)
    """Calls, counted from 1, that end in a timeout."""
    threads: int = 1

    def measure(
        self, function: str, payload: dict[str, Any], *others: Any, **more: Any
    ) -> tuple[dict[str, Any], Usage]:
        ((split, prompts),) = payload["sets"].items()
        experiment = Path(payload["model_dir"]).parent.name
        self.asked.append((experiment, len(prompts)))
        if len(self.asked) in self.fails:
            raise ExperimentFailed("evaluate", "timeout", "killed after 3600 s, its time limit")
        place = {sample.prompt: n for n, sample in enumerate(self.samples)}
        right = self.right[experiment]
        answers = [f"word {place[p]}" if right(place[p]) else "word none" for p in prompts]
        seconds = 0.5 * len(prompts)
        figures = {
            "answers": answers,
            "limits": [""] * len(prompts),
            "generated_tokens": 3 * len(prompts),
            "wall_seconds": seconds,
            "cpu_seconds": seconds,
            "loading_seconds": 0.0,
        }
        reply = {name: {split: value} for name, value in figures.items()}
        return reply | {"known": []}, Usage(seconds + 0.25, seconds, 0.1)


def trained(dojo: StillDojo, id: str) -> None:
    run_in_progress._write(dojo, int(id[1:]), "", "card")
    training = Training(
        model_dir=f"experiments/{id}/model",
        method="full",
        steps=20,
        rows=120,
        tokens=640,
        losses=((5, 1.0),),
        tokens_per_second=400.0,
        wall_seconds=16.0,
        cpu_seconds=30.0,
        peak_gib=0.9,
    )
    dojo.journal.append("training", training, id)


def run_with_a_model(folder: Path, patch: pytest.MonkeyPatch) -> StillDojo:
    """A run whose base gets the first 48 of 240 items right, and whose e01 is trained."""
    patch.setattr(run_in_progress, "VALIDATION", ITEMS)
    made = make_dojo(folder, 0)
    base = made.journal.evaluation("base")
    assert base is not None
    assert base.wall_seconds > 0
    trained(made, "e01")
    return made


def with_models(dojo: StillDojo, **right: Callable[[int], bool]) -> Answerer:
    worker = Answerer(right, dojo.validation)
    dojo.worker = cast(Worker, worker)
    return worker
