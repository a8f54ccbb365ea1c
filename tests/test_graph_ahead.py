"""Experiments begun ahead: two seats, the decisions and the journal of one, and what a lost worker costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graph import executors
from graph.run import run
from graph.settings import make_settings
from memory.journal.log import Journal
from tasks.errors import ExperimentFailed, InputError
from tests.support import cheap_run
from tests.support.cheap_run import QuickWorker, quick_children
from tests.support.side_by_side import Looks, decisions, first_difference, make_looks, task_of

SOURCES = 4
LONG = 120.0
"""Seconds after which a test has failed anyway."""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return task_of(tmp_path_factory.mktemp("many") / "task", SOURCES)


@pytest.fixture(scope="module")
def one(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Looks:
    """What one worker decides: whatever two do is held against it."""
    with pytest.MonkeyPatch.context() as patch:
        quick_children(patch, task)
        return looks(task, tmp_path_factory.mktemp("one"), 1)


@pytest.fixture
def children(task: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[QuickWorker]]:
    monkeypatch.setattr(executors, "cpu_count", lambda: 4)
    worker = quick_children(monkeypatch, task)
    monkeypatch.setattr(executors, "machine", lambda: Cpu())
    yield worker
    worker.watch = None


class Cpu:
    gpus: tuple[str, ...] = ()


def looks(task: Path, folder: Path, workers: int) -> Looks:
    return make_looks(task, folder / f"runs{workers}", workers, SOURCES)


def trains(function: str, payload: dict[str, Any], experiment: str) -> bool:
    return function.endswith(":train") and Path(payload["out_dir"]).parent.name == experiment


def test_two_workers_train_at_once_and_decide_and_journal_as_one_does(
    task: Path, one: Looks, children: type[QuickWorker], tmp_path: Path
) -> None:
    second = threading.Event()
    trained: list[str] = []

    def watch(function: str, payload: dict[str, Any]) -> None:
        if function.endswith(":train"):
            trained.append(Path(payload["out_dir"]).parent.name)
        if trains(function, payload, "e02"):
            second.set()
        if trains(function, payload, "e01"):
            assert second.wait(LONG), "e02 was not begun beside e01"

    children.watch = watch
    two = looks(task, tmp_path, 2)
    assert first_difference(one.decisions, two.decisions) == ""
    assert sorted(set(trained))[:SOURCES] == ["e01", "e02", "e03", "e04"]
    assert len(trained) == len(set(trained))
    assert not two.repeated


def test_the_order_in_which_workers_end_decides_nothing(
    task: Path, one: Looks, children: type[QuickWorker], tmp_path: Path
) -> None:
    answered = threading.Event()

    def watch(function: str, payload: dict[str, Any]) -> None:
        if function.endswith(":answer_sets") and "/e03/" in payload["model_dir"]:
            answered.set()
        if trains(function, payload, "e01"):
            assert answered.wait(LONG), "e03 was not answered before e01 was trained"

    children.watch = watch
    two = looks(task, tmp_path, 2)
    assert first_difference(one.decisions, two.decisions) == ""


def test_a_lost_worker_costs_its_experiment_alone_which_is_done_once_more(
    task: Path, one: Looks, children: type[QuickWorker], tmp_path: Path
) -> None:
    struck: list[str] = []

    def watch(function: str, payload: dict[str, Any]) -> None:
        if trains(function, payload, "e02") and not struck:
            struck.append("e02")
            raise ExperimentFailed("train", "crashed", "killed from outside (signal 9)")

    children.watch = watch
    two = looks(task, tmp_path, 2)
    assert struck
    assert two.repeated == ["the train job of e02 is done once more: killed from outside (signal 9)"]
    assert first_difference(one.decisions, two.decisions) == ""


def whole_run(task: Path, runs: Path, workers: int) -> Journal:
    settings = make_settings(
        task=str(task),
        runs_dir=str(runs),
        budget_seconds="2h",
        memory="off",
        answer_cache="off",
        max_experiments=SOURCES + 3,
        workers=workers,
    )
    summary = run(settings)
    journal = Journal.open(runs / str(summary["run"]) / "journal.jsonl", write=False)
    folders = {path.name for path in (journal.path.parent / "experiments").iterdir()} - {"base"}
    assert folders == {experiment.id for experiment in journal.experiments()}
    return journal


def test_a_whole_run_on_two_workers_ends_as_on_one(
    task: Path, children: type[QuickWorker], tmp_path: Path
) -> None:
    journals = [whole_run(task, tmp_path / f"runs{workers}", workers) for workers in (1, 2)]
    assert sum(e.plan.steps > 0 for e in journals[0].experiments()) >= SOURCES
    one, two = ([each[:2] for each in decisions(journal, len(journal.events))] for journal in journals)
    assert first_difference(one, two) == ""


def test_what_a_look_makes_needless_is_ended_and_cleared_away(
    task: Path, children: type[QuickWorker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look is so good that the round ends: the second experiment is none that was begun."""
    monkeypatch.setattr(cheap_run, "FIRST_SKILL", 0.9)
    second = threading.Event()
    steps: list[int] = []

    def watch(function: str, payload: dict[str, Any]) -> None:
        if trains(function, payload, "e02"):
            steps.append(int(payload["plan"]["max_steps"]))
            second.set()
        if trains(function, payload, "e01"):
            assert second.wait(LONG), "e02 was not begun beside e01"

    children.watch = watch
    journal = whole_run(task, tmp_path / "runs", 2)
    first, after = journal.experiments()[:2]
    assert first.plan.steps and not after.plan.steps
    assert len(steps) == 2 and first.training_plan is not None and after.training_plan is not None
    assert steps == [first.training_plan.max_steps, after.training_plan.max_steps]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workers": 5}, "there are 4 cores here"),
        ({"workers": 2, "approve": ("train",)}, "cannot be begun ahead"),
        ({"workers": 2, "policy": "all-data"}, "only the playbook's looks"),
    ],
)
def test_workers_that_would_have_nothing_to_do_are_refused(
    task: Path, children: type[QuickWorker], tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    settings = make_settings(task=str(task), runs_dir=str(tmp_path), memory="off", **given)
    with pytest.raises(InputError, match=words):
        run(settings)


@pytest.mark.parametrize("name", ["ray:", "slurm", "local:x", ""])
def test_an_executor_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="executor"):
        make_settings(executor=name)
