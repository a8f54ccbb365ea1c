"""A composed policy: each role decided by whoever was named for it, the playbook for all others.

What comes from outside (a user's object or function) may be a record or a plain mapping. It passes the
checks that a language model's decisions pass, and carries the name of who decided. A decision that cannot
be followed fails its experiment, as any other; after several in a row the run ends in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from memory.recipe import DataCard, DataRecipe, Record
from memory.records import Comparison, Diagnosis, Experiment, Plan, TrainingPlan, Verdict
from roles import playbook
from roles.stopping import Stop
from tasks.base import Sample
from tasks.errors import ExperimentFailed, InvalidDecision, Stage, boundary
from tools.checks.plan import check_plan
from tools.checks.recipe import check_recipe
from tools.checks.training import check_training_plan
from tools.dojo import Dojo

DecidingRole = Literal["planner", "data_curator", "training_engineer", "evaluator", "diagnostician"]
METHODS: dict[DecidingRole, str] = {
    "planner": "plan",
    "data_curator": "write_recipe",
    "training_engineer": "draft_training",
    "evaluator": "assess",
    "diagnostician": "diagnose",
}
"""The method of ``roles.policy.Policy`` that is a role's decision."""
PROMPTED = "prompted"
"""The method with which a policy changes what models are asked, where it has one."""
FAILURES_AT_MOST = 3
"""Decisions in a row that could not be followed, after which the run ends: the next would be no better."""
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Decider:
    """Who decides for one role."""

    name: str
    """As the records name it."""
    decide: Callable[..., Any]
    """With the arguments of the role's method."""
    foreign: bool = False
    """Not our own: its decisions are checked."""


def deciders_of(policy: object, name: str, *, foreign: bool = False) -> dict[DecidingRole, Decider]:
    """The decisions that an object makes: those of the five methods that it has."""
    found = {role: getattr(policy, method, None) for role, method in METHODS.items()}
    return {role: Decider(name, each, foreign) for role, each in found.items() if callable(each)}


class Composed:
    """Five decisions by several deciders.

    Args:
        deciders: by role; the playbook decides for the roles that are left out.
        prompted: what is asked in place of an item, where the policy shows models more than the item.
    """

    def __init__(
        self,
        deciders: Mapping[DecidingRole, Decider],
        prompted: Callable[[Dojo, Sequence[Sample]], Sequence[Sample]] | None = None,
    ) -> None:
        self.deciders = dict(deciders)
        self.prompted = prompted

    @property
    def audited(self) -> bool:
        """Whether sources are audited after a kept experiment: only where someone may act on it."""
        told = (self.deciders.get("planner"), self.deciders.get("diagnostician"))
        return all(decider is None or decider.foreign for decider in told)

    def plan(self, dojo: Dojo, experiment: str) -> Plan | Stop | None:
        """The next experiment."""
        decider = self.deciders.get("planner")
        if decider is None:
            return playbook.plan(dojo, experiment)
        if (last := _not_followed(dojo.journal.experiments())) is not None:
            return Stop(f"{FAILURES_AT_MOST} decisions in a row could not be followed; the last: {last}")
        found = self._ask(decider, "plan", dojo, experiment)
        if found is None or isinstance(found, Stop):
            return found
        usual = {
            "parent": None,
            "hypothesis": "none given",
            "reason": "none given",
            "change": "sources" if dojo.journal.experiments() else "first",
            "expected_gain": 0.0,
            "max_seconds": max(dojo.remaining_budget_seconds(), 1.0),
            "rows": dojo.max_rows,
        }
        plan = _record(found, Plan, decider, "plan", usual | {"experiment": experiment})
        plan = plan.model_copy(update={"experiment": experiment})
        return _checked(decider, "plan", plan, lambda: check_plan(dojo, plan))

    def write_recipe(self, dojo: Dojo, plan: Plan) -> DataRecipe:
        """The data for a plan."""
        decider = self.deciders.get("data_curator")
        if decider is None:
            return playbook.write_recipe(dojo, plan)
        found = self._ask(decider, "data", dojo, plan)
        recipe = _record(found, DataRecipe, decider, "data", {"seed": dojo.seed})
        return _checked(decider, "data", recipe, lambda: check_recipe(dojo, plan, recipe))

    def draft_training(self, dojo: Dojo, plan: Plan, card: DataCard) -> TrainingPlan:
        """Method and hyperparameters."""
        decider = self.deciders.get("training_engineer")
        if decider is None:
            return playbook.draft_training(dojo, plan, card)
        usual = {
            "max_length": dojo.max_length,
            "timeout_seconds": max(min(plan.max_seconds, dojo.remaining_budget_seconds()), 1.0),
            "seed": dojo.seed,
            "init_from": plan.init_from,
            "hyperparameters_from": decider.name,
        }
        found = self._ask(decider, "train", dojo, plan, card)
        draft = _record(found, TrainingPlan, decider, "train", usual)
        return _checked(decider, "train", draft, lambda: check_training_plan(dojo, plan, card, draft))

    def assess(self, dojo: Dojo, comparison: Comparison) -> Verdict:
        """Keep or discard; where a foreign decider gives no verdict, the playbook does."""
        decider = self.deciders.get("evaluator")
        if decider is None:
            return playbook.assess(dojo, comparison)
        try:
            found = self._ask(decider, "evaluate", dojo, comparison)
            return _named(_record(found, Verdict, decider, "evaluate", {}), decider)
        except ExperimentFailed as failed:
            _say(dojo, comparison.challenger, failed)
            return playbook.assess(dojo, comparison)

    def diagnose(self, dojo: Dojo, experiment: Experiment, audit: Mapping[str, float]) -> Diagnosis:
        """Cause and next move; where a foreign decider gives none, the playbook does."""
        decider = self.deciders.get("diagnostician")
        if decider is None:
            return playbook.diagnose(dojo, experiment, audit)
        try:
            found = self._ask(decider, "diagnose", dojo, experiment, audit)
            return _named(_record(found, Diagnosis, decider, "diagnose", {"evidence": ()}), decider)
        except ExperimentFailed as failed:
            _say(dojo, experiment.id, failed)
            return playbook.diagnose(dojo, experiment, audit)

    @staticmethod
    def _ask(decider: Decider, stage: Stage, *given: Any) -> Any:
        if not decider.foreign:
            return decider.decide(*given)
        with boundary(stage, f"the policy {decider.name}"):
            return decider.decide(*given)


def _record(found: Any, kind: type[R], decider: Decider, stage: Stage, usual: Mapping[str, Any]) -> R:
    """A record as it is, or made of a mapping with the usual values of what it leaves out.

    Raises:
        ExperimentFailed: ``rejected``, with the field that is wrong.
    """
    if isinstance(found, kind):
        return found
    if not isinstance(found, Mapping):
        wanted = f"a {kind.__name__} or a mapping of its fields"
        raise ExperimentFailed(
            stage, "rejected", f"the policy {decider.name} gave {type(found).__name__}, not {wanted}"
        )
    try:
        return kind.model_validate({**usual, **found})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"the policy {decider.name}: {where}: {first['msg'].lower()}"
        raise ExperimentFailed(stage, "rejected", message) from None


def _checked(decider: Decider, stage: Stage, record: R, check: Callable[[], None]) -> R:
    if decider.foreign:
        try:
            check()
        except InvalidDecision as invalid:
            raise ExperimentFailed(stage, "rejected", f"the policy {decider.name}: {invalid}") from None
    return _named(record, decider)


def _named(record: R, decider: Decider) -> R:
    """The record with the name of who decided; a recipe has no place for one."""
    fields = type(record).model_fields
    return record.model_copy(update={"decided_by": decider.name}) if "decided_by" in fields else record


def _say(dojo: Dojo, experiment: str, failed: ExperimentFailed) -> None:
    said = f"{failed.message}: the playbook decides in its place"
    if said not in dojo.journal.notes:
        dojo.journal.note(said, experiment)


def _not_followed(history: Sequence[Experiment]) -> str | None:
    """Why the last one was not followed, where as many in a row as are borne came to nothing."""
    last = [experiment.failure for experiment in history[-FAILURES_AT_MOST:]]
    refused = [
        each for each in last if each is not None and each.code in ("rejected", "crashed", "bad_recipe")
    ]
    before_training = [each for each in refused if each.stage in ("data", "train", "probe")]
    if len(before_training) < FAILURES_AT_MOST:
        return None
    return before_training[-1].message
