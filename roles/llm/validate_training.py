"""From a language model's training decision to a draft: its structure, the optimiser's numbers."""

from __future__ import annotations

from memory.recipe import DataCard
from memory.records import Plan, TrainingPlan
from roles.hyperparameters import learning_rate_range
from roles.llm.reply_validator import InvalidDecision
from roles.llm.schemas import TrainingDecision
from roles.training_engineer import draft_of
from tools.dojo import Dojo

RATE_MARGIN = 5.0
"""How far an override may leave the range that the optimiser searches, as a factor."""


def training_draft_of(dojo: Dojo, plan: Plan, card: DataCard, decision: TrainingDecision) -> TrainingPlan:
    """The TrainingEngineer's decision as a draft; gate and duration are the harness's.

    Raises:
        InvalidDecision: an override without a reason, a hyperparameter out of range, or more memory than
        there is.
    """
    suggested = draft_of(dojo, plan, card, decision.method)
    rate, batch = decision.learning_rate, decision.per_device_train_batch_size
    overridden = rate is not None or batch is not None
    if overridden and not decision.override_reason.strip():
        raise InvalidDecision(
            f"override_reason: the optimiser suggests learning rate {suggested.learning_rate:.3g} and batch "
            f"{suggested.per_device_train_batch_size}; leave both out, or say what you know that it cannot"
        )
    _check_rate(dojo, decision)
    if batch is not None and batch > card.rows:
        raise InvalidDecision(
            f"per_device_train_batch_size: at most the {card.rows} rows of the data, not {batch}"
        )
    draft = suggested.model_copy(
        update={
            "lr_scheduler_type": decision.lr_scheduler_type,
            "weight_decay": decision.weight_decay,
            "lora_r": decision.lora_r,
            "lora_alpha": decision.lora_alpha,
            "lora_dropout": decision.lora_dropout,
            "learning_rate": rate or suggested.learning_rate,
            "per_device_train_batch_size": batch or suggested.per_device_train_batch_size,
            "override_reason": decision.override_reason.strip() if overridden else "",
            "decided_by": "llm",
        }
    )
    estimate = dojo.estimate(draft, card)
    if not estimate.fits:
        raise InvalidDecision(
            f"memory: needs about {estimate.peak_gib:.1f} GiB of {estimate.available_gib:.1f} GiB; "
            "take a smaller batch, or lora"
        )
    return draft


def _check_rate(dojo: Dojo, decision: TrainingDecision) -> None:
    low, high = learning_rate_range(decision.method, dojo.base_model.hidden_size)
    low, high = low / RATE_MARGIN, high * RATE_MARGIN
    rate = decision.learning_rate
    if rate is not None and not low <= rate <= high:
        raise InvalidDecision(
            f"learning_rate: {rate:g} is out of range for {decision.method}: {low:.2g} to {high:.2g}"
        )
