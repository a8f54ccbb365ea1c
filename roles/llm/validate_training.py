"""From a language model's training decision to a draft: its structure, the optimiser's numbers."""

from __future__ import annotations

from typing import Any

from memory.recipe import DataCard
from memory.records import Plan, TrainingPlan
from roles.forecast import training_refusal
from roles.llm.schemas import TrainingDecision
from roles.search_space import ALPHA_PER_RANK
from roles.training_engineer import draft_of, within_memory
from tasks.errors import ExperimentFailed, InvalidDecision
from tools.checks.training import check_training_plan
from tools.dojo import Dojo

STRUCTURE = (
    *("lr_scheduler_type", "weight_decay", "lora_r", "lora_alpha", "lora_dropout", "neftune_noise_alpha"),
    *("use_rslora", "use_dora", "early_stopping"),
)
"""Fields of a decision that are a plan's by the same name, and that need no reason."""


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
            f"{suggested.effective_batch_size}; leave both out, or say what you know that it cannot"
        )
    draft = suggested.model_copy(
        update=_decided(decision)
        | {
            "learning_rate": rate or suggested.learning_rate,
            "per_device_train_batch_size": batch or suggested.per_device_train_batch_size,
            "override_reason": decision.override_reason.strip() if overridden else "",
            "decided_by": "llm",
        }
    )
    check_training_plan(dojo, plan, card, within := _within_memory(dojo, plan, card, draft))
    if why := training_refusal(dojo, plan, card, within):
        raise InvalidDecision(f"learning_rate: {why}; take another rate, method or length")
    return within


def _decided(decision: TrainingDecision) -> dict[str, Any]:
    """The structure that was decided, as a plan's fields; what was left out stays the optimiser's."""
    fields = {name: getattr(decision, name) for name in STRUCTURE} | {"num_train_epochs": decision.max_epochs}
    if decision.lora_r and not decision.lora_alpha:
        fields["lora_alpha"] = ALPHA_PER_RANK * decision.lora_r
    return {name: value for name, value in fields.items() if value is not None}


def _within_memory(dojo: Dojo, plan: Plan, card: DataCard, draft: TrainingPlan) -> TrainingPlan:
    """The draft in batches that fit; where only another method would, the check refuses the draft itself."""
    try:
        form = within_memory(dojo, plan, card, draft)
    except ExperimentFailed:
        return draft
    return form if (form.method, form.load_in_4bit) == (draft.method, draft.load_in_4bit) else draft
