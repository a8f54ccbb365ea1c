"""Costs, for a briefing: what an epoch takes, and what a share of the time left buys in epochs and steps.

The arithmetic is that of the training gate, which sets the duration in the end.
"""

from __future__ import annotations

from memory.recipe import DataCard
from memory.records import Experiment, TrainingPlan
from roles.llm.briefing.context import ExperimentContext
from roles.method import method_for
from roles.search_space import MAX_EPOCHS
from roles.time_split import mean_row_tokens
from roles.training_gate import LEAST_SHARE
from tools.checks.source_kinds import by_kind
from tools.training.batch_size import usual_batch_size

SHARES = (0.05, 0.1, 0.25, 0.5)


def what_shares_buy(context: ExperimentContext) -> list[str]:
    """Before a plan: an epoch's price, and what shares of the time left buy."""
    card, whose = _reference(context)
    if card is None:
        return []
    left = max(0.0, context.dojo.remaining_budget_seconds())
    bought = ", ".join(f"{share:g} of it {_bought(context, card, share * left)}" for share in SHARES)
    return [
        f"- one epoch over {whose} ({card.rows} rows of {card.mean_tokens:.0f} tokens): about "
        f"{_epoch_seconds(context, card)[0]:.0f} s, {_steps(card, 1.0)} steps at batch {usual_batch(card)}",
        f"- of the {left:.0f} s left, {bought}; no more than {MAX_EPOCHS:g} epochs are trained",
    ]


def allowance(context: ExperimentContext) -> list[str]:
    """Once there is a plan: what its seconds hold, on its own data or on the data that it builds on."""
    card, whose = _reference(context)
    if card is None or context.plan is None:
        return []
    if context.plan.steps:
        return [f"- training takes {context.plan.steps} steps, however long the data"]
    bought = _bought(context, card, context.plan.max_seconds)
    return [f"- its time holds {bought} over {whose} ({card.rows} rows); the schedule is fitted to that"]


def _reference(context: ExperimentContext) -> tuple[DataCard | None, str]:
    """The data that a price is told for, and whose it is."""
    candidates: tuple[Experiment | None, ...] = (context.current, context.parent, context.champion)
    for e in (*candidates, *reversed(context.history)):
        if e is not None and e.card is not None:
            return e.card, f"{e.id}'s data"
    return _all_usable(context)


def _all_usable(context: ExperimentContext) -> tuple[DataCard | None, str]:
    """Before any data was made: as many rows as a run allows, of the length of the pool's."""
    dojo = context.dojo
    groups = by_kind(dojo.profiles())
    rows = sum(dojo.profiles()[name].rows for name in (*groups["chain_of_thought"], *groups["direct"]))
    if not rows:
        return None, ""
    card = DataCard(
        recipe_digest="",
        data_sha256="",
        path="",
        rows=min(rows, dojo.max_rows),
        rows_by_source={},
        steps=(),
        mean_tokens=mean_row_tokens(dojo),
        reasoning_share=0.0,
    )
    return card, "the usable sources together"


def _epoch_seconds(context: ExperimentContext, card: DataCard) -> tuple[float, float]:
    """(one epoch without the fixed part, the fixed part), in seconds."""
    draft = TrainingPlan(
        method=method_for(context.dojo),
        num_train_epochs=1.0,
        max_length=context.dojo.max_length,
        per_device_train_batch_size=usual_batch(card),
    )
    found = context.dojo.estimate(draft, card)
    return max(found.seconds - found.fixed_seconds, 1e-3), found.fixed_seconds


def _bought(context: ExperimentContext, card: DataCard, seconds: float) -> str:
    """``3.1 epochs (388 steps)``: what an experiment of so many seconds trains."""
    epoch, fixed = _epoch_seconds(context, card)
    trains = max(seconds - context.dojo.overhead_seconds(), LEAST_SHARE * seconds) - fixed
    epochs = min(MAX_EPOCHS, max(0.0, trains) / epoch)
    return f"{epochs:.1f} epochs ({_steps(card, epochs)} steps)"


def _steps(card: DataCard, epochs: float) -> int:
    return round(epochs * card.rows / usual_batch(card))


def usual_batch(card: DataCard) -> int:
    """Rows in a step for data like these."""
    return max(1, min(usual_batch_size(card.mean_tokens), card.rows))
