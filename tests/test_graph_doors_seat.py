"""The Python door: an agent plays a run through the verbs, under the rules and in the journal of any run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from graph.doors.seat import Seat, reopen_seat
from tests.support.seats import TRAINING, play_one, seat_at, usable
from tools.report.story import story_page
from tools.verbs.calls import read_calls
from tools.verbs.referee import VERBS


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seat, list[Any]]]:
    """A run that an agent played to its end: one experiment, then the submission; with every answer."""
    answers: list[Any] = []
    with (
        pytest.MonkeyPatch.context() as patch,
        seat_at(patch, tmp_path_factory.mktemp("runs"), max_experiments=2) as seat,
    ):

        def ask(verb: str, arguments: Any) -> dict[str, Any]:
            answers.append(seat.ask(verb, arguments))
            return answers[-1].plain()

        play_one(ask)
        ask("submit", {"reason": "enough"})
        yield seat, answers


def test_every_answer_carries_what_is_left_and_who_leads(played: tuple[Seat, list[Any]]) -> None:
    _, answers = played
    assert all(answer.ok for answer in answers), [answer.text for answer in answers if not answer.ok]
    assert all(0 <= answer.standing["seconds_left"] < 600 for answer in answers)
    for answer in answers[:-1]:
        assert answer.standing["incumbent"] in ("base", "e01")
        assert answer.standing["low"] <= answer.standing["score"] <= answer.standing["high"]
        assert "s left" in answer.text.splitlines()[-1]
    assert answers[-2].standing["experiments_left"] == 1


def test_an_agents_experiment_is_an_experiment_like_any(played: tuple[Seat, list[Any]]) -> None:
    seat, _ = played
    journal = seat.journal
    done = journal.experiments()[0]
    assert (done.id, done.plan.decided_by, journal.info.policy) == ("e01", "agent", "agent")
    assert done.recipe and done.card and done.training and done.evaluation and done.comparison
    assert done.outcome in ("kept", "discarded")
    assert done.training_plan is not None and done.training_plan.decided_by == "agent"
    assert journal.stage("e01", "lesson") is not None
    assert (seat.run_dir / "report.html").is_file()
    assert "An outside agent decides" in story_page(journal)


def test_the_sealed_test_is_read_once_by_submit_and_nothing_follows(played: tuple[Seat, list[Any]]) -> None:
    seat, answers = played
    assert seat.journal.test_reads == 1
    assert answers[-1].facts["test_reads"] == 1
    assert answers[-1].facts["outcome"] == "submitted"
    assert "the agent submits: enough" in answers[-1].facts["reason"]
    for verb, arguments in (("submit", {}), ("list_sources", {}), ("evaluate_model", {"experiment": "e01"})):
        again = seat.ask(verb, arguments)
        assert again.ok == (verb == "list_sources")
    assert seat.journal.test_reads == 1


def test_a_run_of_an_agent_is_not_gone_on_with_by_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seat_at(monkeypatch, tmp_path) as seat:
        sources = usable(lambda verb, given: seat.ask(verb, given).plain())[:1]
        assert seat.call("plan_experiment", hypothesis="h", sources=sources).ok
    with pytest.raises(ftdojo.InputError, match="is an agent's run"):
        ftdojo.resume(seat.run_dir)
    with reopen_seat(seat.run_dir) as again:
        assert again.standing.experiment == "e01"
        assert again.call("run_data_recipe", experiment="e01").ok
        assert again.call("train_model", experiment="e01", plan=TRAINING).ok
        assert again.call("finish_experiment", experiment="e01").facts["outcome"] == "failed"
        assert again.call("submit").ok
    with pytest.raises(ftdojo.InputError, match="has ended"):
        reopen_seat(seat.run_dir)


def spend(run_dir: Path, seconds: float) -> None:
    """Let a run have gone on for so long."""
    (run_dir / "clocks.json").write_text(json.dumps({"think": seconds, "elapsed": seconds}))


@pytest.mark.parametrize("begun", [False, True])
def test_an_agent_whose_time_is_over_when_it_comes_back_can_still_finish_and_submit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """Its run began in time: what it has made is not thrown away because no second experiment would fit."""
    with seat_at(monkeypatch, tmp_path) as seat:
        if begun:
            sources = usable(lambda verb, given: seat.ask(verb, given).plain())[:1]
            assert seat.call("plan_experiment", hypothesis="h", sources=sources).ok
            assert seat.call("run_data_recipe", experiment="e01").ok
            assert seat.call("train_model", experiment="e01", plan=TRAINING).ok
            assert seat.call("evaluate_model", experiment="e01").ok
    spend(seat.run_dir, 10_000.0)
    with reopen_seat(seat.run_dir) as again:
        assert again.standing.experiment == ("e01" if begun else None)
        if begun:
            assert again.call("finish_experiment", experiment="e01").facts["outcome"] == "kept"
        submitted = again.call("submit")
        assert submitted.ok, submitted.text
        assert again.summary["outcome"] == "out_of_budget" and again.summary["kept"] == begun
        assert again.summary["test_reads"] == 1


def test_a_run_that_was_killed_behind_its_last_line_gets_its_summary_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seat_at(monkeypatch, tmp_path) as seat:
        assert seat.call("submit").ok
    file = seat.run_dir / "summary.json"
    before = json.loads(file.read_text())
    file.unlink()
    with pytest.raises(ftdojo.InputError, match=r"has ended \(submitted\)"):
        reopen_seat(seat.run_dir)
    after = json.loads(file.read_text())
    assert {key: after[key] for key in ("outcome", "claim", "final_test", "test_reads", "champion")} == {
        key: before[key] for key in ("outcome", "claim", "final_test", "test_reads", "champion")
    }


def test_a_second_verb_is_refused_while_one_works_and_the_status_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    with seat_at(monkeypatch, tmp_path) as seat:
        profiles = dict(seat.referee.dojo.profiles())

        def slow() -> dict[str, Any]:
            begun.set()
            go_on.wait(20)
            return profiles

        monkeypatch.setattr(seat.referee.dojo, "profiles", slow)
        first: list[Any] = []
        thread = threading.Thread(target=lambda: first.append(seat.call("list_sources")))
        thread.start()
        assert begun.wait(20)
        second, status = seat.call("sample_rows", source="x"), seat.call("read_status")
        go_on.set()
        thread.join()
        assert first[0].ok and status.ok
        assert second.text.startswith("refused: sample_rows: list_sources is under way")
        assert "list_sources is under way since" in status.text
        assert seat.call("read_status").facts["under_way"] is None
        assert str(first[0]) == first[0].text


LOOP: list[Any] = []
LOOP.append(LOOP)
NO_JSON: dict[str, tuple[Any, Any]] = {
    "no verb": (None, {}),
    "a list of verbs": (["submit"], {}),
    "a list of arguments": ("profile_source", ["name"]),
    "a text of arguments": ("profile_source", "name"),
    "a rate that is no number": (
        "train_model",
        {"experiment": "e01", "plan": {"learning_rate": float("nan")}},
    ),
    "time without end": ("plan_experiment", {"max_seconds": float("inf")}),
    "a number of 5,000 digits": ("run_data_recipe", {"experiment": "e01", "seed": 10**5000}),
    "half a character": ("record_experience", {"experiment": "e01", "text": "\ud800"}),
    "a verb of half a character": ("\ud800", {}),
    "names that are none": ("list_sources", {1: 2, None: 3}),
    "a loop": ("profile_source", {"name": LOOP}),
    "a thing": ("profile_source", {"name": object()}),
}


@pytest.mark.parametrize("what", NO_JSON)
def test_what_is_no_json_is_refused_in_one_line_and_stays_a_line_of_the_calls(
    played: tuple[Seat, list[Any]], what: str
) -> None:
    seat, _ = played
    events, (verb, arguments) = len(seat.journal.events), NO_JSON[what]
    said = seat.ask(verb, arguments)
    assert not said.ok
    assert said.text.startswith("refused: ") and said.text.isprintable()
    assert len(seat.journal.events) == events
    assert list(read_calls(seat.run_dir))[-1]["text"] == said.text


def test_a_training_that_fails_is_recorded_and_ends_its_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.cheap_run.DIVERGES_FROM", 0.0)
    with seat_at(monkeypatch, tmp_path) as seat:
        sources = usable(lambda verb, given: seat.ask(verb, given).plain())[:1]
        seat.call("plan_experiment", hypothesis="h", sources=sources)
        seat.call("run_data_recipe", experiment="e01")
        said = seat.call("train_model", experiment="e01", plan=TRAINING)
        assert not said.ok
        assert said.text.startswith("failed: train: diverged: the loss is nan")
        assert "e01 is closed as failed" in said.text
        assert said.standing["experiments_done"] == 1
        failure = seat.journal.failure("e01")
        assert failure is not None and failure.code == "diverged"


def test_the_verbs_are_named_once_and_described(played: tuple[Seat, list[Any]]) -> None:
    seat, _ = played
    assert tuple(schema.name for schema in seat.verbs) == VERBS
    for schema in seat.verbs:
        for name, argument in schema.parameters()["properties"].items():
            assert argument["description"], (schema.name, name)


def test_who_knows_no_verb_and_no_argument_can_go_on_with_what_a_refusal_says(
    played: tuple[Seat, list[Any]],
) -> None:
    seat, _ = played
    unknown = seat.ask("train", {}).text
    assert all(verb in unknown for verb in VERBS)
    assert seat.ask("submitt", {}).text.count("did you mean submit?") == 1
    wanting = seat.ask("plan_experiment", {}).text
    assert wanting.startswith("refused: plan_experiment: hypothesis: is missing; sources: is missing")


def test_a_second_experiment_that_names_no_change_is_told_which_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seat_at(monkeypatch, tmp_path) as seat:
        source = usable(lambda verb, given: seat.ask(verb, given).plain())[0]
        blank = seat.call("plan_experiment", hypothesis=" \n", sources=[source])
        assert blank.text.startswith("refused: hypothesis: is blank")
        seat.call("plan_experiment", hypothesis="h", sources=[source])
        seat.call("finish_experiment", experiment="e01")
        said = seat.call("plan_experiment", hypothesis="h", sources=[source])
        assert "sources, operations, data, method, hyperparameters, duration" in said.text
