"""The whole loop on a small folder task: real curation, real TRL, real Chroma, one reading of the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ftdojo
from memory.journal.log import Journal
from tests.support.small_run import make_task_and_model, run_arguments

LIMITS = {"max_rows": 120, "max_experiments": 3, "budget": "10m"}


@pytest.fixture(scope="module")
def task_and_model(tmp_path_factory):
    return make_task_and_model(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def finished_run(task_and_model, tmp_path_factory):
    """One run of the bundled model to its end, with the events that were streamed."""
    task, _ = task_and_model
    folder = tmp_path_factory.mktemp("finished")
    events = []
    summary = ftdojo.run(
        str(task),
        runs_dir=str(folder / "runs"),
        memory=str(folder / "memory"),
        on_event=events.append,
        **LIMITS,
    )
    return summary, events, folder


def test_a_run_ends_with_every_key_of_the_summary(finished_run):
    summary, _, _ = finished_run
    assert summary["outcome"] == "max_experiments"
    assert summary["kept"] + summary["discarded"] + summary["failed"] == 3
    assert summary["failed"] == 0
    assert summary["base_test"]["n"] == summary["final_test"]["n"] == 24
    assert summary["test_reads"] == 1
    assert Path(summary["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_a_run_returns_has_typed_figures_and_a_champion_that_answers(finished_run):
    run, _, folder = finished_run
    assert isinstance(run, ftdojo.Run)
    assert run.run_dir == folder / "runs" / run.name
    assert run.final_test.value - run.base_test.value == pytest.approx(run.gain)
    assert sum(run.clock_seconds.values()) == pytest.approx(run.wall_seconds, rel=0.05)
    assert run.report.parent == run.run_dir
    assert (run.champion / "config.json").is_file()
    assert len(run.generate(["3 weeks = how many days? Answer with the number."] * 2)) == 2
    assert dict(ftdojo.Run.open(run.run_dir)) == dict(run)


def test_all_five_roles_speak(finished_run):
    _, events, _ = finished_run
    roles = {event["data"]["role"] for event in events if event["kind"] == "stage"}
    assert roles >= {"planner", "data_curator", "training_engineer", "evaluator", "diagnostician"}


def test_the_sealed_test_is_opened_once_after_the_choice(finished_run):
    summary, _, folder = finished_run
    journal = ftdojo.journal(folder / "runs" / summary["run"])
    kinds = [event.kind for event in journal.events]
    assert kinds.count("test_opened") == 1
    order = ("candidate_chosen", "confirmation", "champion_chosen", "test_opened", "test_evaluation")
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    assert "finished" not in kinds[kinds.index("test_opened") :]


def test_no_test_row_reached_the_training_data(finished_run, task_and_model):
    summary, _, folder = finished_run
    held_out = [
        json.loads(line)["question"]
        for name in ("test.jsonl", "validation.jsonl")
        for line in (task_and_model[0] / name).read_text(encoding="utf-8").splitlines()
    ]
    written = list((folder / "runs" / summary["run"] / "data").glob("*.jsonl"))
    rows = "".join(path.read_text(encoding="utf-8") for path in written if "removed" not in path.name)
    assert rows
    assert not [question for question in held_out if question in rows]


def test_every_experiment_left_a_lesson_that_a_second_run_can_recall(finished_run):
    summary, _, folder = finished_run
    lessons = [json.loads(line) for line in (folder / "memory" / "lessons.jsonl").read_text().splitlines()]
    assert [lesson["id"] for lesson in lessons] == [f"{summary['run']}/e{n:02d}" for n in (1, 2, 3)]


def test_a_second_run_starts_from_a_lesson_of_the_first(finished_run, task_and_model):
    first, _, folder = finished_run
    second = ftdojo.run(
        str(task_and_model[0]),
        runs_dir=str(folder / "runs"),
        memory=str(folder / "memory"),
        budget="10m",
        max_rows=48,
        max_experiments=1,
    )
    plan = ftdojo.journal(folder / "runs" / str(second["run"])).plan("e01")
    assert plan.lessons[0].startswith(f"{first['run']}/")
    assert plan.lessons[0] in plan.reason


def test_the_champion_is_a_loadable_model_with_a_card(finished_run):
    summary, _, folder = finished_run
    assert summary["kept"] >= 1
    champion = Path(summary["champion"])
    assert folder in champion.parents
    from tools.models.base_model import resolve_base_model

    assert resolve_base_model(str(champion)).parameters > 10_000
    assert "FT-Dojo" in (champion / "README.md").read_text(encoding="utf-8")


def test_a_finished_run_cannot_be_resumed(finished_run):
    summary, _, folder = finished_run
    with pytest.raises(ftdojo.InputError, match="already finished"):
        ftdojo.resume(folder / "runs" / summary["run"])


def test_the_compiled_graph_can_be_invoked_without_the_command_line(task_and_model, tmp_path):
    task, model = task_and_model
    settings = ftdojo.settings(
        str(task),
        base_model=str(model),
        runs_dir=str(tmp_path),
        memory="off",
        budget="10m",
        max_rows=32,
        max_experiments=1,
    )
    result = ftdojo.build_graph().invoke({}, context=settings)
    assert result["ending"] == "max_experiments"
    assert result["summary"]["test_reads"] == 1


def test_a_model_that_learned_nothing_is_neither_claimed_nor_exported(task_and_model, tmp_path):
    run = ftdojo.run(**run_arguments(task_and_model, tmp_path))
    assert run["champion"] == "base"
    assert run["confirmation"]["text"].startswith("no gain could be confirmed")
    assert (run.gain, run.p_value, run.test_reads) == (0.0, None, 1)
    assert not (run.run_dir / "champion").exists()
    assert "the base model stands and nothing is claimed" in run.report.read_text(encoding="utf-8")


SLOW = ("plan", "card", "comparison", "champion_chosen")
LATER = [pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW]


@pytest.mark.parametrize("after", ["training", "candidate_chosen", *LATER])
def test_kill_9_and_resume_loses_and_repeats_nothing(task_and_model, tmp_path, after):
    task, model = task_and_model
    command = [sys.executable, "-m", "graph", "run", str(task), "--base-model", str(model)]
    command += ["--runs-dir", str(tmp_path), "--memory", "off", "--budget", "10m"]
    command += ["--max-rows", "32", "--max-experiments", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, start_new_session=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    run_dir = _wait_for(tmp_path, after, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished_before = [e.id for e in Journal.open(run_dir / "journal.jsonl", write=False).experiments()]

    summary = ftdojo.resume(run_dir)

    journal = ftdojo.journal(run_dir)
    ids = [event.experiment for event in journal.events if event.kind == "finished"]
    assert ids == ["e01", "e02"]
    assert ids[: len(finished_before)] == finished_before
    assert summary["kept"] + summary["discarded"] + summary["failed"] == 2
    assert sum(event.kind == "test_opened" for event in journal.events) == 1


def _wait_for(runs_dir: Path, kind: str, process: subprocess.Popen[bytes], seconds: float = 170.0) -> Path:
    """The run's folder, once its journal holds an event of a kind."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in runs_dir.glob("*/journal.jsonl"):
            if f'"kind":"{kind}"' in path.read_text(encoding="utf-8"):
                return path.parent
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    raise AssertionError(f"no {kind} within {seconds} s")


def test_a_training_tells_its_steps_to_whoever_watches_and_not_to_the_journal(finished_run):
    summary, events, folder = finished_run
    told = [event["kind"] for event in events if event.get("experiment") == "e01"]
    first, last = told.index("progress"), len(told) - 1 - told[::-1].index("progress")
    assert first < last < told.index("training")
    steps = [event["data"]["step"] for event in events if event["kind"] == "progress"]
    training = ftdojo.journal(folder / "runs" / summary["run"]).training("e01")
    assert training is not None
    assert training.steps in steps
    kinds = {event.kind for event in ftdojo.journal(folder / "runs" / summary["run"]).events}
    assert "progress" not in kinds
