"""Setup of an experiment: what has to agree for a second one to be a repeat of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memory.journal.log import BASE
from memory.recipe import DataRecipe
from memory.records import Plan, TrainingPlan

NEAR_LENGTH = 1.5
"""Lengths within this factor are nearly the same."""
NEAR_RATE = 1.25
"""The same for learning rates: a step of a search is larger."""
OPEN_DATA = ("operations", "data")
"""Changes of which a plan does not say what the data will be."""
OPEN_TRAINING = ("hyperparameters", "method")
"""Changes of which it does not say what the training will be."""


@dataclass(frozen=True)
class Setup:
    """Start, data and training of one experiment, as far as they are decided."""

    start: str
    """``base``, or run and experiment of the weights that training goes on from."""
    sources: tuple[str, ...]
    """Sorted."""
    shares: Mapping[str, float]
    replay: float
    steps: int
    """Of a look; 0 for a training whose length its time decides."""
    seconds: float
    """What the plan asks for."""
    change: str
    decided_by: str
    recipe: str = ""
    """Digest of the data recipe; empty before there is one."""
    training: Mapping[str, float | str] = field(default_factory=dict)
    """``method``, ``rate``, ``batch``, ``rows_read`` and whatever else of the training plan is not a default;
    empty before there is one."""

    def same_start_and_sources(self, other: Setup) -> bool:
        """Whether both train on the same sources from the same weights, for about as long."""
        return (
            (self.start, self.sources, dict(self.shares), self.replay)
            == (other.start, other.sources, dict(other.shares), other.replay)
            and bool(self.steps) == bool(other.steps)
            and (
                _near(self.steps, other.steps, NEAR_LENGTH)
                if self.steps
                else _near(self.seconds, other.seconds, NEAR_LENGTH)
            )
        )

    def repeats(self, done: Setup) -> bool:
        """Whether this is what was done already, so far as it is decided, and nothing is left open that could
        make it another experiment.

        A plan leaves its data open where a language model writes the recipe anew or its change says so, and
        its training where its change says so.
        """
        if not self.same_start_and_sources(done):
            return False
        if self.training:
            return self.recipe == done.recipe and _near_training(self.training, done.training)
        if self.change in OPEN_DATA + OPEN_TRAINING or done.change in OPEN_DATA + OPEN_TRAINING:
            return False
        rewritten = self.decided_by == "llm" and self.change != "duration"
        return not rewritten and self.decided_by == done.decided_by


def setup_of(
    run: str,
    plan: Plan,
    recipe: DataRecipe | None = None,
    training: TrainingPlan | None = None,
    rows_read: float = 0.0,
) -> Setup:
    """The setup of a plan, with data and training where they are there.

    Args:
        run: that the plan is of.
        plan: the experiment's.
        recipe: of its data.
        training: its training plan; of a finished one with the rate that was used.
        rows_read: rows in all its steps, a repeated row counted again.
    """
    return Setup(
        start=plan.init_from if plan.init_from == BASE else f"{run}/{plan.init_from}",
        sources=tuple(sorted(plan.sources)),
        shares=plan.shares,
        replay=plan.replay,
        steps=plan.steps,
        seconds=plan.max_seconds,
        change=plan.change,
        decided_by=plan.decided_by,
        recipe=recipe.digest() if recipe else "",
        training=_training(training, rows_read) if training else {},
    )


FREE_FIELDS = {
    *("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs"),
    *("max_steps", "warmup_steps", "max_length", "seed", "init_from", "timeout_seconds", "method"),
    *("hyperparameters_from", "override_reason", "decided_by", "gradient_checkpointing", "range_test"),
}
"""Fields of a training plan that are compared otherwise, or that change nothing of what is learned."""


def _training(plan: TrainingPlan, rows_read: float) -> dict[str, float | str]:
    others = plan.model_dump(mode="json", exclude_defaults=True, exclude=FREE_FIELDS)
    return {
        "method": plan.method,
        "rate": plan.learning_rate,
        "batch": float(plan.effective_batch_size),
        "rows_read": rows_read,
        **{name: str(value) for name, value in others.items()},
    }


def _near_training(one: Mapping[str, float | str], other: Mapping[str, float | str]) -> bool:
    near = {"rate": NEAR_RATE, "rows_read": NEAR_LENGTH}
    return one.keys() == other.keys() and all(
        _near(float(value), float(other[name]), near[name]) if name in near else value == other[name]
        for name, value in one.items()
    )


def _near(one: float, other: float, factor: float) -> bool:
    return max(one, other) <= factor * min(one, other)
