"""The Gymnasium door: spaces, reward and endings, and Gymnasium's own checker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from examples.random_search import play
from tests.support.cheap_run import quick_children
from tests.support.seats import TRAINING, play_one, seat_settings

gymnasium = pytest.importorskip("gymnasium")


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What an environment of the small task is made with."""
    return arguments(tmp_path, monkeypatch)


def arguments(folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    settings = seat_settings(folder)
    quick_children(patch, settings.task)
    return {
        "runs_dir": str(folder),
        "memory": "off",
        "answer_cache": "off",
        "max_rows": 200,
        "budget": "10m",
        "max_experiments": 1,
        "id": settings.task,
    }


@pytest.fixture
def env(given: dict[str, Any]) -> Iterator[Any]:
    made = ftdojo.make(**given)
    yield made
    made.close()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An environment whose episode has begun, for steps that change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        made = ftdojo.make(**arguments(tmp_path_factory.mktemp("begun"), patch))
        made.reset(seed=0)
        yield made.unwrapped
        made.close()


def asker(env: Any, last: dict[str, Any]) -> Any:
    """``ask(verb, arguments)`` on an environment; ``last`` gets what a step returned."""

    def ask(verb: str, arguments: Any) -> dict[str, Any]:
        seen, reward, terminated, truncated, info = env.step(
            {"verb": verb, "arguments": json.dumps(arguments)}
        )
        assert seen in env.observation_space
        last.update(reward=reward, terminated=terminated, truncated=truncated, info=info)
        standing = info["standing"]
        return {
            "ok": info["ok"],
            "text": seen["text"],
            "facts": json.loads(seen["facts"]),
            "standing": standing,
        }

    return ask


def test_gymnasiums_checker_finds_nothing(env: Any) -> None:
    from gymnasium.utils.env_checker import check_env

    check_env(env.unwrapped, skip_render_check=True)


def test_the_reward_is_what_was_confirmed_and_comes_with_the_submission(env: Any) -> None:
    seen, info = env.reset(seed=0)
    assert seen in env.observation_space
    assert "plan_experiment" in seen["text"]
    last: dict[str, Any] = {}
    ask = asker(env, last)
    play_one(ask)
    assert (last["reward"], last["terminated"], last["truncated"]) == (0.0, False, False)
    ask("submit", {})
    confirmation = ftdojo.journal(info["run_dir"]).confirmation
    assert confirmation is not None and confirmation.confirmed
    assert last["reward"] == confirmation.looks[-1].comparison.delta > 0
    assert (last["terminated"], last["truncated"]) == (True, False)
    with pytest.raises(gymnasium.error.ResetNeeded):
        ask("read_status", {})


def test_an_episode_whose_time_is_over_is_finished_and_submitted_for_the_agent(
    env: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, info = env.reset(seed=0)
    last: dict[str, Any] = {}
    ask = asker(env, last)
    source = ask("list_sources", {})["facts"]["sources"][0]["name"]
    ask("plan_experiment", {"hypothesis": "h", "sources": [source]})
    monkeypatch.setattr("tools.dojo.Dojo.remaining_budget_seconds", lambda self: -1.0)
    ask("train_model", {"experiment": "e01", "plan": TRAINING})
    assert (last["terminated"], last["truncated"], last["reward"]) == (False, True, 0.0)
    journal = ftdojo.journal(info["run_dir"])
    assert journal.ended is not None and journal.ended["outcome"] == "out_of_budget"
    assert journal.test_reads == 1


@pytest.mark.parametrize(
    "action",
    [
        {"verb": 999, "arguments": "{}"},
        {"verb": "train_model", "arguments": "{"},
        {"verb": "train_model", "arguments": "[" * 10_000},
        {"verb": "train_model", "arguments": "[1]"},
        {"verb": None},
        {"verb": "train_model", "arguments": '{"experiment": "e01", "plan": {"learning_rate": NaN}}'},
        {"verb": "run_data_recipe", "arguments": '{"experiment": "e01", "seed": %s}' % ("9" * 5000)},
        {"verb": "record_experience", "arguments": '{"experiment": "e01", "text": "\\ud800"}'},
        {"verb": "\ud800", "arguments": "{}"},
        {"verb": "list_sources", "reward": 100.0},
        "submit",
    ],
)
def test_nonsense_is_refused_in_one_line(begun: Any, action: Any) -> None:
    seen, reward, terminated, truncated, info = begun.step(action)
    assert not info["ok"]
    assert seen["text"].startswith("refused: ")
    assert "\n" not in seen["text"]
    assert (reward, terminated, truncated) == (0.0, False, False)


def test_environments_are_known_by_name(given: dict[str, Any]) -> None:
    import ftdojo.gym as public

    assert "ftdojo/aime25-mini-v0" in gymnasium.registry
    assert public.VERBS[-1] == "submit"
    with pytest.raises(ftdojo.InputError, match="did you mean ftdojo/aime25-mini-v0"):
        ftdojo.make("ftdojo/aime-mini-v0")
    with pytest.raises(ftdojo.InputError, match="not a duration"):
        ftdojo.make("ftdojo/aime25-mini-v0", budget="soon")


def test_several_runs_are_stepped_in_turn_and_wait_for_nobody(given: dict[str, Any]) -> None:
    from graph.doors.gym_env import make_vec

    task = given.pop("id")
    envs = make_vec([task], seeds=[0, 1], **given)
    _, info = envs.reset()
    assert len(set(info["run_dir"])) == 2
    verb = public_number("list_sources")
    seen, rewards, *_ = envs.step({"verb": [verb, verb], "arguments": ("{}", "{}")})
    assert len(seen["text"]) == 2
    assert list(rewards) == [0.0, 0.0]
    ledgers = [env.unwrapped.seat.referee.dojo.ledger for env in envs.envs]
    assert [ledger.pause() for ledger in ledgers] == [False, False]  # they stand still already
    envs.close()


def public_number(verb: str) -> int:
    from ftdojo.gym import VERBS

    return VERBS.index(verb)


def test_a_played_episode_becomes_a_row_of_a_conversation_data_set(env: Any) -> None:
    _, info = env.reset(seed=0)
    last: dict[str, Any] = {}
    play(asker(env, last), experiments=1)
    row = ftdojo.trajectory(info["run_dir"])
    assert (row["reward"], row["outcome"]) == (last["reward"], last["info"]["outcome"])
    roles = [message["role"] for message in row["messages"]]
    assert roles[:2] == ["system", "user"]
    assert set(roles[2::2]) == {"assistant"} and set(roles[3::2]) == {"tool"}
    assert "submit" in json.dumps(row["messages"][-2])
