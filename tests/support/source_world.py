"""A run's facts without a run: sources with a score for what training on them alone brings, and a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from memory.experience.catalogue import entry_of
from memory.experience.lessons import Recalled
from memory.experience.trust import trust_in
from memory.experience.ways import Situation, Ways
from memory.explained import Explained
from memory.forecast.forecaster import Forecaster
from memory.forgetting import Divergence, Forgetting, GeneralAnswers
from memory.lesson import Kind, Place
from memory.recipe import Repair
from memory.records import Diagnosis, Evaluation, Experiment, Lesson, Plan
from roles.planner import plan
from tasks.base import Score
from tests.support.run_records import training
from tests.test_tools_checks_source_kinds import profile
from tools.training.estimate import Speed

ITEMS = 150
BUDGET = 0.5
"""Nats per token that may be forgotten, where anything is."""
NOISE = 4.0
"""Points over the incumbent from which a result is kept, about one standard error."""

TRAINING = training(steps=40, rows=500, tokens=1000, losses=((1, 2.0), (2, 1.9)), tokens_per_second=5000.0)


def score(value: float) -> Score:
    half = 1.96 * (max(value * (100 - value), 100.0) / ITEMS) ** 0.5
    return Score(metric="m", value=value, low=max(0.0, value - half), high=min(100.0, value + half), n=ITEMS)


@dataclass
class SourceWorld:
    """Sources by what a look and a longer training on them alone score; mixtures score their mean."""

    looks: dict[str, float]
    long: dict[str, float]
    worked: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 300.0
    speed: float = 5000.0
    """Tokens a second."""
    audit: dict[str, float] = field(default_factory=dict)
    """What every audit finds; none is made where it is empty."""
    repairs: dict[str, Repair] = field(default_factory=dict)
    """What becomes known with the first audit."""
    advice: tuple[Recalled, ...] = ()
    """Lessons of earlier runs; this run's data have the digest ``d``."""
    elsewhere: tuple[Lesson, ...] = ()
    """Lessons of other tasks, for what they say about kinds of data."""
    forgets: float = 0.0
    """Nats per token that a training forgets; a share of general rows takes three times that share off."""
    explained: dict[str, dict[str, Explained]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    search: str = "greedy"
    history: list[Experiment] = field(default_factory=list)

    def dojo(self) -> Any:
        return SimpleNamespace(
            spec=SimpleNamespace(id="task"),
            journal=SimpleNamespace(
                events=(),
                experiments=lambda: tuple(self.history),
                best=self.best,
                info=SimpleNamespace(data_digest="d", run="run", base_model="model"),
                general=GeneralAnswers(right=20, asked=28, prompts=56) if self.forgets else None,
                explained=self.explained,
                without=self.without,
            ),
            replay={},
            forecaster=Forecaster(),
            profiles=lambda: {
                name: profile(
                    rows=self.rows.get(name, 800), reasoning_share=1.0 if name in self.worked else 0.0
                )
                for name in self.looks
            },
            recall=lambda: self.advice,
            lessons=lambda ids: tuple(item.lesson for item in self.advice if item.lesson.id in ids),
            ways=self.ways,
            validation_score=lambda id: score(self.value(id)),
            right_share=lambda id: self.value(id) / 100,
            repairs=lambda: self.repairs if any(e.diagnosis for e in self.history) else {},
            remaining_budget_seconds=lambda: self.seconds,
            overhead_seconds=lambda: 3.0,
            minimum_experiment_seconds=lambda: 9.5,
            training_speed=lambda plan: Speed(1.0, self.speed, "measured"),
            base_model=SimpleNamespace(parameters=1_000_000, hidden_size=128),
            ledger=SimpleNamespace(budget=SimpleNamespace(seconds=300.0)),
            template_tokens=10,
            max_rows=2000,
            max_length=512,
            seed=0,
            max_experiments=None,
            search=self.search,
        )

    def ways(self, kinds: Sequence[Kind]) -> Ways:
        """What ``elsewhere`` says here."""
        now = datetime.now(UTC)
        entries = [entry_of(each) for each in self.elsewhere]
        place = Place(metric="right", answer="number", kinds=tuple(kinds), hidden_size=128)
        situation = Situation("task", "custom", "mini", "tiny", place)
        return Ways(entries, situation, now, trust_in(entries, now))

    def best(self) -> Experiment | None:
        return next((e for e in reversed(self.history) if e.outcome == "kept"), None)

    def value(self, id: str) -> float:
        return next((e.evaluation.score.value for e in self.history if e.id == id and e.evaluation), 0.0)

    def forgotten(self, plan: Plan) -> Forgetting | None:
        if not self.forgets:
            return None
        mean = self.forgets * max(0.0, 1.0 - 3.0 * plan.replay)
        lost = Divergence(mean=mean, low=mean, high=mean, prompts=56, tokens=500, same=0.8)
        return Forgetting(general=lost, budget=BUDGET)

    def step(self) -> Plan | None:
        """Plan the next experiment and let it happen; None where nothing is planned."""
        planned = plan(self.dojo(), f"e{len(self.history) + 1:02d}")
        if not isinstance(planned, Plan):
            return None
        brings = self.looks if planned.steps else self.long
        shares = {name: planned.weights.get(name, 1.0) for name in planned.sources}
        value = sum(brings[name] * share for name, share in shares.items()) / sum(shares.values())
        incumbent = self.best()
        delta = value - (self.value(incumbent.id) if incumbent else 0.0)
        better, forgotten = delta > NOISE, self.forgotten(planned)
        kept = better and not (forgotten and forgotten.beyond)
        audited = kept and not planned.steps and self.audit
        self.history.append(
            Experiment.model_construct(
                id=planned.experiment,
                plan=planned,
                evaluation=Evaluation(split="validation", score=score(value), predictions="p"),
                training=TRAINING,
                outcome="kept" if kept else "discarded",
                comparison=SimpleNamespace(
                    delta=delta,
                    low=delta - NOISE,
                    high=delta + NOISE,
                    champion=incumbent.id if incumbent else "base",
                    p_value=0.01 if better else 0.9,
                ),
                forgetting=forgotten,
                card=None,
                diagnosis=Diagnosis(cause="data", evidence=(), next_move="tune", source_scores=self.audit)
                if audited
                else None,
            )
        )
        self.seconds -= planned.max_seconds
        return planned

    def run(self, most: int = 20) -> list[Plan]:
        """Every plan until none is made, or the clock has run out."""
        made: list[Plan] = []
        while self.seconds > 15.0 and len(made) < most and (planned := self.step()) is not None:
            made.append(planned)
        return made
