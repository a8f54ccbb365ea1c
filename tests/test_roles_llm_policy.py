"""A language model in the five roles: its records, the playbook behind it, what is not its to decide."""

from __future__ import annotations

import json

import pytest

from memory.budget.spending import PriceTable, Spending
from memory.records import TrainingPlan, Verdict
from roles import playbook
from roles.llm.limits import OwnLimits
from roles.stopping import Stop
from tests.support.faulty_llm import FaultyLLM
from tests.support.loopback_chat import ChatServer, Request, call, http_error, in_order, text
from tests.support.role_decisions import STAGES, decided, decisions, desks, make_policy
from tests.support.scripted_llm import DECISIONS, Page, scripted_reply

FAST = {"max_retries": 0, "timeout_seconds": 5.0}


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    """What the playbook decides, by experiments done and role, and the runs in which it does."""
    folder = tmp_path_factory.mktemp("desks")
    with desks(folder, 0) as first, desks(folder, 8) as later:
        made = {0: first, 8: later}
        yield (
            made,
            {n: {r: decided(playbook, r, d, n) for r, d in each.items()} for n, each in made.items()},
        )


def answers(floor, script, n=8, **spec):
    """What a policy over this script decides in each role, and the requests."""
    made, _ = floor
    with ChatServer(script) as server:
        policy = make_policy(server.base_url, **(FAST | spec))
        return {role: decided(policy, role, made[n][role], n) for role in STAGES}, server.requests


@pytest.mark.parametrize("n", [0, 8])
def test_all_five_roles_decide_through_the_model(floor, n):
    records, requests = answers(floor, scripted_reply, n)
    last = {role: decisions(floor[0][n][role])[-1] for role in STAGES}
    assert {decision.decided_by for decision in last.values()} == {"llm"}
    assert all(decision.tools_called and not decision.problems for decision in last.values())
    assert {records[role].decided_by for role in STAGES if role != "data_curator"} == {"llm"}
    assert {name for request in requests for name in request.tool_names if name in DECISIONS} == set(
        DECISIONS
    )
    assert len(requests) == 10


def test_each_decision_is_filed_under_its_experiment(floor):
    answers(floor, scripted_reply)
    events = [event for event in floor[0][8]["evaluator"].journal.events if event.kind == "decision"]
    assert {event.experiment for event in events} == {"e09"}
    assert floor[0][8]["evaluator"].journal.next_experiment_id() == "e09"


def test_a_silent_provider_leaves_everything_to_the_playbook(floor):
    records, _ = answers(floor, in_order(http_error(401)))
    assert records == floor[1][8]
    last = {role: decisions(floor[0][8][role])[-1] for role in STAGES}
    assert {(each.decided_by, each.calls) for each in last.values()} == {("playbook", 0)}
    assert all("Authentication" in each.problems[-1] for each in last.values())


def test_nobody_is_asked_once_a_cap_is_used_up(floor):
    spent = Spending(PriceTable({}), max_tokens=1)
    with spent.call("planner", "openai:scripted", input_tokens=1, max_output_tokens=1) as one:
        one.done(5, 0, 5)
    records, requests = answers(floor, scripted_reply, spending=spent)
    assert (requests, records) == ([], floor[1][8])
    assert "cap of 1 tokens" in decisions(floor[0][8]["planner"])[-1].problems[0]


def test_the_optimiser_and_the_clock_are_not_the_models(floor):
    def script(request: Request):
        if "TrainingDecision" not in request.tool_names:
            return scripted_reply(request)
        return call("TrainingDecision", {"method": "full", "reason": "small", "max_epochs": 0.5})

    training = answers(floor, script)[0]["training_engineer"]
    playbook = floor[1][8]["training_engineer"]
    assert isinstance(training, TrainingPlan)
    assert isinstance(playbook, TrainingPlan)
    same = (
        "learning_rate",
        "timeout_seconds",
        "hyperparameters_from",
        "max_length",
    )
    assert [getattr(training, name) for name in same] == [getattr(playbook, name) for name in same]
    assert training.num_train_epochs == 0.5 < playbook.num_train_epochs
    assert training.max_steps < playbook.max_steps


def test_a_stop_comes_with_its_reason(floor):
    stop = {"stop": True, "reason": "three discards in a row, nothing new to try"}

    def script(request: Request):
        return call("PlanDecision", DECISIONS["PlanDecision"](Page(request)) | stop)

    dojo = floor[0][8]["planner"]
    with ChatServer(script) as server:
        stopped = make_policy(server.base_url, **FAST).plan(dojo, "e09")
    assert stopped == Stop("three discards in a row, nothing new to try")


def test_a_stop_before_two_experiments_is_refused_and_then_the_playbook_plans(floor):
    def script(request: Request):
        return call("PlanDecision", DECISIONS["PlanDecision"](Page(request)) | {"stop": True})

    dojo = floor[0][0]["planner"]
    with ChatServer(script) as server:
        assert make_policy(server.base_url, **FAST).plan(dojo, "e01") == floor[1][0]["planner"]
    assert "at least 2" in decisions(dojo)[-1].problems[-1]


def test_the_audit_of_the_playbook_is_shown_and_kept(floor):
    playbook = floor[1]
    records, requests = answers(floor, scripted_reply, 0)
    audit = {"field-notes": 0.8, "forum": 0.8}
    assert records["diagnostician"].source_scores == audit == playbook[0]["diagnostician"].source_scores
    asked = next(request for request in requests if "DiagnosisDecision" in request.tool_names)
    assert "- field-notes: 80%\n- forum: 80%" in asked.text


def test_a_recipe_has_five_repairs_and_the_rest_three(floor):
    answers(floor, in_order(text("no")))
    repairs = {role: decisions(floor[0][8][role])[-1].repairs for role in STAGES}
    assert repairs == dict.fromkeys(STAGES, 3) | {"data_curator": 5}


def test_notes_on_the_errors_outlive_a_verdict_that_never_fits(floor):
    def script(request: Request):
        if "VerdictDecision" not in request.tool_names:
            return scripted_reply(request)
        notes = {"other_word": "the word beside it is copied"}
        return call("VerdictDecision", {"verdict": "unsure", "note": "12 are fixed", "cluster_notes": notes})

    kept, playbook = answers(floor, script)[0]["evaluator"], floor[1][8]["evaluator"]
    assert isinstance(kept, Verdict)
    assert (kept.verdict, kept.decided_by) == (playbook.verdict, "playbook")
    assert kept.note.endswith("the model's note: 12 are fixed")
    assert kept.cluster_notes == {"other_word": "the word beside it is copied"}


def test_an_owner_who_wants_no_looks_gets_decisions_alone(floor):
    with ChatServer(scripted_reply) as server:
        policy = make_policy(server.base_url, **FAST)
        policy.own = OwnLimits(tools=0)
        assert decided(policy, "evaluator", floor[0][8]["evaluator"], 8) is not None
        assert [request.tool_names for request in server.requests] == [["VerdictDecision"]]
    assert decisions(floor[0][8]["evaluator"])[-1].decided_by == "llm"


def test_without_a_teacher_its_operations_are_not_offered(floor):
    _, requests = answers(floor, scripted_reply)
    asked = next(request for request in requests if "RecipeDecision" in request.tool_names)
    offered = {tool["function"]["name"]: json.dumps(tool) for tool in asked.body["tools"]}
    for name in ("RecipeDecision", "try_recipe"):
        assert '"deduplicate"' in offered[name]
        assert '"rephrase"' not in offered[name]


def test_what_roles_read_and_call_is_bounded(floor):
    _, requests = answers(floor, FaultyLLM(seed=5, share=0.6, kinds=("tool loop", "huge text")))
    assert max(len(request.text) for request in requests) < 90_000
