"""The referee's answers to calls that do not fit: refused or failed, told how to mend them, nothing done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.records import TrainingPlan
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import StillDojo, make_dojo
from tools.checks.training import check_arguments
from tools.sandbox import run
from tools.verbs import referee as referee_module
from tools.verbs.calls import FILE, read_calls
from tools.verbs.referee import Referee

SOURCE = "forum"
BROKEN = "def transform(row):\n    return row['x']"


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillDojo]:
    made = make_dojo(tmp_path_factory.mktemp("runs"), 3)
    yield made
    made.journal.close()


@pytest.fixture(scope="module")
def referee(dojo: StillDojo) -> Referee:
    return Referee(dojo)


def test_an_argument_is_read_under_its_old_name_and_its_new_one(referee: Referee, dojo: StillDojo) -> None:
    new = referee.call("profile_source", {"source": SOURCE})
    old = referee.call("profile_source", {"name": SOURCE})
    assert new.ok and old.ok and old.facts == new.facts
    assert list(referee.schemas["profile_source"].arguments.model_fields) == ["source"]
    both = referee.call("profile_source", {"source": SOURCE, "name": SOURCE})
    assert not both.ok and "name: there is no such argument" in both.text


def test_a_call_of_an_earlier_version_is_read_by_its_new_names(tmp_path: Path) -> None:
    line = {"arguments": {"name": "a"}, "verb": "profile_source", "text": "t"}
    other = {"arguments": {"name": "a"}, "verb": "sample_rows", "text": "t"}
    (tmp_path / FILE).write_text(f"{json.dumps(line)}\n{json.dumps(other)}\n", encoding="utf-8")
    assert [call["arguments"] for call in read_calls(tmp_path)] == [{"source": "a"}, {"name": "a"}]


def test_a_script_that_fails_is_no_success(referee: Referee) -> None:
    if run.active().name == "none":
        pytest.skip(run.active().detail)
    said = referee.call("try_script", {"code": BROKEN, "sources": [SOURCE]})
    assert not said.ok
    assert said.text.startswith("failed (1 of 5; 4 more failures are allowed):\n<untrusted ")
    assert "KeyError: 'x' at line 2" in said.text
    for _ in range(4):
        referee.call("try_script", {"code": BROKEN, "sources": [SOURCE]})
    last = referee.call("try_script", {"code": BROKEN, "sources": [SOURCE]})
    assert last.text == (
        "refused: scripts: 5 failed in this decision, and no further try is allowed; write a recipe without "
        "a script"
    )


E01 = {"experiment": "e01"}
PLAN = {"hypothesis": "h", "sources": [SOURCE], "change": "data"}
CLUMSY: dict[str, tuple[str, Any, str]] = {
    "an argument of a verb that takes none": (
        "list_sources",
        {"all": 1},
        "list_sources: all: there is no such argument; it takes none; mend",
    ),
    "a field of another library": (
        "train_model",
        E01 | {"plan": {"num_epochs": 3}},
        "plan.num_epochs: there is no such field; did you mean num_train_epochs",
    ),
    "a field of another operation": (
        "run_data_recipe",
        E01 | {"operations": [{"op": "filter", "rule": "length", "maximun": 9}]},
        "operations.0.filter.maximun: there is no such field; did you mean maximum or minimum?",
    ),
    "a number that is none": (
        "plan_experiment",
        PLAN | {"expected_gain": float("nan")},
        "plan_experiment: expected_gain: holds what JSON cannot say",
    ),
    "a switch for a number": (
        "sample_rows",
        {"source": SOURCE, "rows": True},
        "sample_rows: rows: is true; give a number",
    ),
    "a source twice": (
        "plan_experiment",
        PLAN | {"sources": [SOURCE, "drafts", SOURCE]},
        "sources: forum more than once; name each source once",
    ),
    "weights for another": ("plan_experiment", PLAN | {"weights": {"x": 1}}, "the plan's sources (forum)"),
    "a weight of nothing": (
        "plan_experiment",
        PLAN | {"weights": {SOURCE: 0}},
        "weights: 0 for forum; give",
    ),
    "a part that is not there": ("read_recipe", E01 | {"part": 5}, "part: is 5, and there is 1; ask for 1"),
    "a second training": (
        "train_model",
        E01 | {"plan": {}},
        "experiment e01: is finished; plan the next one",
    ),
}


@pytest.mark.parametrize("what", CLUMSY)
def test_a_clumsy_call_is_told_the_argument_what_is_wrong_and_what_would_do(
    referee: Referee, dojo: StillDojo, what: str
) -> None:
    verb, arguments, told = CLUMSY[what]
    before = len(dojo.journal.events)
    said = referee.call(verb, arguments)
    assert not said.ok
    assert said.text.startswith("refused: ") and said.text.isprintable()
    assert told in said.text, said.text
    assert len(dojo.journal.events) == before


def test_an_id_that_is_not_planned_is_told_the_one_under_way(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 1)
    referee = Referee(dojo)
    planned = referee.call("plan_experiment", PLAN | {"max_seconds": 900.0})
    assert planned.facts["experiment"] == "e02", planned.text
    for verb, more in (("run_data_recipe", {}), ("train_model", {"plan": {}}), ("finish_experiment", {})):
        said = referee.call(verb, {"experiment": "e03"} | more)
        assert said.text == "refused: experiment 'e03': is not planned; e02 is under way"
    assert referee.call("plan_experiment", PLAN).text.startswith("refused: experiment e02: is under way")
    refused = {"operations": [{"op": "cap", "rows": 10**6}]}
    tried = referee.call("try_recipe", refused)
    assert tried.text == referee.call("run_data_recipe", {"experiment": "e02"} | refused).text
    assert tried.text.startswith("refused: operations: cap: at most the plan's 2000 rows")
    dojo.journal.close()


VALUES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"seed": -1}, "seed: a whole number from 0 to"),
    ({"max_steps": 0}, "max_steps: 1 or more, or -1"),
    ({"max_length": 10**9}, "max_length: at most the model's"),
)


@pytest.mark.parametrize(("values", "told"), VALUES)
def test_a_training_that_could_only_crash_is_refused(
    dojo: StillDojo, values: dict[str, Any], told: str
) -> None:
    training = TrainingPlan.model_validate({"learning_rate": 1e-3, "max_length": 64} | values)
    plan, card = dojo.journal.plan("e01"), dojo.journal.card("e01")
    assert plan is not None and card is not None
    with pytest.raises(InvalidDecision, match=told):
        check_arguments(dojo, plan, card, training.model_copy(update={"init_from": plan.init_from}))


@pytest.mark.parametrize(
    ("values", "told"), [*VALUES, ({"learning_rate": 0.9}, "learning_rate: 0.9 is out of range")]
)
def test_nothing_is_estimated_of_a_training_that_would_be_refused(
    referee: Referee, dojo: StillDojo, values: dict[str, Any], told: str
) -> None:
    """As ``train_model`` has it: what is left open is the run's own, and an argument that is none is told."""
    asked = {"learning_rate": 1e-3, "per_device_train_batch_size": 8}
    assert referee.call("estimate_training", E01 | {"plan": asked}).ok
    said = referee.call("estimate_training", E01 | {"plan": asked | values})
    assert not said.ok and said.text.startswith(f"refused: {told}"), said.text


def test_the_status_is_answered_when_all_calls_of_a_run_are_used(
    referee: Referee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referee_module, "MOST_CALLS", 0)
    assert referee.call("read_status").ok
    assert "all 0 of this run are used" in referee.call("list_sources").text
