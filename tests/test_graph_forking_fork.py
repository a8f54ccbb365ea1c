"""Forks by command, and forks that LangGraph's own time travel asks for; the first run stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import ftdojo
from graph.build import build_graph
from graph.forking.fork import SEALED_KINDS, fork
from graph.run import resume
from graph.session import OpenRuns
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.small_run import make_task_and_model, run_settings
from tools.process.worker import Worker

APPROVE, REJECT = {"verdict": "approve"}, {"verdict": "reject", "note": "enough"}
UNTOLD = ("heartbeat", "note", "evidence")
CONFIG = {"configurable": {"thread_id": "one"}, "recursion_limit": 1000}


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory):
    return make_task_and_model(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def travelled(task_and_model, tmp_path_factory):
    """A finished run of three experiments, the first one trained: (graph, folder)."""
    runs = OpenRuns()
    graph = build_graph(InMemorySaver(), runs)
    options = run_settings(
        task_and_model, tmp_path_factory.mktemp("first"), approve=["train"], max_experiments=3
    )
    result = graph.invoke({}, CONFIG, context=options)
    for answer in (APPROVE, REJECT, REJECT):
        assert result["__interrupt__"][0].value["stage"] == "train"
        result = graph.invoke(Command(resume=answer), CONFIG)
    assert result["summary"]["outcome"] == "max_experiments"
    with runs:
        yield graph, Path(result["run_dir"])


@pytest.fixture
def first(travelled, monkeypatch):
    """The first run's folder; whatever the test does, not a byte of its journal changes."""
    monkeypatch.setattr(Worker, "warm", lambda worker: None)  # most tests train nothing
    run_dir = travelled[1]
    before = (run_dir / "journal.jsonl").read_bytes()
    yield run_dir
    assert (run_dir / "journal.jsonl").read_bytes() == before


def _at(graph, **wanted):
    """The earliest state of the thread that waits before a node, with these values."""
    node = wanted.pop("node")
    states = [
        state
        for state in graph.get_state_history(CONFIG)
        if state.next == (node,) and all(state.values.get(key) == value for key, value in wanted.items())
    ]
    return states[-1]


def _kinds(run_dir: Path) -> list[tuple[str, str | None]]:
    events = ftdojo.journal(run_dir).events
    return [(event.kind, event.experiment) for event in events if event.kind not in UNTOLD]


def test_a_fork_shares_the_past_and_nothing_of_the_end(first, tmp_path):
    run_dir = fork(first, "e01", tmp_path)
    old, new = ftdojo.journal(first), ftdojo.journal(run_dir)
    assert run_dir.name == f"{first.name}-fork-1"
    assert new.info.run == run_dir.name
    assert [event.seq for event in new.events] == list(range(len(new.events)))
    assert [done.id for done in new.experiments()] == ["e01"]
    assert new.experiments()[0] == old.experiments()[0]
    assert not {event.kind for event in new.events} & SEALED_KINDS
    assert f"forked from {first.name} after e01" in new.notes
    finished = next(event for event in old.events if event.kind == "finished")
    assert new.clocks == finished.clocks
    assert new.next_experiment_id() == "e02"


def test_a_forks_files_are_those_of_its_records_without_the_sealed_ones(first, tmp_path):
    run_dir = fork(first, "e01", tmp_path)
    names = {path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()}
    assert (first / "experiments/base/test.jsonl").exists()
    assert not [name for name in names if "test" in name]
    assert "experiments/base/validation.jsonl" in names
    assert any(name.startswith("experiments/e01/model/") for name in names)
    assert not [name for name in names if name.startswith(("experiments/e02", "champion", "report"))]
    assert ftdojo.journal(run_dir).card("e01").path in names
    assert "checkpoints.sqlite" not in names


def test_a_fork_goes_on_where_it_was_made_and_reads_its_test_once(first, tmp_path):
    run_dir = fork(first, "e02", tmp_path, budget_seconds=900.0)
    stages = []
    summary = resume(run_dir, None, lambda question: stages.append(question["experiment"]) or REJECT)
    assert stages == ["e03"]
    assert summary["run"] == run_dir.name
    assert summary["test_reads"] == 1
    journal = ftdojo.journal(run_dir)
    assert journal.info.budget_seconds == 900.0
    assert [done.id for done in journal.experiments()] == ["e01", "e02", "e03"]
    assert sum(kind == "evaluation" and of == "base" for kind, of in _kinds(run_dir)) == 1


def test_a_fork_of_a_fork_is_counted_with_the_first(first, tmp_path):
    one = fork(first, "base", tmp_path)
    two = fork(one, "base", tmp_path)
    assert two.name == f"{first.name}-fork-2"
    assert _kinds(two) == [("run_started", None), ("evaluation", "base")]


def test_a_fork_needs_a_finished_experiment(first, tmp_path):
    with pytest.raises(InputError, match=r"e09: is not finished .* e03"):
        fork(first, "e09", tmp_path)
    with pytest.raises(InputError):
        fork(tmp_path / "nowhere", "e01", tmp_path)
    assert not list(tmp_path.glob("*-fork-*"))


def test_a_replay_from_an_earlier_checkpoint_goes_on_in_a_fork(travelled, first):
    graph, _ = travelled
    past = _at(graph, node="planner", finished=1)
    result = graph.invoke(None, past.config)
    forked = Path(result["run_dir"])
    assert forked.name.startswith(f"{first.name}-fork-")
    assert result["__interrupt__"][0].value["experiment"] == "e02"
    result = graph.invoke(Command(resume=REJECT), CONFIG)
    result = graph.invoke(Command(resume=REJECT), CONFIG)
    assert Path(result["run_dir"]) == forked
    assert result["summary"]["run"] == forked.name
    assert result["summary"]["test_reads"] == 1
    assert [done.id for done in ftdojo.journal(forked).experiments()] == ["e01", "e02", "e03"]


def test_an_earlier_question_answered_differently_is_a_fork_before_it(travelled, first):
    graph, _ = travelled
    past = _at(graph, node="approve_train", experiment="e01")
    result = graph.invoke(None, past.config)
    assert result["__interrupt__"][0].value["experiment"] == "e01"
    result = graph.invoke(Command(resume=REJECT), CONFIG)
    forked = Path(result["run_dir"])
    assert forked != first
    journal = ftdojo.journal(forked)
    assert journal.failure("e01").code == "rejected"
    assert journal.training("e01") is None
    assert result["__interrupt__"][0].value["experiment"] == "e02"


def test_a_state_edited_in_the_past_is_what_the_fork_does(travelled, first):
    graph, _ = travelled
    past = _at(graph, node="approve_plan", experiment="e02")
    draft = past.values["draft"] | {"hypothesis": "a person knows better"}
    config = graph.update_state(past.config, {"draft": draft}, as_node="planner")
    result = graph.invoke(None, config)
    forked = Path(result["run_dir"])
    assert ftdojo.journal(forked).plan("e02").hypothesis == "a person knows better"
    assert ftdojo.journal(first).plan("e02").hypothesis != "a person knows better"
    assert [kind for kind in _kinds(forked) if kind[0] == "finished"] == [("finished", "e01")]


def test_a_draft_that_a_person_broke_is_wrong_input(travelled, first):
    graph, _ = travelled
    past = _at(graph, node="approve_plan", experiment="e02")
    config = graph.update_state(past.config, {"draft": {"rows": "many"}}, as_node="planner")
    with pytest.raises(InputError, match="draft"):
        graph.invoke(None, config)


def test_after_the_test_was_read_the_run_can_only_finish(travelled, first):
    graph, _ = travelled
    last = next(
        s for s in graph.get_state_history(CONFIG) if s.next == () and s.values["run_dir"] == str(first)
    )
    config = graph.update_state(last.config, {"ending": "", "reason": ""}, as_node="diagnostician")
    result = graph.invoke(None, config)
    assert result["run_dir"] == str(first)
    assert result["summary"]["test_reads"] == 1
    Journal.open(first / "journal.jsonl").close()


def test_experiments_after_the_test_was_read_belong_to_a_fork(travelled, first):
    graph, _ = travelled
    last = next(
        s for s in graph.get_state_history(CONFIG) if s.next == () and s.values["run_dir"] == str(first)
    )
    plan = ftdojo.journal(first).plan("e03").model_dump(mode="json") | {"experiment": "e04"}
    update = {"ending": "", "reason": "", "experiment": "e04", "draft": plan}
    result = graph.invoke(None, graph.update_state(last.config, update, as_node="planner"))
    forked = Path(result["run_dir"])
    journal = ftdojo.journal(forked)
    assert forked != first
    assert journal.test_reads == 0
    assert journal.plan("e04") is not None
    (noted,) = [event.data for event in journal.events if "parent_test_reads" in event.data]
    assert noted["parent_test_reads"] == 1
