"""A whole run that a language model drives: real HTTP, curation and training, a scripted server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ftdojo
from graph.run import resume
from memory.records import Decision, Usage
from tasks.custom.folder import write_example
from tests.support.loopback_chat import ChatServer
from tests.support.scripted_llm import scripted_reply
from tests.support.small_run import SOURCE_ROWS
from tests.support.tiny_model import make_tiny_model

KEY = "sk-very-secret-0123456789"
SENTINEL = "QZX-SEALED-7741"
ROLES = {"planner", "data_curator", "training_engineer", "evaluator", "diagnostician"}


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory):
    """A folder task whose sealed rows carry a marker, whose pool leaks some of them, and a tiny model."""
    folder = tmp_path_factory.mktemp("wheel")
    task = folder / "units"
    write_example(task)
    for name, count in (("validation.jsonl", 24), ("test.jsonl", 24)):
        rows = [json.loads(line) for line in (task / name).read_text(encoding="utf-8").splitlines()[:count]]
        if name == "test.jsonl":
            for row in rows:
                row["question"] = f"{row['question']} ({SENTINEL})"
        _write(task / name, rows)
        if name == "test.jsonl":
            leaked = rows
    for number, source in enumerate(sorted((task / "train").rglob("*.jsonl"))):
        pool = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()[:SOURCE_ROWS]]
        _write(source, pool if number else [*leaked[:12], *pool])
    return task, make_tiny_model(folder / "model")


def _write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def driven(task_and_model, tmp_path_factory):
    """One run of three experiments, and every request that it made."""
    task, model = task_and_model
    folder = tmp_path_factory.mktemp("driven")
    with pytest.MonkeyPatch.context() as patch, ChatServer(scripted_reply) as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        summary = ftdojo.run(
            str(task),
            base_model=str(model),
            budget="10m",
            max_rows=64,
            max_experiments=3,
            memory="off",
            runs_dir=str(folder / "runs"),
            policy="llm",
            model="openai:scripted",
        )
        requests = list(server.requests)
    return summary, ftdojo.journal(folder / "runs" / str(summary["run"])), requests


def test_every_role_decides_through_the_model(driven):
    _, journal, _ = driven
    decisions = [Decision.model_validate(e.data) for e in journal.events if e.kind == "decision"]
    assert {decision.role for decision in decisions} == ROLES
    assert {decision.decided_by for decision in decisions} == {"llm"}
    assert {decision.role for decision in decisions if decision.tools_called} == ROLES
    assert all(e.plan.decided_by == "llm" for e in journal.experiments())


def test_the_run_ends_as_any_other(driven):
    summary, journal, _ = driven
    assert summary["policy"] == "llm"
    assert summary["outcome"] == "max_experiments"
    assert len(journal.experiments()) == 3
    assert journal.counts()["failed"] == 0
    assert summary["test_reads"] == 1


def test_every_call_is_in_the_ledger(driven):
    _, journal, requests = driven
    usages = [Usage.model_validate(event.data) for event in journal.events if event.kind == "usage"]
    assert len(usages) == len(requests)
    assert {usage.role for usage in usages} == ROLES
    assert all(usage.input_tokens > 0 for usage in usages)


def test_the_key_travels_in_the_header_and_stands_nowhere_else(driven):
    _, journal, requests = driven
    assert all(request.headers["Authorization"] == f"Bearer {KEY}" for request in requests)
    assert not any(KEY in json.dumps(request.body) for request in requests)
    files = [path for path in journal.path.parent.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path.name for path in files if KEY.encode() in path.read_bytes()] == []


def test_sealed_rows_reach_neither_prompts_nor_the_journal_before_the_end(driven):
    _, journal, requests = driven
    assert not any(SENTINEL in json.dumps(request.body) for request in requests)
    opened = next(event.seq for event in journal.events if event.kind == "test_opened")
    assert not any(SENTINEL in json.dumps(event.data) for event in journal.events[:opened])


def test_a_server_that_is_gone_leaves_the_run_to_the_playbook(task_and_model, tmp_path):
    task, model = task_and_model
    events: list[dict] = []
    with ChatServer(scripted_reply) as server:
        gone = server.base_url
    summary = ftdojo.run(
        str(task),
        on_event=events.append,
        base_model=str(model),
        budget="10m",
        max_rows=32,
        max_experiments=1,
        memory="off",
        runs_dir=str(tmp_path / "runs"),
        policy="llm",
        model="openai:scripted",
        base_url=gone,
    )
    journal = ftdojo.journal(tmp_path / "runs" / str(summary["run"]))
    decisions = [Decision.model_validate(e.data) for e in journal.events if e.kind == "decision"]
    assert {decision.decided_by for decision in decisions} == {"playbook"}
    assert all(decision.problems for decision in decisions)
    streamed = [Decision.model_validate(e["data"]) for e in events if e["kind"] == "decision"]
    assert streamed == decisions
    assert len(journal.experiments()) == 1


def test_a_cap_ends_the_run_in_order(task_and_model, tmp_path):
    task, model = task_and_model
    with ChatServer(scripted_reply) as server:
        summary = ftdojo.run(
            str(task),
            base_model=str(model),
            budget="10m",
            max_rows=32,
            max_experiments=5,
            memory="off",
            runs_dir=str(tmp_path / "runs"),
            policy="llm",
            model="openai:scripted",
            base_url=server.base_url,
            max_tokens=30_000,
        )
    assert summary["outcome"] == "out_of_budget"
    assert "tokens" in str(summary["reason"])
    assert summary["test_reads"] == 1
    with pytest.raises(ftdojo.InputError, match="has already finished"):
        resume(tmp_path / "runs" / str(summary["run"]))
