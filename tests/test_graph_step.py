"""A step opens its run once, tells what it did, and closes the run when it fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ftdojo
from graph import session as sessions
from graph.run import resume, run
from graph.session import OpenRuns
from graph.step import Step, as_node
from memory.journal.log import Journal
from tasks.errors import HarnessFault, InputError
from tests.support.small_run import make_task_and_model, run_settings
from tools.dojo import Dojo
from tools.process.worker import Worker


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory):
    return make_task_and_model(tmp_path_factory.mktemp("task_and_model"))


@pytest.fixture
def runs(monkeypatch):
    monkeypatch.setattr(Worker, "warm", lambda worker: None)  # nothing is trained here
    with OpenRuns() as runs:
        yield runs


def taken(runs: OpenRuns, run_dir: Path, work: Any) -> tuple[dict, list[dict]]:
    """What one step changes, and what it told."""
    told: list[dict] = []
    node = as_node("planner", work, runs)
    return node({"run_dir": str(run_dir)}, SimpleNamespace(stream_writer=told.append, context=None)), told


def test_steps_of_one_graph_share_the_open_run(runs, task_and_model, tmp_path, monkeypatch):
    session = runs.start(run_settings(task_and_model, tmp_path))
    monkeypatch.setattr(sessions, "reopen", lambda *asked: pytest.fail("opened again"))
    seen = []

    def work(step: Step) -> dict:
        step.tell("note", None, {"text": "here"})
        seen.append(step.session)
        return {}

    changed, told = taken(runs, session.run_dir, work)
    taken(runs, session.run_dir, work)
    assert seen == [session, session]
    assert changed["journal_events"] == len(session.dojo.journal.events)
    assert changed["run_dir"] == str(session.run_dir)
    assert changed["happened"] == "here" and changed["messages"][0].name == "planner"
    assert (told[0]["kind"], told[0]["run_dir"]) == ("note", str(session.run_dir))


def test_another_graph_cannot_write_into_a_run_that_is_open(runs, task_and_model, tmp_path):
    session = runs.start(run_settings(task_and_model, tmp_path))
    with OpenRuns() as others, pytest.raises(InputError, match="written by another"):
        others.open(session.run_dir)
    session.close()
    with OpenRuns() as others:
        assert others.open(session.run_dir).settings == session.settings


@pytest.mark.parametrize(
    "error", [HarnessFault("the disk is full"), ZeroDivisionError(), KeyboardInterrupt()]
)
def test_a_step_that_fails_closes_its_run(runs, task_and_model, tmp_path, error):
    run_dir = runs.start(run_settings(task_and_model, tmp_path)).run_dir

    def work(step: Step) -> dict:
        raise error

    ours = isinstance(error, HarnessFault) or not isinstance(error, Exception)
    with pytest.raises(type(error) if ours else HarnessFault) as caught:
        taken(runs, run_dir, work)
    journal = Journal.open(run_dir / "journal.jsonl")  # raises where somebody still holds it
    journal.close()
    faulty = isinstance(caught.value, HarnessFault)
    assert journal.ended == ({"outcome": "harness_fault", "reason": str(caught.value)} if faulty else None)
    # A bug of ours is one line for the user; its traceback lies in the run's folder.
    assert (run_dir / "fault.log").exists() == isinstance(error, ZeroDivisionError)


def test_a_run_that_cannot_be_opened_leaves_nothing_open(task_and_model, tmp_path, monkeypatch):
    closed = []
    close = Worker.close
    monkeypatch.setattr(Worker, "close", lambda worker: closed.append(worker) or close(worker))

    def unreadable(memory: str) -> None:
        raise InputError(memory, "cannot be read", "choose another folder")

    monkeypatch.setattr(sessions, "_store", unreadable)
    with OpenRuns() as runs, pytest.raises(InputError, match="cannot be read"):
        runs.start(run_settings(task_and_model, tmp_path / "runs"))
    assert len(closed) == 1
    assert not list((tmp_path / "runs").glob("*/journal.jsonl"))


@pytest.mark.timeout(400)
def test_the_node_that_took_a_step_tells_it_and_a_fault_can_be_resumed(task_and_model, tmp_path, monkeypatch):
    told: list[dict] = []
    with monkeypatch.context() as patch:
        patch.setattr(Dojo, "train", lambda *given: (_ for _ in ()).throw(HarnessFault("no space")))
        with pytest.raises(HarnessFault):
            run(run_settings(task_and_model, tmp_path), told.append)
    kinds = [event["kind"] for event in told if event["kind"] not in ("stage", "note")]
    assert kinds == ["run_started", "evaluation", "plan", "recipe", "card", "training_plan"]
    roles = [event["data"]["role"] for event in told if event["kind"] == "stage"]
    assert kinds.count("plan") == 1 and roles[-1] == "training_engineer"
    run_dir = Path(told[0]["run_dir"])
    assert ftdojo.journal(run_dir).ended["outcome"] == "harness_fault"
    again: list[dict] = []

    def watch(event: dict) -> None:
        again.append(event)
        if event["kind"] == "stage":
            raise KeyboardInterrupt  # far enough: the step that failed is taken anew

    with pytest.raises(KeyboardInterrupt):
        resume(run_dir, watch)
    assert [event["kind"] for event in again] == ["run_started", "plan", "stage"]
    assert again[-1]["data"]["role"] == "training_engineer"
    Journal.open(run_dir / "journal.jsonl").close()
