"""The five decisions of a policy, each in a run that has come so far; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory.budget.spending import PriceTable, Spending
from memory.recipe import Record
from memory.records import Decision, Experiment, Role
from roles import audit, training_gate
from roles.llm.limits import Limits
from roles.llm.policy import LanguageModel
from roles.policy import Policy
from tests.support.run_in_progress import StillDojo, make_dojo, next_id
from tools.chat.models import Models, ModelSpec
from tools.training.train import ProbeResult

STAGES: dict[Role, str] = {
    "planner": "",
    "data_curator": "plan",
    "training_engineer": "card",
    "evaluator": "verdict",
    "diagnostician": "verdict",
}
"""How far the experiment has come when the role is asked."""
PROBED = ProbeResult(
    steps=5,
    first_loss=2.0,
    last_loss=1.8,
    falling=True,
    seconds_per_step=0.1,
    tokens_per_second=8000.0,
    peak_gib=1.0,
    wall_seconds=1.2,
)
NO_DELAY = Limits(first_delay_seconds=0.0, most_delay_seconds=0.0)


def make_policy(base_url: str, spending: Spending | None = None, **spec: Any) -> LanguageModel:
    """A language model at one address for all roles."""
    model = ModelSpec("openai:scripted", base_url=base_url, **spec)
    models = Models(dict.fromkeys(STAGES, (model,)), (model,), (), PriceTable({}))
    return LanguageModel(models, spending or Spending(PriceTable({})), limits=NO_DELAY)


@contextmanager
def desks(folder: Path, experiments: int, plant: str = "") -> Iterator[dict[Role, StillDojo]]:
    """For each role a run of so many finished experiments in which it is to decide."""
    made: dict[Role, StillDojo] = {}
    for role, stage in STAGES.items():
        made[role] = make_dojo(folder / f"{role}-{experiments}", experiments, plant=plant, current=stage)
    yield made
    for dojo in made.values():
        dojo.journal.close()


def decided(policy: Policy, role: Role, dojo: StillDojo, experiments: int) -> Record | None:
    """What a policy decides in a role.

    Raises:
        ExperimentFailed: as the policy does.
    """
    id, journal = next_id(experiments), dojo.journal
    plan, card, comparison = journal.plan(id), journal.card(id), journal.comparison(id)
    if role == "planner":
        return policy.plan(dojo, id)
    assert plan is not None
    if role == "data_curator":
        return policy.write_recipe(dojo, plan)
    assert card is not None
    if role == "training_engineer":
        draft = policy.draft_training(dojo, plan, card)
        probe = PROBED if training_gate.needs_probe(dojo, draft, card) else None
        return training_gate.timed(dojo, plan, card, draft, probe)
    assert comparison is not None
    if role == "evaluator":
        return policy.assess(dojo, comparison)
    done = measured(dojo, id)
    shares = dict.fromkeys(audit.sources_to_audit(dojo, done), 0.8)
    return policy.diagnose(dojo, done, shares)


def measured(dojo: StillDojo, id: str) -> Experiment:
    """The experiment as the Diagnostician gets it: kept, and not diagnosed."""
    done = dojo.journal.experiment(id)
    assert done is not None
    return done.model_copy(update={"outcome": "kept"})


def decisions(dojo: StillDojo) -> list[Decision]:
    """The journal's account of who decided."""
    return [Decision.model_validate(event.data) for event in dojo.journal.events if event.kind == "decision"]
