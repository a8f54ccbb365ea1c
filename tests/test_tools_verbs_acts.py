"""Acts: one hand for the graph's nodes and for agents, and the rules that hold for both."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graph.approval import gates
from graph.nodes import STAGES, train
from memory.journal.log import BASE
from memory.records import Plan, Training, TrainingPlan
from tasks.errors import DiskFull, ExperimentFailed, InputError, InvalidDecision
from tests.support.progress_records import card
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.test_architecture import ROOT, SOURCES
from tests.test_graph_nodes import step
from tools import disk
from tools.verbs.acts import Acts
from tools.verbs.referee import Referee

SOURCE = "field-notes"
DOERS = {"curate", "probe", "train", "evaluate", "answers", "audit", "record"}
"""Of a Dojo: what makes something, or spends the run's time."""
RECORDED = (
    *(
        "plan",
        "recipe",
        "card",
        "training_plan",
        "training",
        "evaluation",
        "comparison",
        "forgetting",
        "failure",
    ),
    *(
        "lesson",
        "finished",
        "candidate_chosen",
        "confirmation",
        "champion_chosen",
        "test_opened",
        "test_reopened",
    ),
    *("test_evaluation", "test_comparison", "run_ended"),
)
"""Lines of a journal that acts leave."""
HANDS = {
    "tools/verbs/acts.py": "the acts",
    "tools/dojo.py": "what they stand on",
    "tools/sealed_test.py": "what they stand on",
    "tools/checks/claim_tests.py": "what they stand on",
    "tools/checks/forgetting.py": "what they stand on",
    "graph/ahead.py": "what free workers begin, in a journal of what may come",
    "tools/toolkit/results.py": "a role's tool, which asks a trained model about rows of the sources",
}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """File, call and text of what is called, in everything that is no program of a developer's."""
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name.startswith(("tools/bench", "tools/pretraining")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield name, node, ast.unparse(node.func)


def test_nodes_and_verbs_have_no_other_hand_than_the_acts() -> None:
    found = {
        f"{name}: {called}"
        for name, call, called in calls()
        if called.rpartition(".")[2] in DOERS and called.rpartition(".")[0].endswith("dojo")
    }
    assert {each.partition(":")[0] for each in found} - set(HANDS) == set()
    assert {"tools/verbs/acts.py: self._dojo.train", "tools/verbs/acts.py: self._dojo.evaluate"} <= found


def test_what_acts_record_is_recorded_by_them_alone() -> None:
    outside, seen = [], set()
    for name, call, called in calls():
        if not called.endswith("journal.append") or not call.args:
            continue
        kind = ast.unparse(call.args[0])
        recorded = [each for each in RECORDED if repr(each) in kind]
        seen.update(recorded)
        if name not in HANDS and (recorded or not isinstance(call.args[0], ast.Constant)):
            outside.append(f"{name}:{call.lineno} {kind}")
    assert outside == []
    assert {"plan", "training", "evaluation", "run_ended"} <= seen
    finished = {name for name, _, called in calls() if called.endswith("journal.finish")}
    assert finished == {"tools/verbs/acts.py"}


def test_the_confirmation_and_the_sealed_test_are_read_by_the_acts_alone() -> None:
    readers, openers = set(), set()
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            taken = ast.unparse(node) if isinstance(node, ast.Import | ast.ImportFrom) else ""
            if "claim_tests" in taken:
                readers.add(name)
    for name, _, called in calls():
        if called.endswith("test.open"):
            openers.add(name)
    assert readers == {"tools/verbs/acts.py"}
    assert openers == {"tools/checks/claim_tests.py"}


# ---- the rules


@pytest.fixture
def dojo(tmp_path: Path) -> Iterator[StillDojo]:
    """A run of one finished experiment."""
    made = make_dojo(tmp_path / "run", 1)
    yield made
    made.journal.close()


def plan_of(experiment: str, **others: Any) -> Plan:
    given: dict[str, Any] = {
        "experiment": experiment,
        "parent": "e01",
        "hypothesis": "longer is better",
        "reason": "it was cut short",
        "change": "duration",
        "expected_gain": 2.0,
        "sources": (SOURCE,),
        "max_seconds": 60.0,
        "init_from": "e01",
    }
    return Plan.model_validate(given | others)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"sources": ("elsewhere",)}, "is no source"),
        ({"init_from": "e07", "parent": "e07"}, "no trained weights"),
        ({"parent": "e07"}, "no finished experiment"),
        ({"weights": {"elsewhere": 1.0}}, "not among the plan's sources"),
        ({"rows": 10**9}, "at most"),
    ],
)
def test_a_plan_names_what_is_there_whoever_made_it(
    dojo: StillDojo, others: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidDecision, match=said):
        Acts(dojo).plan(plan_of("e02", **others))
    assert dojo.journal.plan("e02") is None


def test_one_experiment_is_under_way_its_id_is_the_next_and_there_are_no_more_than_were_asked_for(
    dojo: StillDojo,
) -> None:
    acts = Acts(dojo)
    with pytest.raises(InputError, match="it is e02"):
        acts.plan(plan_of("e05"))
    acts.plan(plan_of("e02"))
    acts.plan(plan_of("e02"))  # a node may run twice
    with pytest.raises(InputError, match="e02: is under way"):
        acts.plan(plan_of("e03"))
    acts.finish("e02")
    dojo.max_experiments = 2
    with pytest.raises(InputError, match="all 2 that were asked for are done"):
        acts.may_plan()
    acts.plan(plan_of("e03"))  # the graph asks its own rules for an ending, and a fork may go beyond


def test_nothing_new_is_begun_once_the_champion_is_being_chosen(dojo: StillDojo) -> None:
    acts = Acts(dojo)
    acts.plan(plan_of("e02"))
    acts.choose({"outcome": "stuck", "reason": "nothing is left"})
    for act in (
        lambda: acts.plan(plan_of("e03")),
        lambda: acts.train("e02", TrainingPlan(init_from="e01")),
        lambda: acts.evaluate("e02"),
    ):
        with pytest.raises(InputError, match="has chosen its champion"):
            act()
    assert acts.evaluate(BASE) == dojo.journal.evaluation(BASE)


def test_a_full_disk_fails_no_experiment_whoever_plays(
    dojo: StillDojo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent's run stops and can be opened again, as one of the graph can be resumed."""
    acts, referee = Acts(dojo), Referee(dojo)
    acts.plan(plan_of("e02"))
    dojo.journal.append("card", card((SOURCE,)), "e02")

    def lost(*given: object) -> Training:
        raise ExperimentFailed("train", "crashed", "the process ended by signal 7 without a result")

    asked = {"experiment": "e02", "plan": {"learning_rate": 1e-3, "per_device_train_batch_size": 8}}
    with monkeypatch.context() as patch:
        patch.setattr(dojo, "train", lost)
        patch.setattr(disk, "free_bytes", lambda folder: 0)
        with pytest.raises(DiskFull, match="ftdojo resume"):
            acts.train("e02", TrainingPlan(init_from="e01"))  # it is not even begun
        patch.setattr(disk, "require", lambda *given: None)
        with pytest.raises(DiskFull, match="signal 7"):
            referee.call("train_model", asked)
    assert dojo.journal.failure("e02") is None and dojo.journal.unfinished() == "e02"
    monkeypatch.setattr(dojo, "train", lost)
    assert "closed as failed" in referee.call("train_model", asked).text


def test_the_size_of_a_runs_folder_holds_for_an_agent_too(dojo: StillDojo) -> None:
    acts = Acts(dojo)
    dojo.max_disk_gb = 1000.0
    acts.may_plan()
    dojo.max_disk_gb = 1e-6
    with pytest.raises(InputError, match=r"--max-disk-gb 1e-06 leaves no room for another.*call submit"):
        acts.may_plan()


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (TrainingPlan(init_from=BASE), "init_from: the plan of e02 starts from e01"),
        (TrainingPlan(init_from="e01", learning_rate=0.9), "learning_rate: 0.9 is out of range"),
        (TrainingPlan(init_from="e01", per_device_train_batch_size=1024), "at most the"),
    ],
)
def test_arguments_that_do_not_fit_fail_an_experiment_of_the_graph_too(
    dojo: StillDojo, training: TrainingPlan, said: str
) -> None:
    Acts(dojo).plan(plan_of("e02"))
    dojo.journal.append("card", card((SOURCE,)), "e02")
    with pytest.raises(InvalidDecision, match=said):
        Acts(dojo).train("e02", training)
    Acts(dojo).settle("e02", training)
    told: list[dict[str, Any]] = []
    here = step("train", dojo, told)
    here.state["experiment"] = "e02"
    here.session.audience = lambda *of: None  # type: ignore[method-assign, assignment, return-value]
    assert train(here)["failed"] is True
    failure = dojo.journal.failure("e02")
    assert failure is not None
    assert (failure.stage, failure.code) == ("train", "rejected")
    assert said in failure.message


def test_a_draft_of_the_state_that_names_what_is_not_there_is_a_failure_on_record(dojo: StillDojo) -> None:
    here = step("approve_plan", dojo, [])
    draft = plan_of("e02", sources=("elsewhere",)).model_dump(mode="json")
    here.state.update(experiment="e02", draft=draft)  # type: ignore[typeddict-item]
    here.session.settings = type("Settings", (), {"approve": ()})()  # type: ignore[assignment]
    gates.approve_plan(here)
    failure = dojo.journal.failure("e02")
    assert failure is not None
    assert failure.code == "rejected" and "is no source" in failure.message


def test_every_node_that_may_fail_knows_its_stage() -> None:
    tree = ast.parse((ROOT / "graph" / "nodes.py").read_text(encoding="utf-8"))
    guarded = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and "_guarded" in map(ast.unparse, node.decorator_list)
    }
    assert guarded == set(STAGES)
