"""A proposal: what a person is shown before a step is taken (what will be done, what it costs), and
whether it can be done in this run as they change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError

from memory.recipe import DataCard, DataRecipe, Record
from memory.records import Plan, TrainingPlan
from tasks.errors import InvalidDecision, did_you_mean
from tools.checks.plan import PLAN_CHECKS
from tools.checks.recipe import check_recipe
from tools.checks.teacher_cost import teacher_cost
from tools.checks.training import TRAINING_CHECKS
from tools.dojo import Dojo
from tools.synthesis.teacher import TeacherEstimate

Facts = dict[str, Any]
FIXED = ("experiment", "decided_by")
"""What nobody changes: the record would speak of something else."""


# -- what is shown -----------------------------------------------------------------------------


def facts_of(dojo: Dojo, experiment: str, record: Record) -> tuple[Facts, Facts]:
    """What will be done, and what it costs, both JSON-plain."""
    if isinstance(record, Plan):
        return _plan(dojo, record)
    if isinstance(record, DataRecipe):
        return _recipe(dojo, experiment, record)
    assert isinstance(record, TrainingPlan)
    return _training(dojo, experiment, record)


def _plan(dojo: Dojo, plan: Plan) -> tuple[Facts, Facts]:
    done: Facts = {
        "hypothesis": plan.hypothesis,
        "reason": plan.reason,
        "change": plan.change,
        "parent": plan.parent or "base",
        "starts from": plan.init_from,
        "sources": list(plan.sources),
        "most rows": plan.rows,
    }
    cost: Facts = {
        "experiment_budget_seconds": round(plan.max_seconds, 1),
        "seconds_left": round(max(dojo.remaining_budget_seconds(), 0.0), 1),
        "expected_gain": plan.expected_gain,
    }
    return done, cost | _spent(dojo)


def _recipe(dojo: Dojo, experiment: str, recipe: DataRecipe) -> tuple[Facts, Facts]:
    rows = {name: len(dojo.pool[name].rows) for name in recipe.sources if name in dojo.pool}
    operations = [_in_words(operation) for operation in recipe.operations]
    cost: Facts = {"raw_rows": sum(rows.values())}
    asked = [_in_figures(operation, estimate) for operation, estimate in teacher_cost(dojo, recipe)]
    if asked:
        cost["teacher"] = asked
    return {"operations": operations, "sources": rows}, cost | _spent(dojo)


def _training(dojo: Dojo, experiment: str, plan: TrainingPlan) -> tuple[Facts, Facts]:
    done: Facts = {
        "method": plan.method,
        "learning rate": plan.learning_rate,
        "batch size": plan.effective_batch_size,
        "steps": plan.max_steps,
        "epochs": plan.num_train_epochs,
        "schedule": plan.lr_scheduler_type,
        "starts from": plan.init_from,
        "hyperparameters from": plan.hyperparameters_from,
    }
    if plan.method == "lora":
        done |= {"lora_r": plan.lora_r, "lora_alpha": plan.lora_alpha}
    if plan.override_reason:
        done["override"] = plan.override_reason
    estimate = dojo.estimate(plan, _card(dojo, experiment))
    cost: Facts = {
        "steps": plan.max_steps,
        "estimated_seconds": round(estimate.seconds, 1),
        "at_most_seconds": plan.timeout_seconds,
        "peak_gib": round(estimate.peak_gib, 2),
        "available_gib": round(estimate.available_gib, 2),
        "basis": estimate.basis,
    }
    return done, cost


def _spent(dojo: Dojo) -> Facts:
    """What language models have cost so far, where any are used."""
    if dojo.spending is None:
        return {}
    return {"model_usd_so_far": round(dojo.spending.usd, 4), "model_tokens_so_far": dojo.spending.tokens}


def _in_words(operation: Record) -> str:
    """An operation by its name and what it was given."""
    given = operation.model_dump(mode="json", exclude={"op"}, exclude_none=True)
    name = str(getattr(operation, "op", ""))
    parts = [f"{field.replace('_', ' ')} {_short(value)}" for field, value in given.items()]
    return f"{name}: {', '.join(parts)}" if parts else name


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " + ".join(str(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_short(item)}" for key, item in value.items())
    lines = str(value).splitlines()
    return str(value) if len(lines) <= 1 else f"({len(lines)} lines)"


def _in_figures(operation: str, estimate: TeacherEstimate) -> str:
    """What an operation would ask the teacher, and what that comes to."""
    price = "no price known" if estimate.usd is None else f"about {estimate.usd:.4f} US dollars"
    tokens = f"{estimate.input_tokens:,} tokens in, at most {estimate.output_tokens:,} out"
    return f"{operation}: {estimate.calls:,} calls, {tokens}, {price}"


def _card(dojo: Dojo, experiment: str) -> DataCard:
    card = dojo.journal.card(experiment)
    assert card is not None, "a training is planned for curated rows"
    return card


# -- what is changed ---------------------------------------------------------------------------


def changed(dojo: Dojo, experiment: str, record: Record, changes: Mapping[str, Any]) -> Record:
    """The record with a person's changes.

    Raises:
        InvalidDecision: a field is unknown, out of range, or cannot be done in this run.
    """
    kind = type(record)
    for field in changes:
        if field not in kind.model_fields:
            raise InvalidDecision(f"{field}: unknown; {did_you_mean(field, kind.model_fields)}")
        if field in FIXED:
            raise InvalidDecision(f"{field}: cannot be changed")
    try:
        new = kind.model_validate(record.model_dump(mode="json") | dict(changes))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidDecision(f"{where}: {first['msg'].lower()}") from None
    if isinstance(new, TrainingPlan):
        new = _in_step(dojo, experiment, new, changes)
    # What the draft itself does not keep to is no fault of the person's, who may be changing its wording.
    allowed: Sequence[str] | None = None
    for problem in _problems(dojo, experiment, new):
        allowed = _problems(dojo, experiment, record) if allowed is None else allowed
        if problem not in allowed:
            raise InvalidDecision(problem)
    return new


def _in_step(dojo: Dojo, experiment: str, plan: TrainingPlan, changes: Mapping[str, Any]) -> TrainingPlan:
    """Steps override epochs: whichever a person did not name follows from the other."""
    update: Facts = {}
    rows = _card(dojo, experiment).rows
    batch = plan.effective_batch_size
    if "max_steps" in changes and plan.max_steps > 0:
        update["num_train_epochs"] = round(plan.max_steps * batch / max(rows, 1), 3) or 0.001
    elif {"num_train_epochs", "per_device_train_batch_size"} & changes.keys():
        update["max_steps"] = max(1, round(plan.num_train_epochs * rows / batch))
    if {
        "learning_rate",
        "per_device_train_batch_size",
    } & changes.keys() and "hyperparameters_from" not in changes:
        update["hyperparameters_from"] = "a person"
    return plan.model_copy(update=update)


def _problems(dojo: Dojo, experiment: str, record: Record) -> list[str]:
    """What each of the checks says that a language model's decision passes as well."""
    found = []
    for check in _checks(dojo, experiment, record):
        try:
            check()
        except InvalidDecision as invalid:
            found.append(str(invalid))
    return found


def _checks(dojo: Dojo, experiment: str, record: Record) -> list[Callable[[], None]]:
    if isinstance(record, Plan):
        return [partial(check, dojo, record) for check in PLAN_CHECKS]
    plan = dojo.journal.plan(experiment)
    assert plan is not None, "recipes and trainings are made for a plan"
    if isinstance(record, DataRecipe):
        return [partial(check_recipe, dojo, plan, record)]
    assert isinstance(record, TrainingPlan)
    card = _card(dojo, experiment)
    return [partial(check, dojo, plan, card, record) for check in TRAINING_CHECKS]
