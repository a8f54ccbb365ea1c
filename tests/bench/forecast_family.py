"""A simulated family of runs: tasks, sources and rates of which it is known what they come to.

A task has a difficulty and a pace, a source a share of right labels (one in three teaches next to nothing), a
base model a best rate that falls with its width. Training moves a model's skill towards what its sources
teach, the further the more rows it reads and the nearer its rate is to the best one; 150 items are drawn to
measure it. The policy looks at each source and goes on from the best, as the playbook does. What a forecast
could know at best is limited by the noise of measuring, of about four points.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from memory.forecast.past import PastExperiment, told
from memory.records import Evaluation, Experiment, TrainingPlan
from tasks.base import Score
from tests.support.run_records import card, plan, run_info, training

ITEMS = 150
TASKS = 12
WIDTHS = (128, 256, 512)
LOOK_STEPS = 60
EXPERIMENTS = 9


@dataclass(frozen=True)
class World:
    """What is true of one run, and hidden from the forecast."""

    ceiling: float
    """Skill that right labels teach, 0.0 to 1.0."""
    pace: float
    """Rows that bring a model most of the way."""
    best_rate: float
    qualities: dict[str, float]


def family(runs: int, seed: int = 0) -> list[PastExperiment]:
    """The experiments of so many runs, oldest first."""
    return [each for number in range(runs) for each in _run(number, random.Random(f"{seed}/{number}"))]


def _run(number: int, rng: random.Random) -> list[PastExperiment]:
    task = number % TASKS
    of_task = random.Random(f"task {task}")
    width = rng.choice(WIDTHS)
    sources = [f"source_{index}" for index in range(rng.randint(2, 4))]
    world = World(
        ceiling=of_task.uniform(0.5, 1.0),
        pace=10 ** of_task.uniform(2.7, 4.2),
        best_rate=3e-3 * (128 / width) ** 0.7,
        qualities={
            name: rng.uniform(0, 0.15) if rng.random() < 1 / 3 else rng.uniform(0.5, 1) for name in sources
        },
    )
    info = run_info(
        run=f"run{number:03d}",
        task=f"task_{task}",
        base_model=f"model-{width}",
        budget_seconds=600.0,
        memory="on",
        data_digest=f"data of {number}",
        parameters=width * width * 60,
    )
    skills = {"base": of_task.uniform(0.0, 0.2)}
    base = _measured(skills["base"], rng)
    history: list[Experiment] = []
    found: list[PastExperiment] = []
    for index in range(EXPERIMENTS):
        done = _experiment(index, sources, world, skills, history, rng)
        found.append(
            told(info, base, history, done, f"2026-01-{1 + number % 28:02d}T{index:02d}:00:00+00:00")
        )
        history.append(done)
    return found


def _experiment(
    index: int,
    sources: list[str],
    world: World,
    skills: dict[str, float],
    history: list[Experiment],
    rng: random.Random,
) -> Experiment:
    id = f"e{index + 1:02d}"
    scored = [e for e in history if e.evaluation]
    best = max(scored, key=lambda e: e.evaluation.score.value if e.evaluation else 0.0, default=None)
    if index < len(sources):
        start, chosen, steps, change = "base", (sources[index],), LOOK_STEPS, "sources" if index else "first"
    else:
        assert best is not None
        start, steps = best.id, 0
        change = rng.choice(("duration", "hyperparameters", "sources"))
        chosen = tuple(rng.sample(sources, rng.randint(1, 2))) if change == "sources" else best.plan.sources
    rate = world.best_rate * 10 ** (0.0 if steps else rng.gauss(-0.2, 0.5))
    read = float(LOOK_STEPS * 16) if steps else 10 ** rng.uniform(2.8, 4.0)
    quality = sum(world.qualities[name] for name in chosen) / len(chosen)
    begun = skills[start]
    tuned = math.exp(-(math.log10(rate / world.best_rate) ** 2) / (2 * 0.4**2))
    progress = (1 - math.exp(-read / world.pace)) * tuned
    skill = begun + (quality * world.ceiling - begun) * progress
    skills[id] = min(max(skill * (0.3 if rate > 8 * world.best_rate else 1.0), 0.0), 1.0)
    seconds = 10.0 + read / 100
    return Experiment(
        id=id,
        number=index + 1,
        plan=plan(
            id,
            None if start == "base" else start,
            change=change,
            expected_gain=10.0 if steps else 0.1 * (100 - 100 * begun),
            sources=chosen,
            max_seconds=seconds,
            init_from=start,
            steps=steps,
        ),
        card=card(800 * len(chosen), rows_by_source=dict.fromkeys(chosen, 800), mean_tokens=60.0),
        training_plan=TrainingPlan(
            learning_rate=min(rate, 1.0), num_train_epochs=read / 800, max_steps=max(1, round(read / 16)),
            per_device_train_batch_size=16, init_from=start,
        ),
        training=training(
            steps=max(1, round(read / 16)),
            rows=800,
            tokens=int(read * 60),
            losses=tuple((step, 2.0 - progress * step / 10) for step in range(1, 11)),
            tokens_per_second=6000.0,
            wall_seconds=seconds,
            cpu_seconds=seconds,
        ),
        evaluation=_measured(skills[id], rng),
        outcome="kept" if skills[id] > max(skills[e] for e in skills if e != id) else "discarded",
        clocks={"train": seconds},
    )  # fmt: skip


def _measured(skill: float, rng: random.Random) -> Evaluation:
    share = sum(rng.random() < skill for _ in range(ITEMS)) / ITEMS
    half = 196 * math.sqrt(max(share * (1 - share), 0.005) / ITEMS)
    score = Score(
        metric="accuracy", value=100 * share, low=100 * share - half, high=100 * share + half, n=ITEMS
    )
    return Evaluation(split="validation", score=score, predictions="p", generated_tokens=ITEMS * 20)
