"""What a language model may decide: one schema per role, which it sees as a tool.

Types, choices and ranges stand here; whether a decision fits the facts of the run (known ids,
columns, time left) is checked in ``roles.llm.validate``. Nothing is brought into range silently:
what does not fit goes back with a sentence that says what would.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from memory.recipe_draft import DraftOperation, PlainDraftOperation
from memory.records import Change
from memory.training_plan import Schedule

Sentence = Annotated[str, Field(min_length=3, max_length=600)]
Id = Annotated[str, Field(max_length=200)]
ORDER = "In the order in which they run."


class Schema(BaseModel):
    """Unknown fields, infinities and NaN are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AlternativePlan(Schema):
    """Another plan that was weighed; its fields mean what the plan's do."""

    hypothesis: Sentence
    change: Change
    init_from: Id = "base"
    parent: Id = ""
    sources: list[Id] = Field(min_length=1, max_length=64)
    weights: dict[str, Annotated[float, Field(gt=0.0, le=1000.0)]] = Field(default_factory=dict)
    expected_gain: float = Field(ge=0.0, le=100.0)
    share_of_remaining_budget: float = Field(ge=0.02, le=1.0)
    rows: int | None = Field(None, ge=1)
    tests: Id = ""


class PlanDecision(Schema):
    """Hand in the plan of the next experiment: one hypothesis, one parent, one change."""

    hypothesis: Sentence = Field(description="What you expect to be true, in one sentence.")
    reason: Annotated[str, Field(min_length=3, max_length=1200)] = Field(
        description="Why this and nothing else now: figures with experiment ids."
    )
    change: Change = Field(
        description="The one thing that differs from the parent: `data` is sources together with the "
        "operations they need; `first` is for the first experiment, only."
    )
    init_from: Id = Field(
        "base", description="Whose weights training goes on from: base, or the id of a trained experiment."
    )
    parent: Id = Field(
        "",
        description="The experiment it builds on; leave out when it is init_from. A training from the base "
        "may name the experiment that it varies.",
    )
    sources: list[Id] = Field(
        min_length=1, max_length=64, description="Names of the sources to use, best first."
    )
    weights: dict[str, Annotated[float, Field(gt=0.0, le=1000.0)]] = Field(
        default_factory=dict, description="Shares of the sources against each other; empty for as they come."
    )
    expected_gain: float = Field(
        ge=0.0, le=100.0, description="Points of validation score over the parent, an honest guess."
    )
    share_of_remaining_budget: float = Field(
        ge=0.02,
        le=1.0,
        description="Of the time left, how much this experiment may take for data, training, evaluation.",
    )
    rows: int | None = Field(
        None, ge=1, description="Most training rows; leave out for as many as the run allows."
    )
    tests: Id = Field(
        "", description="The experiment whose diagnosis made the prediction that this plan tests; or empty."
    )
    lessons: list[Id] = Field(
        default_factory=list, max_length=8, description="Ids of recalled lessons that the plan follows."
    )
    alternatives: list[AlternativePlan] = Field(
        default_factory=list,
        max_length=4,
        description="Other plans that you weighed. The one with the highest expected gain per second of its "
        "time is run (a forecast from earlier experiments counts beside yours), and the others are recorded, "
        "so give honest gains.",
    )
    stop: bool = Field(
        False,
        description="True to end the run because nothing is left that is worth trying; say why in reason.",
    )


class RecipeDecision(Schema):
    """Hand in the data recipe: operations in order over the plan's sources.

    Put in for you where absent: select (the plan's sources), map (suggested columns, also for single
    sources that your map leaves out), decontaminate (after the last operation that writes text) and
    cap (the plan's rows). The recipe is tried on a sample of rows before it counts.
    """

    operations: list[DraftOperation] = Field(max_length=40, description=ORDER)
    seed: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="Of what is drawn; another one draws other rows and other made ones. "
        "Leave out for the run's.",
    )


_PLAIN = create_model(
    "RecipeDecision",
    __base__=RecipeDecision,
    __doc__=RecipeDecision.__doc__,
    operations=(list[PlainDraftOperation], Field(max_length=40, description=ORDER)),
)


def recipe_decision(*, teacher: bool) -> type[RecipeDecision]:
    """The schema of a run with or without a teacher: what nobody could carry out is not offered."""
    return RecipeDecision if teacher else _PLAIN


class TrainingDecision(Schema):
    """Hand in the training: method and schedule. What you leave out is the optimiser's."""

    method: Literal["lora", "full"]
    reason: Sentence = Field(description="Why this method and schedule, in one sentence.")
    max_epochs: float | None = Field(
        None,
        ge=0.05,
        le=8.0,
        description="Most passes over the rows; the plan's time, or early stop, may end training sooner.",
    )
    lr_scheduler_type: Schedule | None = None
    weight_decay: float | None = Field(None, ge=0.0, le=1.0)
    lora_r: int | None = Field(None, ge=1, le=256)
    lora_alpha: int | None = Field(
        None, ge=1, le=1024, description="Leave out for twice the rank, at which a rate suits every rank."
    )
    lora_dropout: float | None = Field(None, ge=0.0, le=0.5)
    neftune_noise_alpha: float | None = Field(
        None, gt=0.0, le=45.0, description="Noise on the embeddings (NEFTune); 5 to 15 where it is used."
    )
    early_stopping: bool | None = Field(
        None,
        description="False to train on although the loss on held-out training rows rises beyond noise; on "
        "otherwise, except where plans compare sources.",
    )
    use_rslora: bool | None = Field(
        None, description="Scale LoRA by alpha / sqrt(r) instead of alpha / r; for ranks from about 32."
    )
    use_dora: bool | None = Field(
        None, description="Train each weight's magnitude beside its direction; more memory, slower steps."
    )
    learning_rate: float | None = Field(
        None, gt=0.0, le=1.0, description="Leave out, unless you override the optimiser for a reason."
    )
    per_device_train_batch_size: int | None = Field(
        None, ge=1, le=1024, description="Leave out, unless you override the optimiser for a reason."
    )
    override_reason: str = Field(
        "", max_length=600, description="What you know that the optimiser cannot; only with an override."
    )


class VerdictDecision(Schema):
    """Hand in the reading of the measured result."""

    verdict: Literal["keep", "discard"] = Field(
        description="keep counts only where the paired test allows it; discard may refuse what it allows."
    )
    note: Sentence = Field(description="What the result shows, with its figures.")
    cluster_notes: dict[str, Sentence] = Field(
        default_factory=dict, description="By the name of an error cluster: what its answers share."
    )


class Evidence(Schema):
    """One fact, and where it was measured."""

    experiment: Id = Field(description="base, or an experiment's id.")
    fact: Sentence


class PredictionDecision(Schema):
    """The one change that would test the diagnosis, and what it would bring."""

    change: Literal["sources", "operations", "data", "method", "hyperparameters", "duration"] = Field(
        description="`data` where new sources come with the operations they need."
    )
    claim: Sentence = Field(description="What is changed, and what will happen then.")
    expected_gain: float = Field(
        ge=-100.0, le=100.0, description="Points of validation score over this experiment."
    )


class DiagnosisDecision(Schema):
    """Hand in the diagnosis: why the experiment came out so, and which one change would show it."""

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
    level: Literal["format", "capability", "neither"] = Field(
        description="Are the wrong answers unreadable or ill-formed, or readable and wrong?"
    )
    origin: Literal["data", "training", "evaluation"] = Field(description="Where the cause lies.")
    evidence: list[Evidence] = Field(min_length=1, max_length=12)
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
    note: str = Field("", max_length=1200)
    prediction: PredictionDecision | None = Field(
        None, description="Leave out only when the next move is stop."
    )
