"""Every door at once: the same agent, the same journal, the same caps, the same refusals."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from examples.random_search import play
from graph.bench.program import play_program
from graph.task_names import load_options, load_task
from tasks.load import load
from tests.conftest import ROOT
from tests.support.doors import DOORS, Door, open_door
from tests.support.seats import TRAINING, seat_settings, usable
from tools.verbs.calls import read_calls
from tools.verbs.referee import CLOSING, WORKING

TASKS = ("aime25", "tablebench_fact_checking", "panorama_noc4pc")


def told_of(run_dir: Path) -> list[Any]:
    """What the journal says, without what differs from run to run: times, measured seconds, paths."""
    journal = ftdojo.journal(run_dir)
    measured = ("usage", "heartbeat", "note", "run_started", "estimate")
    return [(event.kind, event.experiment) for event in journal.events if event.kind not in measured]


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The random search through every door, by door: journal, champion, scores."""
    found = {}
    for name in DOORS:
        with pytest.MonkeyPatch.context() as patch:
            folder = tmp_path_factory.mktemp(name)
            with open_door(name, patch, folder, max_experiments=2) as opened:
                last = play(opened.ask, experiments=5)
                found[name] = (opened, last, told_of(opened.run_dir))
    return found


def test_the_same_agent_leaves_the_same_journal_through_every_door(journals: dict[str, Any]) -> None:
    _, last, told = journals["python"]
    assert [kind for kind, _ in told].count("finished") == 2
    for name in DOORS[1:]:
        assert journals[name][2] == told, name
        for figure in ("base_test", "final_test", "gain", "kept", "discarded", "test_reads"):
            assert journals[name][1]["facts"][figure] == last["facts"][figure], (name, figure)


def test_a_program_that_is_started_at_the_door_leaves_the_same_journal(
    journals: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``mcp:COMMAND`` of the bench: the program finds the real door and speaks by the official client."""
    pytest.importorskip("mcp")
    monkeypatch.chdir(ROOT)
    settings = seat_settings(tmp_path, max_experiments=2)
    door = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.support.scripted_server",
        settings.model_dump_json(),
        "--http",
    ]
    play_program(f"{sys.executable} examples/random_search_mcp.py", settings, None, door)
    (run_dir,) = (path.parent for path in tmp_path.glob("*/run.json"))
    assert told_of(run_dir) == journals["python"][2]
    assert "test_reads: 1" in (tmp_path / "program.log").read_text(encoding="utf-8")
    assert not list(read_calls(run_dir))[-2]["ok"], "the third plan is refused: two were asked for"


def test_the_sealed_test_is_read_once_through_every_door(journals: dict[str, Any]) -> None:
    for name in DOORS:
        assert ftdojo.journal(journals[name][0].run_dir).test_reads == 1, name


def test_the_cap_on_experiments_holds_through_every_door(journals: dict[str, Any]) -> None:
    for name in DOORS:
        calls = list(read_calls(journals[name][0].run_dir))
        last_plan = [call for call in calls if call["verb"] == "plan_experiment"][-1]
        assert not last_plan["ok"], name
        assert "all 2 that were asked for are done" in last_plan["text"]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_the_agent_plays_other_tasks_as_well(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_door("python", monkeypatch, tmp_path, task, max_experiments=1) as opened:
        last = play(opened.ask, experiments=1)
    assert last["ok"], last["text"]
    assert ftdojo.journal(opened.run_dir).test_reads == 1


# ---- a hostile client


HILL: list[Any] = []
for _ in range(150):
    HILL = [HILL]
HOSTILE: dict[str, tuple[str, Any]] = {
    "a verb that is none": ("read_test", {}),
    "a path for a verb": ("../../submit", {}),
    "test rows as a source": ("sample_rows", {"source": "test"}),
    "test rows as an experiment": ("show_failures", {"experiment": "test"}),
    "the test's log": ("read_log", {"experiment": "base", "log": "test"}),
    "a forged id to train": ("train_model", {"experiment": "e07", "plan": TRAINING}),
    "a forged id to evaluate": ("evaluate_model", {"experiment": "e07"}),
    "a path for an id": ("evaluate_model", {"experiment": "../../../etc/passwd"}),
    "a forged id to finish": ("finish_experiment", {"experiment": "e99"}),
    "an id of its own": ("plan_experiment", {"hypothesis": "h", "sources": ["x"], "experiment": "e50"}),
    "a score of its own": ("finish_experiment", {"experiment": "e01", "outcome": "kept"}),
    "weights from elsewhere": (
        "plan_experiment",
        {"hypothesis": "h", "sources": ["SOURCE"], "init_from": "/etc", "parent": "/etc"},
    ),
    "a file outside": (
        "run_data_recipe",
        {
            "experiment": "e01",
            "operations": [{"op": "script_file", "purpose": "p", "file": "../../../../etc/passwd.txt"}],
        },
    ),
    "a test row by its number": ("sample_rows", {"source": "SOURCE", "split": "test"}),
    "the test's predictions": ("read_log", {"experiment": "base", "log": "../../test"}),
    "a recipe by a path": ("read_recipe", {"experiment": "../base"}),
    "a verb with an end": ("submit\x00", {}),
    "an id with a tail": ("evaluate_model", {"experiment": "base\n"}),
    "an id in other letters": ("finish_experiment", {"experiment": "\uff45\uff10\uff11"}),
    "an id that nobody gave": ("record_experience", {"experiment": "e01", "text": "I won"}),
    "a champion of its own": ("submit", {"champion": "e01"}),
    "a link for a file": (
        "run_data_recipe",
        {"experiment": "e01", "operations": [{"op": "script_file", "purpose": "p", "file": "link.py"}]},
    ),
    "a way through a folder": (
        "run_data_recipe",
        {"experiment": "e01", "operations": [{"op": "script_file", "purpose": "p", "file": "a/../../b.py"}]},
    ),
    "a way of another system": (
        "run_data_recipe",
        {"experiment": "e01", "operations": [{"op": "script_file", "purpose": "p", "file": "..\\b.py"}]},
    ),
    "unseen characters": (
        "plan_experiment",
        {"hypothesis": "h\x00\x1b[2J", "sources": ["\u202ekcart\x1b[31m\u2066"]},
    ),
    "weights that name nothing": (
        "plan_experiment",
        {"hypothesis": "h", "sources": ["SOURCE"], "weights": {"\x1b[31m\u202ex": 1.0}},
    ),
    "a number beyond all": ("train_model", {"experiment": "e01", "plan": {"learning_rate": 10**400}}),
    "a seed beyond all": ("run_data_recipe", {"experiment": "e01", "seed": 10**30}),
    "less than no rows": ("plan_experiment", {"hypothesis": "h", "sources": ["SOURCE"], "rows": -1}),
    "lessons of its own": ("plan_experiment", {"hypothesis": "h", "sources": ["SOURCE"], "lessons": ["a/b"]}),
    "a hill of lists": ("list_sources", {"x": HILL}),
    "a rate that is none": ("train_model", {"experiment": "e01", "plan": {"learning_rate": "fast"}}),
    "more time than there is": (
        "plan_experiment",
        {"hypothesis": "h", "sources": ["SOURCE"], "max_seconds": 1e9},
    ),
    "nonsense": ("list_sources", {"": None, "x": [[[]]]}),
    "a flood": ("plan_experiment", {"hypothesis": "h" * 300_000, "sources": ["x"]}),
}


@dataclass
class Episode:
    """One run through a door, from a client that does all that it should not; and what it was told."""

    door: Door
    at_once: list[Any]
    """Answers to one question that six threads asked."""
    hostile: dict[str, Any]
    """Answers by the name of what was asked."""
    before: list[Any]
    """What the journal told before, and after."""
    after: list[Any]
    last: Mapping[str, Any]
    """The answer to the submission."""
    ended: list[Any]
    """What the journal told then."""
    late: dict[str, Any]
    """Answers after it by verb; none of Gymnasium, whose episode is over."""


@pytest.fixture(scope="module", params=DOORS)
def episode(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Episode]:
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch, open_door(request.param, patch, folder) as door:
        source = usable(door.ask)[0]
        at_once = asked_at_once(door, source)
        (door.run_dir / "agent" / "link.py").symlink_to(__file__)
        before, hostile, late = told_of(door.run_dir), {}, {}
        for what, (verb, arguments) in HOSTILE.items():
            given = json.loads(json.dumps(arguments).replace("SOURCE", source))
            hostile[what] = door.ask(verb, given)
        after = told_of(door.run_dir)
        last = play(door.ask, experiments=1)
        ended = told_of(door.run_dir)
        if door.name != "gymnasium":
            for verb in (*WORKING, *CLOSING):
                id = {} if verb in ("submit", "plan_experiment") else {"experiment": "e01"}
                late[verb] = door.ask(verb, id)
        yield Episode(door, at_once, hostile, before, after, last, ended, late)


def asked_at_once(door: Door, source: str) -> list[Any]:
    """Six answers to one question."""
    answers: list[Any] = []
    started = threading.Barrier(6)

    def ask() -> None:
        started.wait()
        answers.append(door.ask("profile_source", {"name": source}))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_hostile_client_is_refused_in_one_line_and_the_run_stays_whole(episode: Episode) -> None:
    settings = seat_settings(episode.door.run_dir.parent)
    data = load(load_task(settings.task, "mini"), "user", settings.seed, load_options(settings))
    sealed = [sample.prompt for sample in data.load_test()]
    for what, said in episode.hostile.items():
        assert not said["ok"], (what, said["text"])
        assert "\n" not in said["text"], what
        assert said["text"].isprintable(), what
        assert len(said["text"]) < 1_000, what
        assert settings.runs_dir not in said["text"], what
        assert not [prompt for prompt in sealed if prompt[:60] in said["text"]], what
    assert episode.after == episode.before
    assert episode.last["ok"], episode.last["text"]
    journal = ftdojo.journal(episode.door.run_dir)
    assert [done.outcome for done in journal.experiments()] in (["kept"], ["discarded"])
    assert journal.test_reads == 1


def test_after_the_submission_only_looking_is_answered(episode: Episode) -> None:
    door = episode.door
    if door.name == "gymnasium":
        with pytest.raises(Exception, match="the episode is over"):
            door.ask("read_experiment", {"experiment": "e01"})
        return
    for verb, said in episode.late.items():
        assert not said["ok"], verb
        assert "\n" not in said["text"]
    assert "has ended" in episode.late["submit"]["text"]
    assert door.ask("read_experiment", {"experiment": "e01"})["ok"]
    assert told_of(door.run_dir) == episode.ended
    assert ftdojo.journal(door.run_dir).test_reads == 1


def test_a_client_that_asks_two_things_at_once_is_refused_one_of_them(episode: Episode) -> None:
    assert len(episode.at_once) == 6
    assert any(answer["ok"] for answer in episode.at_once)
    for answer in episode.at_once:
        assert answer["ok"] or "is under way" in answer["text"]


def test_a_client_that_oversteps_its_time_may_only_finish_and_submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_door("python", monkeypatch, tmp_path) as door:
        source = usable(door.ask)[0]
        assert door.ask("plan_experiment", {"hypothesis": "h", "sources": [source]})["ok"]
        assert door.ask("run_data_recipe", {"experiment": "e01"})["ok"]
        monkeypatch.setattr("tools.dojo.Dojo.remaining_budget_seconds", lambda self: -1.0)
        late = door.ask("train_model", {"experiment": "e01", "plan": TRAINING})
        assert late["text"].startswith("refused: train_model: the time for experiments is over")
        assert door.ask("submit", {})["text"].startswith("refused: experiment e01: is under way")
        assert door.ask("finish_experiment", {"experiment": "e01"})["facts"]["outcome"] == "failed"
        last = door.ask("submit", {})
        assert last["facts"]["outcome"] == "out_of_budget"
    assert ftdojo.journal(door.run_dir).test_reads == 1
