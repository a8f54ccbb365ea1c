"""Out of memory in the middle of an experiment: it goes on in a smaller form, and everyone is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from graph.step import Step
from memory.records import Plan, TrainingPlan
from roles import training_engineer
from tasks.errors import ExperimentFailed

T = TypeVar("T")


def until_it_fits(
    step: Step, plan: Plan, training: TrainingPlan, work: Callable[[TrainingPlan], T]
) -> tuple[T, TrainingPlan]:
    """What ``work`` makes of the training, or of its first smaller form that does not run out of memory.

    What ran out is remembered in the journal, with what was tried instead.

    Raises:
        ExperimentFailed: ``does_not_fit`` where no form is left; what else ``work`` fails with.
    """
    card = step.journal.card(plan.experiment)
    assert card is not None
    while True:
        try:
            return work(training), training
        except ExperimentFailed as failed:
            if failed.code not in ("does_not_fit", "out_of_memory"):
                raise
        text, facts = step.acts.ran_out_of_memory(plan.experiment, training)
        step.note(text, plan.experiment, **facts)
        training = training_engineer.within_memory(step.dojo, plan, card, training)
        text, facts = training_engineer.instead(plan.experiment, training)
        step.note(text, plan.experiment, **facts)
