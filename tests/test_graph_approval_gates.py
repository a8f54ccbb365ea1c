"""A person in the loop: questions before plan, data and training; edits, rejections, kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import ftdojo
from graph import session as sessions
from graph.approval import gates
from graph.cli.app import app
from graph.forking.fork import fork
from graph.run import WAITING, approve, resume, run
from memory.records import Approval
from tasks.errors import InputError, InvalidDecision
from tests.support.small_run import make_task_and_model, run_arguments, run_settings
from tools.checks.plan import check_plan
from tools.process.worker import Worker

APPROVE, REJECT = {"verdict": "approve"}, {"verdict": "reject", "note": "not today"}
BAD_SOURCE = {"verdict": "edit", "changes": {"sources": ["no-such-source"]}}
FEWER_ROWS = {"verdict": "edit", "changes": {"rows": 24, "hypothesis": "24 rows are enough"}}
SLOWER = {"verdict": "edit", "changes": {"learning_rate": 0.0005}, "note": "it was jumpy"}
ALL = ("plan", "data", "train")
JOURNEY = [
    *("maybe", BAD_SOURCE, FEWER_ROWS, APPROVE, SLOWER),  # e01: asked again twice, then trained
    *(REJECT, APPROVE, REJECT),  # e02: planned anew, its data rejected
    *(APPROVE, APPROVE, REJECT),  # e03: its training rejected
]


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory):
    return make_task_and_model(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def journey(task_and_model, tmp_path_factory):
    """One run of three experiments with every answer there is: (summary, journal, questions, clocks)."""
    runs = tmp_path_factory.mktemp("journey")
    questions, waited, answers, opened = [], [], iter(JOURNEY), []
    made = sessions.start

    def started(*asked):
        opened.append(made(*asked))
        return opened[-1]

    def answer(question):
        ledger = opened[0].dojo.ledger
        before = ledger.elapsed_seconds
        time.sleep(0.02)
        waited.append(ledger.elapsed_seconds - before)
        questions.append(question)
        return next(answers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "start", started)
        summary = run(run_settings(task_and_model, runs, approve=ALL, max_experiments=3), None, answer)
    return summary, ftdojo.journal(runs / str(summary["run"])), questions, waited


def test_every_stage_asks_and_says_what_it_does_and_costs(journey):
    _, _, questions, _ = journey
    stages = [question["stage"] for question in questions]
    assert stages == ["plan"] * 3 + ["data", "train"] + ["plan"] * 2 + ["data", "plan", "data", "train"]
    plan, data, train = questions[0], questions[3], questions[4]
    assert plan["does"]["hypothesis"] and plan["does"]["sources"]
    assert 0 < plan["costs"]["experiment_budget_seconds"] <= plan["costs"]["seconds_left"] <= 600
    assert any(words.startswith("decontaminate") for words in data["does"]["operations"])
    assert data["costs"]["raw_rows"] == sum(data["does"]["sources"].values()) > 0
    assert train["costs"]["steps"] == train["proposal"]["max_steps"] > 0
    assert 0 < train["costs"]["peak_gib"] <= train["costs"]["available_gib"]
    assert json.loads(json.dumps(questions)) == questions


def test_a_bad_answer_is_asked_again_and_nothing_is_lost(journey):
    _, _, questions, _ = journey
    first, second, third = questions[:3]
    assert first["problem"] == ""
    assert "verdict" in second["problem"]
    assert "no-such-source" in third["problem"]
    assert first["proposal"] == second["proposal"] == third["proposal"]


def test_an_edit_becomes_the_record(journey):
    _, journal, questions, _ = journey
    plan, training = journal.plan("e01"), journal.training_plan("e01")
    assert (plan.rows, plan.hypothesis) == (24, "24 rows are enough")
    assert plan.sources == tuple(questions[0]["proposal"]["sources"])
    assert journal.card("e01").rows <= 24
    assert training.learning_rate == 0.0005
    assert training.hyperparameters_from == "a person"
    assert journal.training("e01").steps == training.max_steps


def test_a_rejected_plan_is_planned_anew_and_rejected_work_is_a_diagnosed_failure(journey):
    summary, journal, questions, _ = journey
    assert questions[5]["experiment"] == questions[6]["experiment"] == "e02"
    e02, e03 = journal.experiments()[1:]
    assert (e02.failure.stage, e02.failure.code, e02.card) == ("data", "rejected", None)
    assert (e03.failure.stage, e03.failure.code, e03.training) == ("train", "rejected", None)
    assert "not today" in e03.failure.message
    assert e02.diagnosis.next_move == "change_sources"
    assert summary["failed"] == 2


def test_what_the_person_said_is_in_the_journal_once_each(journey):
    _, journal, questions, _ = journey
    said = [Approval.model_validate(e.data) for e in journal.events if e.kind == "approval"]
    verdicts = [(each.stage, each.verdict) for each in said]
    assert verdicts[:3] == [("plan", "edit"), ("data", "approve"), ("train", "edit")]
    assert len(said) == len(questions) - 2
    assert said[2].note == "learning_rate = 0.0005; it was jumpy"


def test_the_clocks_stand_still_while_the_run_waits(journey):
    _, _, questions, waited = journey
    assert waited == [0.0] * len(questions)


@pytest.fixture
def at_start(journey, tmp_path, monkeypatch):
    """A fork of the journey before its first plan; what does not train need not load the libraries."""
    monkeypatch.setattr(Worker, "warm", lambda worker: None)
    return fork(journey[1].path.parent, "base", tmp_path / "runs")


def test_a_plan_rejected_twice_in_a_row_ends_the_run_in_order(at_start):
    summary = resume(at_start, None, lambda question: REJECT)
    assert summary["outcome"] == "stuck"
    assert summary["test_reads"] == 1
    journal = ftdojo.journal(at_start)
    assert "rejected the plan of e01 2 times" in journal.ended["reason"]
    assert journal.plan("e01") is None


def test_a_kill_right_after_the_record_asks_nobody_again(at_start, monkeypatch):
    write = gates._let_through

    def dies(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(gates, "_let_through", dies)
    with pytest.raises(KeyboardInterrupt):
        resume(at_start, None, lambda question: FEWER_ROWS)
    monkeypatch.setattr(gates, "_let_through", write)
    asked = []
    waiting = resume(at_start, None, asked.append)
    assert [question["stage"] for question in asked] == ["data"]
    assert waiting["outcome"] == WAITING
    journal = ftdojo.journal(at_start)
    assert [e.kind for e in journal.events if e.kind in ("approval", "plan")] == ["approval", "plan"]
    assert journal.plan("e01").rows == 24
    assert [path.name for path in at_start.parent.iterdir()] == [at_start.name]


def test_a_kill_right_after_a_rejection_counts_it_once(at_start, monkeypatch):
    reject = gates._reject

    def dies(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(gates, "_reject", dies)
    with pytest.raises(KeyboardInterrupt):
        resume(at_start, None, lambda question: REJECT)
    monkeypatch.setattr(gates, "_reject", reject)
    waiting = resume(at_start)
    assert waiting["question"]["stage"] == "plan"
    journal = ftdojo.journal(at_start)
    assert sum(event.kind == "approval" for event in journal.events) == 1
    assert journal.ended is None


WAITS = """
import json, sys, time, ftdojo

def answer(question):
    print(question["run"], flush=True)
    time.sleep(600)

ftdojo.run(**json.loads(sys.argv[1]), answer=answer)
"""


def test_a_run_killed_while_it_waits_resumes_at_its_question(task_and_model, tmp_path):
    options = run_arguments(task_and_model, tmp_path / "runs", approve=["plan", "data"])
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, json.dumps(options)],
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    run_dir = tmp_path / "runs" / process.stdout.readline().strip()  # told once the question is asked
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    waiting = resume(run_dir)
    assert waiting["outcome"] == WAITING
    assert waiting["question"]["stage"] == "plan"

    arguments = ["approve", str(run_dir), "--edit", '{"rows": 20}']
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "waits: e01: go ahead with this recipe?" in result.output
    assert f"ftdojo approve {run_dir} --reject 'why not'" in result.output
    assert ftdojo.journal(run_dir).plan("e01").rows == 20


def test_only_a_waiting_run_takes_an_answer(journey, at_start):
    with pytest.raises(InputError, match="does not wait for an answer"):
        approve(at_start, APPROVE)
    with pytest.raises(InputError, match="already finished"):
        approve(journey[1].path.parent, APPROVE)
    with pytest.raises(InputError, match="changes: an edit names the fields"):
        approve(at_start, {"verdict": "edit"})


@pytest.mark.parametrize(
    ("said", "verdict"),
    [("approve", "approve"), (' {"verdict": "reject", "note": "x"}', "reject"), (FEWER_ROWS, "edit")],
)
def test_an_answer_may_be_a_word_json_or_a_mapping(said, verdict):
    assert gates.read_answer(said).verdict == verdict


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        1,
        True,
        "",
        "{",
        "yes",
        {},
        {"verdict": "approve", "changes": {"rows": 1}},
        {"verdict": "edit"},
    ],
)
def test_what_is_no_answer_is_refused_in_one_line(said):
    with pytest.raises(InvalidDecision) as refusal:
        gates.read_answer(said)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("stage", "changes", "wrong"),
    [
        ("plan", {"rows": -1}, "rows"),
        ("plan", {"rows": 10_000}, "at most"),
        ("plan", {"max_seconds": 1e9}, "max_seconds"),
        ("plan", {"max_seconds": float("nan")}, "max_seconds"),
        ("plan", {"parent": "e77"}, "parent"),
        ("plan", {"init_from": "../../x"}, "init_from"),
        ("plan", {"experiment": "e02"}, "cannot be changed"),
        ("plan", {"colour": "red"}, "unknown"),
        ("plan", {"sources": []}, "sources"),
        ("data", {"operations": [{"op": "select", "sources": ["nowhere"]}, {"op": "cap"}]}, "operations"),
        ("data", {"operations": "all of them"}, "operations"),
        ("train", {"learning_rate": 7}, "learning_rate"),
        ("train", {"timeout_seconds": 1e7}, "timeout_seconds"),
        ("train", {"init_from": "e09"}, "init_from"),
    ],
)
def test_an_edit_that_cannot_be_done_is_refused_with_its_field(journey, dojo, stage, changes, wrong):
    question = next(q for q in journey[2] if q["stage"] == stage)
    gate = {"plan": gates.PLAN, "data": gates.DATA, "train": gates.TRAIN}[stage]
    record = gate.record.model_validate(question["proposal"])
    with pytest.raises(InvalidDecision, match=wrong):
        gates.changed(dojo, "e01", record, changes)


def test_steps_and_epochs_stay_in_step_when_a_person_changes_one(journey, dojo):
    question = next(q for q in journey[2] if q["stage"] == "train")
    record = gates.TRAIN.record.model_validate(question["proposal"])
    rows, batch = dojo.journal.card("e01").rows, record.per_device_train_batch_size
    longer = gates.changed(dojo, "e01", record, {"num_train_epochs": 4.0})
    assert longer.max_steps == max(1, round(4.0 * rows / batch))
    shorter = gates.changed(dojo, "e01", record, {"max_steps": 2})
    assert shorter.num_train_epochs == pytest.approx(2 * batch / rows, abs=1e-3)


@pytest.fixture(scope="module")
def dojo(journey, tmp_path_factory):
    """The Dojo of a fork after the first experiment."""
    session = sessions.reopen(fork(journey[1].path.parent, "e01", tmp_path_factory.mktemp("fork")))
    yield session.dojo
    session.close()


def test_an_edit_changes_one_thing_and_the_draft_s_own_faults_are_not_the_persons(journey, dojo):
    question = next(q for q in journey[2] if q["stage"] == "plan")
    first = gates.PLAN.record.model_validate(question["proposal"])
    later = {"experiment": "e02", "parent": "e01", "init_from": "e01", "change": "hyperparameters"}
    record = first.model_copy(update=later)
    wider = tuple(dojo.pool)
    assert set(wider) != set(record.sources)
    with pytest.raises(InvalidDecision, match="change one thing at a time"):
        gates.changed(dojo, "e02", record, {"sources": wider})
    one = gates.changed(dojo, "e02", record, {"sources": wider, "change": "sources"})
    assert one.sources == wider
    # A draft that says `first` in a run that has begun: its wording may still be changed.
    assert gates.changed(dojo, "e02", first, {"reason": "in other words"}).reason == "in other words"


def test_a_person_reads_the_words_that_a_model_would(journey, dojo):
    question = next(q for q in journey[2] if q["stage"] == "plan")
    record = gates.PLAN.record.model_validate(question["proposal"])
    wrong = record.model_copy(update={"experiment": "e02", "change": "sources", "rows": 10_000})
    with pytest.raises(InvalidDecision) as person:
        gates.changed(dojo, "e02", record, {"change": "sources", "rows": 10_000})
    with pytest.raises(InvalidDecision) as model:
        check_plan(dojo, wrong)
    assert str(person.value) == str(model.value) == "rows: at most 32 in this run, not 10000"
