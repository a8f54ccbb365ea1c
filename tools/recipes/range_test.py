"""Range test of the learning rate: before a long training, a short ramp that shows where the loss rises.

The rate climbs geometrically over some tens of steps, from under the plan's to far above it (Smith 2017,
arXiv:1506.01186). A ramp tells at which rate a training goes astray, not which one is best after many steps
(each rate had one step), so it caps the plan's rate and never raises it. The weights are then as
they were.
"""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.recipes.answer_trainer import WRAPPERS, AnswerTrainer
from tools.training import ranks
from tools.training.loss_curve import risen
from tools.training.weight_copy import WeightCopy, trained_parameters

STEPS = 24
COST_SHARE = 0.03
"""Of a training's steps, what the ramp may take: a shorter training goes without."""
BELOW, ABOVE = 1 / 8, 32.0
"""Times the plan's rate: where the ramp begins and ends."""
SMOOTHING = 0.6
"""Of the running mean of the loss, what a step leaves of it: batches differ."""
KNEE = 0.1
"""Of its rise, so far above its lowest point the loss is taken to begin to rise."""
MARGIN = 2.0
"""The most a rate may be lies so far under the knee: a training takes more than one step at its rate."""


class Ramp(AnswerTrainer):
    """A trainer whose rate climbs."""

    def _rate(self, step: int) -> float:
        return rates()[min(step, STEPS - 1)]


def rates() -> list[float]:
    """The rate of each step, as a multiple of the plan's."""
    return [BELOW * (ABOVE / BELOW) ** (step / (STEPS - 1)) for step in range(STEPS)]


def lowered_rate(trainer: AnswerTrainer, folder: Path) -> dict[str, Any]:
    """Lowers the trainer's rate where a ramp shows that it would go astray.

    Args:
        trainer: ready to train.
        folder: for the copy of the weights, where memory is short.

    Returns:
        ``learning_rate``, a field of a ``Training`` record, where it was lowered; a remark says so.
    """
    plan = trainer.plan
    if not plan.range_test or COST_SHARE * trainer.args.max_steps < STEPS:
        return {}
    if ranks.world_size() > 1:  # two trainers over one distributed model would exchange its gradients twice
        trainer.remarks.append("range test: none, several devices train together")
        return {}
    highest = highest_rate(losses_of_ramp(trainer, folder))
    if highest is None:
        trainer.remarks.append(f"range test: no rise of the loss up to {ABOVE * plan.learning_rate:.2g}")
        return {}
    most = highest * plan.learning_rate
    if plan.learning_rate <= most:
        trainer.remarks.append(f"range test: the rate may be {most:.2g} at most, and it is less")
        return {}
    trainer.remarks.append(
        f"range test: trained at {most:.2g}, where the plan says {plan.learning_rate:.2g}: "
        f"the loss rises from {MARGIN * most:.2g} on"
    )
    trainer.args.learning_rate = most
    trainer.plan = plan.model_copy(update={"learning_rate": most})
    return {"learning_rate": most}


def losses_of_ramp(trainer: AnswerTrainer, folder: Path) -> list[float]:
    """The loss at each step of the ramp, up to where it has risen; the weights are put back."""
    model, arguments = trainer.model, copy.copy(trainer.args)
    forwards = [(module, _wrappers(module)) for module in model.modules()]
    arguments.max_steps, arguments.report_to = STEPS, []
    ramp = Ramp(
        model=model,
        args=arguments,
        train_dataset=trainer.train_dataset,
        processing_class=trainer.processing_class,
    )
    ramp.prepare(trainer.plan.model_copy(update={"warmup_steps": 0}), trainer.lengths)
    ramp.trees = trainer.trees
    before = WeightCopy(trained_parameters(model), folder)
    before.take()
    try:
        ramp.train()
    finally:
        before.restore()
        before.drop()
    model.zero_grad(set_to_none=True)
    for module, had in forwards:  # as the trainer to come has made them, not wrapped once more
        for name in WRAPPERS:
            module.__dict__.pop(name, None)
        module.__dict__.update(had)
    ramp.accelerator.free_memory()
    losses = ramp.losses
    del ramp
    gc.collect()  # its optimiser's moments
    return losses


def _wrappers(module: Any) -> dict[str, Any]:
    return {name: module.__dict__[name] for name in WRAPPERS if name in module.__dict__}


def highest_rate(losses: Sequence[float]) -> float | None:
    """The highest rate that a ramp allows, as a multiple of the plan's; None where its loss never rose.

    Args:
        losses: of the ramp's steps, in order; it may end where the loss has risen, or is not finite.
    """
    smooth = smoothed(losses)
    for step, loss in enumerate(smooth):
        lowest = min(smooth[: step + 1])
        if not math.isfinite(loss) or risen(loss, lowest):
            top = loss if math.isfinite(loss) else 2.0 * lowest + 0.5
            below = [n for n in range(step) if smooth[n] <= lowest + KNEE * (top - lowest)]
            return rates()[below[-1] if below else 0] / MARGIN
    return None


def smoothed(losses: Sequence[float]) -> list[float]:
    """The running mean of the losses, corrected for its beginning (Adam's correction)."""
    mean, found = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        found.append(mean / (1 - SMOOTHING**step))
    return found
