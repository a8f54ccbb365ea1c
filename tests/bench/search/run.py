"""Simulated runs: real rules and records, made-up trainings, a clock that is added up.

The playbook plans, drafts hyperparameters, times its trainings and diagnoses; the rules of the incumbent, of
the confirmation and of repeated failures are the harness's own. Nothing is trained, read or written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from statistics import fmean
from types import SimpleNamespace
from typing import Any

from graph.bench.injected_failures import Fault, FaultPlan
from memory.confirmation import Confirmation
from memory.journal.log import BASE
from memory.recipe import DataCard
from memory.records import (
    Comparison,
    Estimate,
    Evaluation,
    Experiment,
    Failure,
    Plan,
    Training,
    TrainingPlan,
)
from roles import audit, playbook, stopping, training_gate
from roles.training_engineer import draft_of, method_asked
from tasks.base import Score
from tasks.errors import ExperimentFailed
from tests.bench.search.surface import Surface, made_surface
from tests.support.progress_records import card as made_card
from tests.support.run_in_progress import tiny_base
from tests.support.run_records import training as made_training
from tests.test_tools_checks_source_kinds import profile
from tools.checks.champion import candidate_of, outcome_of
from tools.checks.repeated_failure import check_training_repeats, refuse_repeats
from tools.evaluation.confirmation import decide
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


NOTHING: dict[str, Any] = dict.fromkeys(
    (
        *("recipe", "card", "training_plan", "training", "evaluation", "comparison", "forgetting", "verdict"),
        *("diagnosis", "failure"),
    )
)
"""The stages that an experiment has not come to."""


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
        return Comparison(
            challenger=id,
            champion=incumbent,
            delta=delta,
            low=delta - half,
            high=delta + half,
            p_value=mcnemar(fixed, broken),
            fixed=fixed,
            broken=broken,
            format_gain=0.0,
            capability_gain=delta,
            test="mcnemar",
            n=len(new),
        )


@dataclass(frozen=True)
class Result:
    """What a simulated run came to."""

    true_score: float
    """Of the claimed model, in percent, without the noise of items; the base's where nothing is claimed."""
    best_true: float
    """Of the best model that was trained."""
    experiments: int
    failed: int
    seconds: float
    reached: tuple[tuple[float, float], ...]
    """(second, true score of the incumbent), each time it changed."""
    ending: str
    moves: tuple[str, ...]
    failures: tuple[str, ...]


def simulated_run(seed: int, search: str, budget: float = 300.0, faults: FaultPlan | None = None) -> Result:
    """One run of the playbook on the world of this seed."""
    dojo: Any = SimulatedDojo(made_surface(seed, ITEMS), seed, search, budget)
    reached: list[tuple[float, float]] = []
    ending = ""
    while not ending:
        if (end := stopping.ending(dojo)) is not None:
            ending = end[0]
            break
        plan = playbook.plan(dojo, f"e{len(dojo.journal.done) + 1:02d}")
        if plan is None or isinstance(plan, stopping.Stop):
            ending = "stuck"
            break
        experiment(dojo, plan, faults)
        if dojo.journal.done[-1].outcome == "kept":
            reached.append((dojo.seconds, 100.0 * fmean(dojo.skills[dojo.journal.done[-1].id])))
    return result_of(dojo, reached, ending)


def experiment(dojo: Any, plan: Plan, faults: FaultPlan | None) -> None:
    """The loop's one turn, with the roles' rules in their order."""
    done = Experiment.model_construct(
        **NOTHING, id=plan.experiment, number=len(dojo.journal.done) + 1, plan=plan, outcome="unfinished"
    )
    try:
        card = dojo.card(plan)
        draft = draft_of(dojo, plan, card, method_asked(dojo, plan))
        training = training_gate.timed(dojo, plan, card, draft, None)
        done = done.model_copy(update={"card": card, "training_plan": training})
        refuse_repeats("train", lambda: check_training_repeats(dojo, plan, card, training))
        trained = dojo.train(plan, card, training, faults)
        evaluation = dojo.measure(plan.experiment)
        comparison = dojo.compare(plan.experiment, dojo.journal.incumbent_id())
        done = done.model_copy(
            update={"training": trained, "evaluation": evaluation, "comparison": comparison}
        )
        dojo.seconds += OVERHEAD_SECONDS
    except ExperimentFailed as failed:
        done = failed_as(done, failed)
        dojo.seconds += 1.0
    done = done.model_copy(update={"outcome": outcome_of(done)})
    shares = {}
    if done.failure is None and (sources := audit.sources_to_audit(dojo, done)):
        shares = dojo.audited(done.id, sources)
        dojo.seconds += 2.0
    dojo.journal.done.append(done.model_copy(update={"diagnosis": playbook.diagnose(dojo, done, shares)}))


def failed_as(done: Experiment, failed: ExperimentFailed) -> Experiment:
    """The experiment with its failure on record."""
    failure = Failure(stage=failed.stage, code=failed.code, message=failed.message)
    return done.model_copy(update={"failure": failure})


def result_of(dojo: Any, reached: list[tuple[float, float]], ending: str) -> Result:
    """The run's end: its candidate, confirmed on items kept apart by the harness's own schedule."""
    history = dojo.journal.experiments()
    candidate = candidate_of(history)
    claimed = BASE
    if candidate is not None and confirmed(dojo, candidate.id).confirmed:
        claimed = candidate.id
    trues = {id: 100.0 * fmean(skills) for id, skills in dojo.skills.items()}
    return Result(
        true_score=trues[claimed],
        best_true=max(trues.values()),
        experiments=len(history),
        failed=sum(e.outcome == "failed" for e in history),
        seconds=dojo.seconds,
        reached=tuple(reached),
        ending=ending,
        moves=tuple(e.plan.move for e in history),
        failures=tuple(_signature(e) for e in history if e.failure),
    )


def confirmed(dojo: Any, candidate: str) -> Confirmation:
    """The candidate against the base on fresh items."""
    draws = random.Random(f"confirmation {dojo.seed}")
    items = [draws.random() for _ in range(ITEMS)]
    right = {
        id: [dojo.skills[id][n % 4] + draws.gauss(0.0, 0.05) > item for n, item in enumerate(items)]
        for id in (candidate, BASE)
    }

    def first(n: int) -> Comparison:
        dojo.right |= {"new": tuple(right[candidate][:n]), "old": tuple(right[BASE][:n])}
        return dojo.compare("new", "old")  # type: ignore[no-any-return]

    return decide(candidate, ITEMS, first)


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


def _signature(experiment: Experiment) -> str:
    failure, training = experiment.failure, experiment.training_plan
    assert failure is not None
    if failure.code in ("diverged",) and training:
        return f"{failure.code} {training.method} {training.init_from == BASE} {training.learning_rate:.3g}"
    method = training.method if training else ""
    return f"{failure.code} {method} {'+'.join(sorted(experiment.plan.sources))} {experiment.plan.init_from}"
