"""Runs over a response surface: the product's own planner, rates, lessons and memory; training is a formula.

Only what takes time is replaced: a training is a point of the surface, an evaluation a draw of so many
items, the clock a number. Plans, hyperparameters and lessons come from the roles, and the memory weighs
lessons as it always does; it is a list in place of a folder, so that hundreds of runs take minutes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from memory.experience.catalogue import LessonFilter, entry_of
from memory.experience.lessons import Recalled
from memory.experience.ranking import Where, effect_weight, nearness, score, where_of
from memory.experience.store import EVERY, kind_of_advice
from memory.experience.trust import trust_in
from memory.experience.ways import Situation, Ways
from memory.forecast.forecaster import Forecaster
from memory.lesson import Place
from memory.records import Comparison, Evaluation, Experiment, Lesson, Plan, Training, TrainingPlan
from roles.lesson import lesson_of
from roles.planner import plan
from roles.time_split import rows_in_time
from roles.training_engineer import hyperparameters_for
from tasks.base import Score
from tests.bench.warm_start.surfaces import Surface
from tests.support.run_records import comparison, training
from tests.test_tools_checks_source_kinds import profile
from tools.training.estimate import Speed
from tools.training.learning_rate import place_of_rate

ITEMS, WIDTH = 300, 128
BUDGET_SECONDS, OVERHEAD_SECONDS, TOKENS_PER_SECOND, ROW_TOKENS = 300.0, 6.0, 5000.0, 65.0


class ListedMemory:
    """The lessons of some runs, weighed as the store weighs them; every text is as like as any other."""

    def __init__(self, lessons: Sequence[Lesson] = ()) -> None:
        self.lessons = list(lessons)

    def record(self, lesson: Lesson) -> bool:
        """Keep it."""
        self.lessons.append(lesson)
        return True

    def ways(self, situation: Situation) -> Ways:
        """What they say about data and rate."""
        entries, now = [entry_of(lesson) for lesson in self.lessons], datetime.now(UTC)
        return Ways(entries, situation, now, trust_in(entries, now))

    def recall(self, k: int, where: Where, only: LessonFilter = EVERY) -> tuple[Recalled, ...]:
        """The best by nearness, effect and trust."""
        entries = [entry_of(lesson) for lesson in self.lessons]
        trust = trust_in(entries, datetime.now(UTC))
        found = [
            Recalled(lesson, 1.0, value, kind_of_advice(lesson, trust[lesson.id]), trust[lesson.id])
            for lesson, entry in zip(self.lessons, entries, strict=True)
            if only.matches(entry)
            for value in [
                score(1.0, nearness(where_of(entry), where), effect_weight(entry), trust[lesson.id].weight)
            ]
        ]
        return tuple(sorted(found, key=lambda item: (item.lesson.task != where.task, -item.score))[:k])


@dataclass
class SimulatedRun:
    """One run: what the roles read of a run, and what came of their plans."""

    surface: Surface
    name: str
    memory: ListedMemory
    seed: int
    budget_seconds: float = BUDGET_SECONDS
    history: list[Experiment] = field(default_factory=list)
    skills: dict[str, float] = field(default_factory=lambda: {"base": 0.0})
    seconds: float = 0.0
    """Spent so far."""
    track: list[tuple[int, float, float]] = field(default_factory=list)
    """After each experiment: how many, seconds, and the incumbent's score without noise."""

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.name}/{self.seed}")
        self.base = self._evaluation("base")
        self.profiles = {
            name: profile(name=name, rows=rows, reasoning_share=float(name in self.surface.worked))
            for name, rows in self.surface.rows.items()
        }
        kinds = tuple(
            kind
            for kind, bare in (("chain_of_thought", False), ("direct", True))
            if any((name not in self.surface.worked) == bare for name in self.surface.quality)
        )
        place = Place(metric=self.surface.metric, answer=self.surface.answer, kinds=kinds, hidden_size=WIDTH)
        self.situation = Situation(self.surface.name, self.surface.domain, "mini", "tiny", place)

    def run(self, most: int = 20) -> SimulatedRun:
        """Plan and try until the time is up or nothing is left to try."""
        dojo = self.dojo()
        while len(self.history) < most and self._left() > dojo.minimum_experiment_seconds():
            made = plan(dojo, f"e{len(self.history) + 1:02d}")
            if made is None:
                break
            self._try(dojo, made)
        return self

    def to_reach(self, target: float) -> tuple[int, float] | None:
        """Experiments and seconds until the incumbent's score is at least so high; None where it never is."""
        return next(((count, spent) for count, spent, value in self.track if value >= target), None)

    @property
    def final(self) -> float:
        """The last incumbent's score, without noise."""
        return self.track[-1][2] if self.track else self.surface.score(0.0)

    def dojo(self) -> Any:
        """What the roles ask of a run."""
        where = Where(self.surface.name, self.surface.domain, self.surface.metric, self.surface.answer)
        by_id = {e.id: e for e in self.history}

        def of(id: str, name: str) -> Any:
            by_id.update({e.id: e for e in self.history})
            return getattr(by_id[id], name) if id in by_id else None

        def recall(query: str | None = None) -> tuple[Recalled, ...]:
            return self.memory.recall(8, where, LessonFilter(not_run=self.name))

        def lessons(ids: Sequence[str]) -> tuple[Lesson, ...]:
            known = {item.lesson.id: item.lesson for item in recall()} if ids else {}
            return tuple(known[id] for id in ids if id in known)

        return SimpleNamespace(
            spec=SimpleNamespace(id=self.surface.name, domain=self.surface.domain),
            edition="mini",
            base_model=SimpleNamespace(name="tiny", parameters=1_000_000, hidden_size=WIDTH),
            journal=SimpleNamespace(
                events=(),
                experiments=lambda: tuple(self.history),
                experiment=lambda id: by_id.get(id),
                best=self._incumbent,
                info=SimpleNamespace(
                    data_digest=f"data of {self.surface.name}", run=self.name, base_model="tiny"
                ),
                general=None,
                explained={},
                without=frozenset(),
                base_evaluation=self.base,
                evaluation=lambda id: self.base if id == "base" else of(id, "evaluation"),
                training=lambda id: of(id, "training"),
                training_plan=lambda id: of(id, "training_plan"),
                plan=lambda id: of(id, "plan"),
                diagnosis=lambda id: None,
                stage=lambda id, kind: {"outcome": of(id, "outcome")},
            ),
            replay={},
            forecaster=Forecaster(),
            search="greedy",
            profiles=lambda: self.profiles,
            recall=recall,
            lessons=lessons,
            place=self.situation.place,
            ways=lambda kinds: self.memory.ways(self.situation),
            validation_score=lambda id: (self.base if id == "base" else of(id, "evaluation")).paired_score,
            repairs=dict,
            remaining_budget_seconds=self._left,
            overhead_seconds=lambda: OVERHEAD_SECONDS,
            minimum_experiment_seconds=lambda: 1.5 * OVERHEAD_SECONDS + 5.0,
            training_speed=lambda plan: Speed(1.0, TOKENS_PER_SECOND, "measured"),
            ledger=SimpleNamespace(budget=SimpleNamespace(seconds=self.budget_seconds)),
            template_tokens=10,
            max_rows=2000,
            max_length=512,
            seed=self.seed,
            max_experiments=None,
            now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _left(self) -> float:
        return self.budget_seconds - self.seconds

    def _incumbent(self) -> Experiment | None:
        return next((e for e in reversed(self.history) if e.outcome == "kept"), None)

    def _try(self, dojo: Any, made: Plan) -> None:
        """One experiment: trained, evaluated, compared, and its lesson written."""
        found = hyperparameters_for(dojo, made, tuple(self.history), "full")
        read = made.steps * found.batch_size if made.steps else rows_in_time(dojo, made, "full")
        place = place_of_rate(found.learning_rate, "full", WIDTH)
        weights = made.weights or {name: float(self.surface.rows[name]) for name in made.sources}
        self.skills[made.experiment] = self.surface.trained(self.skills[made.init_from], weights, place, read)
        self.seconds += OVERHEAD_SECONDS + 1.0 + read * ROW_TOKENS / TOKENS_PER_SECOND
        incumbent = self._incumbent()
        evaluation = self._evaluation(made.experiment)
        comparison = self._comparison(made.experiment, evaluation, incumbent)
        kept = comparison.p_value < 0.05 and comparison.delta > 0
        done = Experiment.model_construct(
            id=made.experiment,
            number=len(self.history) + 1,
            plan=made,
            training_plan=TrainingPlan(
                learning_rate=found.learning_rate,
                per_device_train_batch_size=found.batch_size,
                num_train_epochs=max(read / sum(weights.values()), 0.01),
                init_from=made.init_from,
                hyperparameters_from=found.origin,
            ),
            training=self._training(read, found.batch_size),
            evaluation=evaluation,
            comparison=comparison,
            outcome="kept" if kept else "discarded",
        )
        self.history.append(done)
        lesson = lesson_of(dojo, done)
        if lesson is not None:
            self.memory.record(lesson)
        best = self._incumbent()
        skill = self.skills[best.id] if best else 0.0
        self.track.append((len(self.history), self.seconds, self.surface.score(skill)))

    def _training(self, read: float, batch: int) -> Training:
        steps = max(int(read / batch), 1)
        return training(steps=steps, rows=500, losses=((1, 2.0), (steps + 1, 1.9)))

    def _evaluation(self, id: str) -> Evaluation:
        right = self.surface.score(self.skills[id]) / 100.0
        value = 100.0 * sum(self.rng.random() < right for _ in range(ITEMS)) / ITEMS
        half = 196.0 * (max(value / 100 * (1 - value / 100), 0.01) / ITEMS) ** 0.5
        low, high = max(0.0, value - half), min(100.0, value + half)
        told = Score(metric=self.surface.metric, value=value, low=low, high=high, n=ITEMS)
        return Evaluation(split="validation", score=told, predictions="p")

    def _comparison(self, id: str, evaluation: Evaluation, incumbent: Experiment | None) -> Comparison:
        """A normal approximation of the paired test, with the spread of independent answers halved."""
        before = incumbent.evaluation if incumbent and incumbent.evaluation else self.base
        delta = evaluation.score.value - before.score.value
        halves = (evaluation.score.high - evaluation.score.low, before.score.high - before.score.low)
        half = max((halves[0] ** 2 + halves[1] ** 2) ** 0.5 / 2 * 0.7, 1.0)
        over, p_value = incumbent.id if incumbent else "base", 0.01 if abs(delta) > half else 0.5
        return comparison(id, over, delta, low=delta - half, high=delta + half, p_value=p_value, n=ITEMS)
