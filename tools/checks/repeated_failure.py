"""Repeated failure: the same cause with the same offending setting is not tried a third time.

One failure may be bad luck, two are evidence. What counts as the offending setting depends on the cause:

* a divergence: the learning rate, and every higher one, by the same method from the same kind of start;
* memory: what the form needs by the formula, and everything that needs more;
* a time limit: the tokens to train on within that limit, and everything longer;
* a process that died: method, memory savings, sources and weights, for nothing tells which of them it was;
* data that came to nothing, or a script that failed: the recipe.

A refusal costs no training. It is a failure of its own (``repeated``), and the same plan is not refused a
third time either: then it is not planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from memory.recipe import DataCard, DataRecipe
from memory.records import Experiment, Plan, TrainingPlan
from tasks.errors import ExperimentFailed, InvalidDecision, Stage
from tools.dojo import Dojo
from tools.process.machine import machine
from tools.training.estimate import formula_gib, training_tokens
from tools.training.memory import LongestBatch, longest_batch

MOST_TIMES = 2
"""Failures of one cause with one setting; the next is refused."""
CAUSES = {
    "diverged": "rate",
    "no_progress": "rate",
    "out_of_memory": "memory",
    "does_not_fit": "memory",
    "timeout": "length",
    "crashed": "process",
    "bad_output": "process",
}
"""What is to blame, by the code of a failure in training; other codes say nothing about its settings."""
TRAINING_STAGES = ("probe", "train")
MENDABLE_STAGES = (*TRAINING_STAGES, "evaluate")


def check_plan_repeats(dojo: Dojo, plan: Plan) -> None:
    """Raise for a plan whose training was refused twice already as a repetition.

    Raises:
        InvalidDecision: which experiments those were, and what would be another plan.
    """
    refused = [e for e in _failed(dojo) if _code(e) == "repeated" and _same_work(e.plan, plan)]
    if len(refused) >= MOST_TIMES:
        raise InvalidDecision(
            f"sources: training on {', '.join(plan.sources)} from {plan.init_from} was refused as a repeated "
            f"failure in {_ids(refused)}; plan other sources or other weights"
        )


def check_recipe_repeats(dojo: Dojo, recipe: DataRecipe) -> None:
    """Raise for a recipe that failed twice.

    Raises:
        InvalidDecision: which experiments failed with it, and how.
    """
    digest = recipe.digest()
    failed = [e for e in _failed(dojo, "data") if e.recipe is not None and e.recipe.digest() == digest]
    for code in dict.fromkeys(map(_code, failed)):
        alike = [e for e in failed if _code(e) == code]
        if code != "rejected" and len(alike) >= MOST_TIMES:
            raise InvalidDecision(
                f"operations: this very recipe failed in {_ids(alike)} ({code}); a third time is refused; "
                "change what failed, or take other sources"
            )


def refuse_repeats(stage: Stage, check: Callable[[], None]) -> None:
    """Let a check of this module end an experiment.

    Raises:
        ExperimentFailed: ``repeated``: the refusal is on record, and nothing was trained.
    """
    try:
        check()
    except InvalidDecision as refused:
        raise ExperimentFailed(stage, "repeated", str(refused)) from None


def check_training_repeats(dojo: Dojo, plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    """Raise for a training that twice failed of one cause with settings as demanding as these.

    Raises:
        InvalidDecision: the field, which experiments failed, and what would fit.
    """
    _check_memory(dojo, card, training)
    for cause, check in (("rate", _check_rate), ("length", _check_length), ("process", _check_process)):
        check(_of_cause(dojo, cause), plan, card, training)


def tried(experiment: Experiment) -> TrainingPlan | None:
    """What an experiment was trained with, also where a few steps of it were enough to fail."""
    if experiment.training_plan is not None or experiment.failure is None or not experiment.failure.tried:
        return experiment.training_plan
    return TrainingPlan.model_validate(experiment.failure.tried)


def mendable(experiment: Experiment) -> bool:
    """Whether it failed of what says nothing about its data: a smaller, gentler or second try may succeed.

    What does not fit in any form is none of these: the same work would not fit again.
    """
    failure = experiment.failure
    if failure is None or failure.code == "does_not_fit":
        return False
    return failure.stage in MENDABLE_STAGES and failure.code in CAUSES


def failed_in_training(experiments: Iterable[Experiment], cause: str) -> tuple[Experiment, ...]:
    """The experiments whose training, or the try before it, failed of a cause (of ``CAUSES``)."""
    return tuple(
        e
        for e in experiments
        if e.failure is not None
        and e.failure.stage in TRAINING_STAGES
        and CAUSES.get(e.failure.code) == cause
        and tried(e) is not None
    )


def diverged_at(experiments: Iterable[Experiment], method: str, init_from: str) -> float | None:
    """The lowest rate at which a method diverged from this kind of start; None where none did."""
    found = [tried(e) for e in failed_in_training(experiments, "rate")]
    rates = [t.learning_rate for t in found if t and _same_start(t, method, init_from)]
    return min(rates, default=None)


def crashes(experiments: Iterable[Experiment], plan: Plan, method: str) -> int:
    """How often the process of a method died over a plan's sources and weights."""
    died = failed_in_training(experiments, "process")
    return sum(_same_work(e.plan, plan) and (t := tried(e)) is not None and t.method == method for e in died)


def _check_rate(failed: Sequence[Experiment], plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    def as_high(before: TrainingPlan) -> bool:
        same = _same_start(before, training.method, training.init_from)
        return same and before.learning_rate <= training.learning_rate

    if alike := _twice(failed, lambda e, before: as_high(before)):
        lowest = min(t.learning_rate for e in alike if (t := tried(e)))
        raise InvalidDecision(
            f"learning_rate: {training.method} training diverged at this rate or a lower one in "
            f"{_ids(alike)}; a third time is refused; take less than {lowest:.2g}"
        )


def _check_length(failed: Sequence[Experiment], plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    if training.max_steps <= 0:
        return  # its length is settled behind this check, and checked again
    tokens = _tokens(training, card)

    def as_long(e: Experiment, before: TrainingPlan) -> bool:
        within = training.timeout_seconds <= before.timeout_seconds
        return before.method == training.method and within and _tokens(before, e.card or card) <= tokens

    if alike := _twice(failed, as_long):
        raise InvalidDecision(
            f"max_steps: a training as long as this did not end within as much time in {_ids(alike)}, and a "
            "third time is refused; take fewer steps, or more seconds"
        )


def _check_process(failed: Sequence[Experiment], plan: Plan, card: DataCard, training: TrainingPlan) -> None:
    def the_same(e: Experiment, before: TrainingPlan) -> bool:
        return _structure(before) == _structure(training) and set(e.plan.sources) == set(plan.sources)

    if alike := _twice(failed, the_same):
        raise InvalidDecision(
            f"method: the process of {training.method} training on {', '.join(plan.sources)} from "
            f"{training.init_from} died in {_ids(alike)}, and a third time is refused; take another method, "
            "other sources or other weights"
        )


def _check_memory(dojo: Dojo, card: DataCard, training: TrainingPlan) -> None:
    """Every form that ran out of memory is noted with its batch, also within one experiment."""
    noted = dojo.journal.did_not_fit
    if len(noted) < MOST_TIMES:
        return
    here, model = machine(), dojo.base_model
    needed = formula_gib(training, model, longest_batch(training, card), here)
    before = [
        formula_gib(TrainingPlan.model_validate(each["plan"]), model, LongestBatch(*each["batch"]), here)
        for each in noted
    ]
    smaller = [gib for gib in before if gib <= needed]
    if len(smaller) >= MOST_TIMES:
        raise InvalidDecision(
            f"memory: {len(smaller)} trainings that need no more than this ran out of it, and another is "
            "refused; take a smaller batch with gradient_accumulation_steps, gradient_checkpointing, or lora"
        )


def _twice(
    failed: Sequence[Experiment], alike: Callable[[Experiment, TrainingPlan], bool]
) -> tuple[Experiment, ...]:
    """The failures that are alike, where they are as many as may be; else none."""
    found = tuple(e for e in failed if (before := tried(e)) is not None and alike(e, before))
    return found if len(found) >= MOST_TIMES else ()


def _of_cause(dojo: Dojo, cause: str) -> tuple[Experiment, ...]:
    return failed_in_training(dojo.journal.experiments(), cause)


def _failed(dojo: Dojo, stage: str = "") -> tuple[Experiment, ...]:
    done = dojo.journal.experiments()
    return tuple(e for e in done if e.failure is not None and stage in ("", e.failure.stage))


def _code(experiment: Experiment) -> str:
    return experiment.failure.code if experiment.failure else ""


def _same_work(one: Plan, other: Plan) -> bool:
    return set(one.sources) == set(other.sources) and one.init_from == other.init_from


def _same_start(before: TrainingPlan, method: str, init_from: str) -> bool:
    """Whether both begin from the base, or both from trained weights, by the same method."""
    return before.method == method and (before.init_from == "base") == (init_from == "base")


def _structure(training: TrainingPlan) -> tuple[Any, ...]:
    saving = (training.gradient_checkpointing, training.load_in_4bit, training.fsdp, training.optim)
    return training.method, training.init_from, *saving


def _tokens(training: TrainingPlan, card: DataCard) -> float:
    return training_tokens(training, card.rows, card.mean_tokens)


def _ids(experiments: Sequence[Experiment]) -> str:
    return ", ".join(e.id for e in experiments)
