"""The vocabulary: what a run writes down. Frozen, JSON-plain pydantic records.

    Plan -> DataRecipe -> DataCard -> TrainingPlan -> Training | Failure
         -> Evaluation -> Comparison -> Diagnosis -> Lesson

An ``Experiment`` holds one of each. Everything else (best, lineage, counts) is
derived from the journal, never stored beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from memory.agreement import Agreement
from memory.early_stop import EarlyStop
from memory.forecast_record import Forecast as Forecast
from memory.forgetting import Forgetting
from memory.lengths import Lengths as Lengths
from memory.lesson import Lesson as Lesson
from memory.recipe import DataCard, DataRecipe, Mix, Record
from memory.training import RowsReproduced as RowsReproduced
from memory.training import Training as Training
from memory.training_plan import PolicyName as PolicyName
from memory.training_plan import TrainingPlan as TrainingPlan
from tasks.base import Score

Outcome = Literal["kept", "discarded", "failed"]
Ending = Literal["solved", "out_of_budget", "max_experiments", "stuck", "submitted", "harness_fault"]
Role = Literal[
    "planner",
    "data_curator",
    "training_engineer",
    "evaluator",
    "diagnostician",
    "teacher",
    "judge",
    "baseline",
]
Change = Literal["sources", "operations", "data", "method", "hyperparameters", "duration", "first"]
"""The one thing in which an experiment differs from its parent; ``data`` is sources with the operations that
they need."""


Move = Literal["draft", "improve", "ablate", "combine", "repair", "confirm"]
"""What kind of step a plan is in the tree of experiments (``roles.search``)."""


class Alternative(Record):
    """A plan that was thought of beside the one that is run."""

    hypothesis: str
    change: Change
    init_from: str = "base"
    sources: tuple[str, ...]
    expected_gain: float
    """Points of validation score over its parent."""
    seconds: float
    """Wall-clock that it asked for."""
    refused: str = ""
    """Why it cannot be run here; empty when it only ranked lower."""
    move: Move | Literal[""] = ""
    """Empty where a language model thought of it."""
    forecast: Forecast | None = None
    """What earlier experiments say of it."""

    @property
    def gain_per_second(self) -> float:
        """What alternatives are ranked by."""
        return self.expected_gain / max(self.seconds, 1e-9)


class Plan(Record):
    """One hypothesis, its parent, and what it is expected to gain."""

    experiment: str
    """The experiment's id, ``e01``, ``e02``...: deterministic within a run."""
    parent: str | None
    """The experiment it builds on; None means the base model."""
    hypothesis: str
    reason: str
    """Why this and not something else: the rule, with the evidence it rests on."""
    change: Change
    expected_gain: float
    """Points of validation score over the parent."""
    sources: tuple[str, ...]
    """Which sources to use, best first."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Shares of the sources against each other, even ones too; empty for their rows as they come."""
    max_seconds: float
    """Wall-clock budget for data, training and evaluation together."""
    rows: int = Field(2000, gt=0)
    init_from: str = "base"
    """``base``, or the experiment whose weights training continues from."""
    steps: int = Field(0, ge=0)
    """Optimiser steps, where several plans compare sources on the same footing; 0 leaves them to the time."""
    lessons: tuple[str, ...] = ()
    """Ids of the recalled lessons that the plan used."""
    replay: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of the training rows that are general ones, against forgetting."""
    tests: str = ""
    """The experiment whose diagnosis made the prediction that this plan puts to the test; mostly empty."""
    alternatives: tuple[Alternative, ...] = ()
    """What was ranked lower by expected gain per second, best first."""
    move: Move | Literal[""] = ""
    """The kind of move; empty where a language model decided, and in runs of earlier versions."""
    forecast: Forecast | None = None
    """What earlier experiments say of it, made before it began; None where they were too few."""
    decided_by: PolicyName = "playbook"

    @classmethod
    def first(cls, experiment: str, sources: Sequence[str], max_seconds: float, **others: Any) -> Plan:
        """A first experiment on some sources, from the base; ``others`` are further fields."""
        said = {"hypothesis": "a trial", "reason": "a trial", "change": "first", "expected_gain": 0.0}
        given = {"experiment": experiment, "sources": tuple(sources), "max_seconds": max_seconds}
        return cls.model_validate({"parent": None} | said | given | others)

    @property
    def mix(self) -> Mix | None:
        """What the weights ask of a recipe; None where there are none, or a single source has all."""
        return Mix(weights=self.weights) if len(self.weights) > 1 else None

    @property
    def shares(self) -> dict[str, float]:
        """The shares that the weights come to; empty where they ask for no mix."""
        return self.mix.shares if self.mix else {}


class Estimate(Record):
    """What training is expected to need, before it starts."""

    seconds: float
    peak_gib: float
    available_gib: float
    fits: bool
    basis: str
    """Where the figures come from: ``measured`` (earlier experiments, a probe) or ``formula``."""
    fixed_seconds: float = 0.0
    """Of ``seconds``, what does not depend on the number of tokens: loading, the first step, saving."""
    tokens_per_second: float = 0.0
    """In steps, after the first."""


class Failure(Record):
    """Why an experiment ended early. Data for the Diagnostician, not a crash."""

    stage: str
    code: str
    message: str
    log_tail: str = ""
    tried: dict[str, Any] = Field(default_factory=dict)
    """The training plan of which a few steps failed, before it stood in the journal; else empty."""


class ErrorCluster(Record):
    """Wrong answers that fail in the same way."""

    name: str
    count: int
    share: float
    """Of all items, 0.0 to 1.0."""
    examples: tuple[str, ...] = ()
    """Ids of validation items."""


class Evaluation(Record):
    """Scores and per-item outcomes, measured by the harness and by nobody else."""

    split: Literal["validation", "confirmation", "test"]
    score: Score
    predictions: str
    """Relative path: JSONL of ``{"id", "subset", "prediction", "parsed", "right", "value", "error",
    "limit"}``; the limit that an answer met is ``prompt_too_long``,
    ``prompt_refused`` (by the chat template), ``cut_at_budget`` or empty."""
    clusters: tuple[ErrorCluster, ...] = ()
    generated_tokens: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    fixed_seconds: float = 0.0
    """Of ``wall_seconds``, what does not grow with the items: the process, reading the model; 0.0 where it
    was not measured."""
    judging_seconds: float = 0.0
    """Of ``wall_seconds``, what it took to score the answers: to run their code, or to ask a judge."""
    stopped: EarlyStop | None = None
    """Why some items were not answered; None where all were. ``score`` is on the answered ones alone."""
    drawn_from: int = 0
    """Items of the split, where the time held a random part of them; 0 where all were to be answered."""

    @property
    def paired_score(self) -> Score:
        """What to compare with scores of other experiments: see ``EarlyStop.on_all_items``."""
        return self.stopped.on_all_items(self.score) if self.stopped else self.score

    def text(self) -> str:
        """The score with n and interval, and of how many items where not all were answered."""
        return self.score.text() + (f" ({self.stopped.counts})" if self.stopped else "")

    def brief(self) -> str:
        """The value alone, with n where not all items were answered."""
        return f"{self.score.value:.1f}" + (f" (n={self.score.n})" if self.stopped else "")


class Comparison(Record):
    """A paired test of a challenger against the champion on the same items."""

    challenger: str
    champion: str
    """``base`` or an experiment id."""
    delta: float
    """Points; positive is better whatever the metric's direction."""
    low: float
    high: float
    p_value: float
    """Two-sided; exact McNemar for right/wrong items, permutation otherwise."""
    fixed: int
    """Items that only the challenger gets right."""
    broken: int
    format_gain: float
    """The part of ``delta`` from answers that became parseable."""
    capability_gain: float
    test: str
    n: int


class Verdict(Record):
    """What the Evaluator makes of a measured result. It may refuse a challenger, never admit one."""

    verdict: Literal["keep", "discard"]
    note: str
    cluster_notes: dict[str, str] = Field(default_factory=dict)
    """Per error cluster: what the answers in it have in common."""
    decided_by: PolicyName = "playbook"


class Prediction(Record):
    """What a diagnosis expects of the one change that would test it; scored when a plan tries it."""

    change: Change
    claim: str
    """What will happen, in one sentence."""
    expected_gain: float
    """Points of validation score over the experiment that the diagnosis is about."""


class Diagnosis(Record):
    """Cause, evidence, next move."""

    cause: Literal[
        "format",
        "capability",
        "data",
        "underfit",
        "overfit",
        "divergence",
        "resources",
        "evaluation",
        "harness",
        "forgetting",
        "none",
    ]
    evidence: tuple[str, ...]
    next_move: Literal[
        "train_longer",
        "more_rows",
        "change_sources",
        "clean_data",
        "tune",
        "change_method",
        "smaller",
        "replay",
        "stop",
    ]
    note: str = ""
    source_scores: dict[str, float] = Field(default_factory=dict)
    """Per source: agreement of the champion's answers with the source's labels, 0.0 to 1.0."""
    agreements: tuple[Agreement, ...] = ()
    """Every audit made for this diagnosis, the Diagnostician's own included, with its rows."""
    prediction: Prediction | None = None
    level: Literal["format", "capability", "neither", ""] = ""
    """Whether the wrong answers are ill-formed, or readable and wrong; empty where nobody said."""
    origin: Literal["data", "training", "evaluation", ""] = ""
    """Where the cause lies; empty where nobody said."""
    decided_by: PolicyName = "playbook"


class Decision(Record):
    """Who decided, and what it took: one for every decision of a role under a language model."""

    role: Role
    subject: Literal["plan", "recipe", "training_plan", "verdict", "diagnosis"]
    decided_by: PolicyName
    model: str
    calls: int
    """Calls of the model, retries of the provider's failures not counted."""
    repairs: int
    """Replies that went back with the error they made."""
    tools_called: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What was wrong with the replies, in order; the last one is why the playbook took over, if it did."""

    @field_validator("subject", mode="before")
    @classmethod
    def _old_subject(cls, value: Any) -> Any:
        return "verdict" if value == "reading" else value


class Usage(Record):
    """What one call of a language model cost."""

    role: Role
    model: str
    """``provider:model``."""
    input_tokens: int = Field(ge=0)
    """Cached ones included."""
    cached_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(ge=0)
    usd: float = Field(ge=0.0)
    """By the price table; 0.0 for a model without a price."""
    wall_seconds: float = Field(ge=0.0)
    estimated: bool = False
    """The provider named no usage: tokens were estimated from the text's length."""


class Approval(Record):
    """What a person said when a run asked."""

    stage: Literal["plan", "data", "train"]
    verdict: Literal["approve", "edit", "reject"]
    note: str = ""


class Experiment(Record):
    """One turn of the loop, as far as it has come."""

    RENAMED: ClassVar[dict[str, str]] = {"reading": "verdict"}

    id: str
    number: int
    plan: Plan
    recipe: DataRecipe | None = None
    card: DataCard | None = None
    training_plan: TrainingPlan | None = None
    training: Training | None = None
    evaluation: Evaluation | None = None
    comparison: Comparison | None = None
    forgetting: Forgetting | None = None
    verdict: Verdict | None = None
    diagnosis: Diagnosis | None = None
    failure: Failure | None = None
    outcome: Outcome | Literal["unfinished"] = "unfinished"
    clocks: dict[str, float] = Field(default_factory=dict)
    """Seconds by ``think``, ``data``, ``train``, ``evaluate``."""


class RunInfo(Record):
    """What a run was asked to do; written once, first line of its journal."""

    RENAMED: ClassVar[dict[str, str]] = {"mind": "policy"}

    run: str
    task: str
    edition: str
    base_model: str
    policy: PolicyName
    seed: int
    budget_seconds: float
    max_rows: int
    memory: str
    """The memory folder, or ``off``."""
    test_digest: str
    """SHA-256 over the sealed test: the same rows are read at the end."""
    data_digest: str = ""
    """SHA-256 over metric, validation and training rows: what comes before and after a break is compared."""
    versions: dict[str, str] = Field(default_factory=dict)
    started: str
    split: str = ""
    """``own`` or ``published`` for the official edition; empty otherwise."""
    data_root: str = ""
    """The folder that the published rows were read from; empty for other editions."""
    parameters: int = 0
    """Of the base model; 0 in runs of earlier versions."""
