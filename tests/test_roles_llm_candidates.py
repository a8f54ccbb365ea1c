"""Several plans in one decision: the one with the highest expected gain per second is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memory.records import Plan
from roles.llm.briefing.build import briefing
from roles.llm.candidates import best_plan, gain_per_second
from roles.llm.schemas import PlanDecision
from roles.stopping import Stop
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import StillDojo, make_dojo

PLAN: dict[str, Any] = {
    "hypothesis": "Training on removes errors",
    "reason": "e06 is the incumbent",
    "change": "duration",
    "init_from": "e06",
    "sources": ["field-notes"],
    "expected_gain": 2.0,
    "share_of_remaining_budget": 0.25,
}
QUICK: dict[str, Any] = {
    "hypothesis": "Another script of the parent's mends the largest cluster",
    "change": "operations",
    "init_from": "e06",
    "sources": ["field-notes"],
    "expected_gain": 3.0,
    "share_of_remaining_budget": 0.1,
}
LONG = QUICK | {"hypothesis": "More of everything", "expected_gain": 4.0, "share_of_remaining_budget": 0.9}
UNKNOWN = QUICK | {"hypothesis": "A source that is not there", "sources": ["nowhere"], "change": "sources"}


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> StillDojo:
    return make_dojo(tmp_path_factory.mktemp("run"), 8)


def best(dojo: StillDojo, *alternatives: dict[str, Any], **plan: Any) -> Plan:
    decision = PlanDecision.model_validate(PLAN | plan | {"alternatives": list(alternatives)})
    made = best_plan(dojo, "e09", decision)
    assert isinstance(made, Plan)
    return made


def test_the_highest_expected_gain_per_second_is_run_and_the_others_are_recorded(dojo: StillDojo) -> None:
    made = best(dojo, LONG, QUICK)
    assert (made.hypothesis, made.change) == (QUICK["hypothesis"], "operations")
    assert [other.hypothesis for other in made.alternatives] == [PLAN["hypothesis"], LONG["hypothesis"]]
    rates = [gain_per_second(made), *(other.gain_per_second for other in made.alternatives)]
    assert rates == sorted(rates, reverse=True) and rates[0] > rates[1]


def test_a_plan_alone_is_run_as_it_is(dojo: StillDojo) -> None:
    assert best(dojo).alternatives == ()


def test_what_cannot_be_run_costs_no_repair_while_another_can(dojo: StillDojo) -> None:
    made = best(dojo, UNKNOWN)
    assert made.hypothesis == PLAN["hypothesis"]
    assert "'nowhere' is no source" in made.alternatives[0].refused
    assert best(dojo, QUICK, init_from="e99").hypothesis == QUICK["hypothesis"]


def test_where_none_can_be_run_the_first_is_refused(dojo: StillDojo) -> None:
    with pytest.raises(InvalidDecision, match="init_from: 'e99'"):
        best(dojo, UNKNOWN, init_from="e99")


def test_an_end_of_the_run_is_no_candidate(dojo: StillDojo) -> None:
    decision = PlanDecision.model_validate(PLAN | {"stop": True, "alternatives": [QUICK]})
    assert isinstance(best_plan(dojo, "e09", decision), Stop)


def test_the_next_planner_sees_what_was_not_run(dojo: StillDojo, tmp_path: Path) -> None:
    later = make_dojo(tmp_path, 1)
    plan = best(dojo, QUICK, UNKNOWN).model_copy(update={"experiment": "e02", "parent": "e01"})
    later.journal.append("plan", plan, "e02")
    later.journal.finish("e02", "failed")
    page = briefing("planner", later, "e03")
    assert "ranked lower: Training on removes errors (+2.0 in" in page
    assert "A source that is not there (could not be run)" in page
