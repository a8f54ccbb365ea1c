"""The Dojo of a simulated run: the verbs that the rules use, on a response surface, and an adding clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import SimpleNamespace
from typing import Any

from graph.bench.injected_failures import Fault, FaultPlan
from memory.experience.store import NullStore
from memory.experience.ways import Situation, Ways
from memory.forecast.past import NOTHING as NO_PAST
from memory.journal.log import BASE
from memory.lesson import Place
from memory.recipe import DataCard
from memory.records import (
    Comparison,
    Estimate,
    Evaluation,
    Experiment,
    Plan,
    Training,
    TrainingPlan,
)
from tasks.base import Score
from tasks.errors import ExperimentFailed
from tests.bench.search.surface import Surface
from tests.support.progress_records import card as made_card
from tests.support.run_in_progress import tiny_base
from tests.support.run_records import comparison
from tests.support.run_records import training as made_training
from tests.test_tools_checks_source_kinds import profile
from tools.evaluation.paired_test import mcnemar
from tools.training.estimate import Speed

ITEMS = 150
"""Search items, and as many for the confirmation."""
TOKENS_PER_SECOND, FIXED_SECONDS, OVERHEAD_SECONDS, RESERVE_SECONDS = 9000.0, 1.5, 4.0, 15.0
"""About those of the bundled model on two cores."""
PROMPT_TOKENS, WORKED_TOKENS, BARE_TOKENS = 45.0, 45.0, 6.0
START_SKILL = 0.02
OUT_OF_MEMORY_TRIES = 3
"""Forms of one training that may run out of memory before it is given up."""


@dataclass
class SimulatedJournal:
    """What roles ask a journal for, out of a list."""

    seed: int
    done: list[Experiment] = field(default_factory=list)
    base: Evaluation | None = None
    without: frozenset[str] = frozenset()
    explained: dict[str, Any] = field(default_factory=dict)
    did_not_fit: tuple[dict[str, Any], ...] = ()
    general: None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.info = SimpleNamespace(run="simulated", data_digest="d")

    def experiments(self) -> tuple[Experiment, ...]:
        return tuple(self.done)

    def experiment(self, id: str) -> Experiment | None:
        return next((e for e in self.done if e.id == id), None)

    def best(self) -> Experiment | None:
        return next((e for e in reversed(self.done) if e.outcome == "kept"), None)

    def incumbent_id(self) -> str:
        best = self.best()
        return best.id if best else BASE

    def plan(self, id: str) -> Plan | None:
        found = self.experiment(id)
        return found.plan if found else None

    def training_plan(self, id: str) -> TrainingPlan | None:
        found = self.experiment(id)
        return found.training_plan if found else None

    def training(self, id: str) -> Training | None:
        found = self.experiment(id)
        return found.training if found else None

    def evaluation(self, id: str) -> Evaluation | None:
        found = self.experiment(id)
        return self.base if id == BASE else found.evaluation if found else None


@dataclass
class SimulatedDojo:
    """The verbs that the rules use, on a surface."""

    surface: Surface
    seed: int
    search: str
    budget: float
    seconds: float = 0.0
    """Spent."""
    max_rows: int = 2000
    max_length: int = 512
    max_experiments: int | None = None
    template_tokens: int = 10
    judge: None = None
    spending: None = None

    def __post_init__(self) -> None:
        self.journal = SimulatedJournal(self.seed)
        self.spec = SimpleNamespace(id="simulated")
        self.base_model = tiny_base()
        self.replay: dict[str, Any] = {}
        self.forecaster = SimpleNamespace(past=NO_PAST, experiments=lambda journal: [])
        self.ledger = SimpleNamespace(budget=SimpleNamespace(seconds=self.budget))
        self.skills = {BASE: (START_SKILL,) * 4}
        self.right: dict[str, tuple[bool, ...]] = {}
        self._profiles = {
            name: profile(
                name=name,
                rows=source.rows,
                reasoning_share=float(source.worked),
                mean_prompt_tokens=PROMPT_TOKENS,
                mean_answer_tokens=WORKED_TOKENS if source.worked else BARE_TOKENS,
            )
            for name, source in self.surface.sources.items()
        }
        self.journal.base = self.measure(BASE)

    def ways(self, kinds: Sequence[str]) -> Ways:
        """No lessons of other runs."""
        return NullStore().ways(Situation("simulated", "custom", "user", self.base_model.name, Place()))

    def profiles(self) -> dict[str, Any]:
        return self._profiles

    def recall(self) -> tuple[()]:
        return ()

    def lessons(self, ids: tuple[str, ...]) -> tuple[()]:
        return ()

    def repairs(self) -> dict[str, Any]:
        return {}

    def remaining_budget_seconds(self) -> float:
        return self.budget - self.seconds - RESERVE_SECONDS

    def overhead_seconds(self) -> float:
        return OVERHEAD_SECONDS

    def minimum_experiment_seconds(self) -> float:
        return 1.5 * OVERHEAD_SECONDS + 5.0

    def training_speed(self, plan: TrainingPlan) -> Speed:
        return Speed(FIXED_SECONDS, TOKENS_PER_SECOND, "measured")

    def estimate(self, plan: TrainingPlan, card: DataCard) -> Estimate:
        return Estimate(
            seconds=FIXED_SECONDS,
            peak_gib=1.0,
            available_gib=16.0,
            fits=True,
            basis="measured",
            fixed_seconds=FIXED_SECONDS,
            tokens_per_second=TOKENS_PER_SECOND,
        )

    def validation_score(self, id: str) -> Score:
        found = self.journal.evaluation(id)
        assert found is not None
        return found.score

    def right_share(self, id: str) -> float:
        return fmean(self.right[id])

    def audited(self, id: str, sources: tuple[str, ...]) -> dict[str, float]:
        """Agreement: on rows with right labels as often as its model is right, on others hardly ever."""
        skill, draws = fmean(self.skills[id]), random.Random(f"audit {self.seed} {id}")
        shares = {}
        for name in sources:
            right = self.surface.sources[name].right
            true = right * skill + (1 - right) * 0.05
            shares[name] = min(1.0, max(0.0, draws.gauss(true, 0.05)))
        return shares

    def measure(self, id: str) -> Evaluation:
        self.right[id] = self.surface.answers(self.skills[id], random.Random(f"answers {self.seed} {id}"))
        return Evaluation(
            split="validation", score=score_of(self.right[id]), predictions="none", wall_seconds=2.0
        )

    def card(self, plan: Plan) -> DataCard:
        """Rows as the plan's weights mix them; without weights, all of its sources up to the cap."""
        rows = {name: self.surface.sources[name].rows for name in plan.sources}
        total = sum(rows.values())
        if plan.mix:
            total = int(min(rows[name] / share for name, share in plan.shares.items() if share > 0))
            rows = {name: max(1, int(share * total)) for name, share in plan.shares.items()}
        kept = {name: max(1, round(n * min(1.0, plan.rows / max(total, 1)))) for name, n in rows.items()}
        worked = {name: WORKED_TOKENS if self.surface.sources[name].worked else BARE_TOKENS for name in kept}
        whole = sum(kept.values())
        tokens = sum(n * (PROMPT_TOKENS + worked[name]) for name, n in kept.items()) / whole
        return made_card(plan.sources).model_copy(
            update={"rows": whole, "rows_by_source": kept, "mean_tokens": tokens}
        )

    def train(self, plan: Plan, card: DataCard, training: TrainingPlan, faults: FaultPlan | None) -> Training:
        """One training, or its failure; its seconds pass."""
        steps = max(1, training.max_steps)
        read = steps * training.effective_batch_size
        seconds = FIXED_SECONDS + read * card.mean_tokens / TOKENS_PER_SECOND
        for attempt in range(OUT_OF_MEMORY_TRIES):
            fault = faults.next() if faults else None
            if fault is None:
                break
            self.seconds += _lost(fault, seconds, training)
            if fault.code != "out_of_memory" or attempt == OUT_OF_MEMORY_TRIES - 1:
                raise ExperimentFailed("train", fault.code, fault.message)
        restarted = training.init_from != BASE
        if training.learning_rate > self.surface.diverges_at:
            self.seconds += 0.3 * seconds
            raise ExperimentFailed("train", "diverged", "the loss is not a number at step 12")
        weights = {name: n / card.rows for name, n in card.rows_by_source.items()}
        before, draws = self.skills[training.init_from], random.Random(f"train {self.seed} {plan.experiment}")
        self.skills[plan.experiment] = self.surface.trained(
            before, weights, card.rows, read, training.learning_rate, restarted, draws
        )
        self.seconds += seconds
        gained = fmean(self.skills[plan.experiment]) - fmean(before)
        return made_training(
            steps=steps,
            rows=card.rows,
            tokens=int(read * card.mean_tokens),
            losses=_losses(gained),
            wall_seconds=seconds,
            step_seconds=seconds - FIXED_SECONDS,
        )

    def compare(self, id: str, incumbent: str) -> Comparison:
        new, old = self.right[id], self.right[incumbent]
        fixed = sum(a and not b for a, b in zip(new, old, strict=True))
        broken = sum(b and not a for a, b in zip(new, old, strict=True))
        delta = 100.0 * (fixed - broken) / len(new)
        half = 196.0 * (fixed + broken) ** 0.5 / len(new)
        return comparison(
            id,
            incumbent,
            delta,
            low=delta - half,
            high=delta + half,
            p_value=mcnemar(fixed, broken),
            fixed=fixed,
            broken=broken,
            n=len(new),
        )


def score_of(right: tuple[bool, ...]) -> Score:
    """Accuracy with its 95% Wilson interval, in percent."""
    from tasks.answers.metrics import wilson

    share = fmean(right)
    low, high = wilson(share, len(right))
    return Score(metric="accuracy", value=100 * share, low=100 * low, high=100 * high, n=len(right))


def _lost(fault: Fault, seconds: float, training: TrainingPlan) -> float:
    return training.timeout_seconds if fault.code == "timeout" else fault.time_share * seconds


def _losses(gained: float) -> tuple[tuple[int, float], ...]:
    """Falling over the last quarter as long as a training still gains much."""
    fall = 0.15 if gained > 0.1 else 0.02
    return tuple((n, 2.0 * (1.0 - fall) ** (n / 4)) for n in range(1, 17))
