"""Policies by name and by object: who decides, by what they are checked, that a run goes on after a kill."""

from __future__ import annotations

import typing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ftdojo
from graph import policy_names
from graph.policies import baseline, good_sources, hand_in, policy_of, require_policy
from graph.policy_names import POLICIES, ROLES, check_policy, knows
from memory.records import Plan, TrainingPlan
from roles.baselines.few_shot import fitting, with_shots
from roles.baselines.mixture_search import draw, kept_weights
from roles.composed import METHODS, Composed, DecidingRole
from roles.stopping import Stop
from tasks.base import Sample
from tasks.errors import ExperimentFailed, InputError
from tasks.mini.pool import pool_key
from tasks.registry import synthetic
from tests.support.progress_records import card
from tests.support.run_in_progress import StillDojo, make_dojo, next_id


@pytest.fixture
def dojo(tmp_path: Path) -> StillDojo:
    return make_dojo(tmp_path, 2)


def usable(dojo: StillDojo) -> str:
    """A source that can be trained on."""
    return next(name for name, profile in dojo.profiles().items() if profile.suggested_columns)


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *POLICIES,
        "oracle-source:a,b",
        "planner=random+data_curator=all-data",
        "mine.policies:Best",
        "a.py:f",
        "mcp:x y",
    ],
)
def test_every_form_of_a_name_is_a_policy(name: str) -> None:
    assert check_policy(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tpee", "did you mean tpe"),
        ("mcp:", "names no program"),
        ("planer=random", "did you mean planner"),
        ("planner=random+planner=tpe", "one policy for the planner"),
        ("planner=llm", "cannot decide for the planner alone"),
        ("openai:gpt-5", "there is no such policy"),
    ],
)
def test_a_name_that_is_none_is_refused_in_one_line(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        ftdojo.settings("aime25", policy=name)
    assert "\n" not in str(refused.value)


def test_a_language_model_may_be_named_in_one_word_and_only_once() -> None:
    settings = ftdojo.settings("aime25", policy="llm:openai:gpt-5-mini")
    assert (settings.policy, settings.model) == ("llm", "openai:gpt-5-mini")
    with pytest.raises(InputError, match="name one of them"):
        ftdojo.settings("aime25", policy="llm:openai:a", model="openai:b")
    with pytest.raises(InputError, match="asks no language model"):
        ftdojo.settings("aime25", policy="tpe", model="openai:b")


def test_who_knows_the_good_sources_writes_no_lessons() -> None:
    for name in ("oracle-source", "oracle-source:a", "planner=oracle-source"):
        assert knows(name) and ftdojo.settings("aime25", policy=name, memory="here").memory == "off"
    assert (
        not knows("planner=random")
        and ftdojo.settings("aime25", policy="tpe", memory="here").memory == "here"
    )


def test_the_roles_of_names_are_the_roles_that_decide() -> None:
    assert ROLES == typing.get_args(DecidingRole) == tuple(METHODS)


# -- baselines ---------------------------------------------------------------------------------


def test_base_and_all_data_end_the_run_by_themselves(dojo: StillDojo) -> None:
    assert isinstance(policy_of("base", dojo).plan(dojo, next_id(2)), Stop)
    assert isinstance(policy_of("all-data", dojo).plan(dojo, next_id(2)), Stop)


def test_all_data_takes_every_readable_source_uncleaned_and_without_sealed_rows(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 0)
    policy = policy_of("all-data", dojo)
    plan = policy.plan(dojo, "e01")
    assert isinstance(plan, Plan) and plan.decided_by == "all-data" and not plan.weights
    assert set(plan.sources) == {name for name, found in dojo.profiles().items() if found.suggested_columns}
    names = [operation.op for operation in policy.write_recipe(dojo, plan).operations]
    assert names == ["select", "map", "filter", "decontaminate", "cap"]
    draft = policy.draft_training(dojo, plan, card("e01"))
    assert draft.num_train_epochs == 3.0 and draft.decided_by == "all-data"


def test_the_oracle_takes_what_it_is_told_or_what_the_pools_key_says(dojo: StillDojo) -> None:
    known = usable(dojo)
    assert good_sources(f"oracle-source:{known}", dojo) == (known,)
    with pytest.raises(InputError, match="is no source"):
        good_sources("oracle-source:nowhere", dojo)
    with pytest.raises(InputError, match="nobody knows"):
        good_sources("oracle-source", dojo)
    key = pool_key(synthetic("aime25"), 3)
    mini: Any = SimpleNamespace(
        edition="mini", spec=SimpleNamespace(id="aime25"), pool=dict.fromkeys(key), seed=3
    )
    assert [key[name] for name in good_sources("oracle-source", mini)] == ["chain_of_thought"]


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_a_search_draws_the_same_again_after_a_kill_and_differs_by_trial_and_seed(
    name: str, dojo: StillDojo, tmp_path: Path
) -> None:
    plan = policy_of(name, dojo).plan(dojo, next_id(2))
    again = policy_of(name, dojo).plan(dojo, next_id(2))
    assert isinstance(plan, Plan) and isinstance(again, Plan)
    assert plan == again and plan.decided_by == name and plan.weights
    draft = policy_of(name, dojo).draft_training(dojo, plan, card("e03"))
    assert isinstance(draft, TrainingPlan) and draft.hyperparameters_from == name
    history = dojo.journal.experiments()
    sampler: Any = name
    here, before = draw(dojo, sampler, history), draw(dojo, sampler, history[:1])
    assert here.learning_rate == draft.learning_rate != before.learning_rate
    dojo.seed = 1
    assert draw(dojo, sampler, history) != here


def test_a_light_source_is_left_out_of_a_mixture_and_the_heaviest_never() -> None:
    assert kept_weights({"a": 0.05, "b": 0.4, "c": 0.9}) == {"c": 0.9, "b": 0.4}
    assert list(kept_weights({"a": 0.05, "b": 0.01})) == ["a"]


def test_examples_go_before_the_question_as_earlier_turns() -> None:
    plain = with_shots(Sample("v1", "", "2 + 2?", "4"), [("1 + 1?", "2")])
    assert [turn["content"] for turn in plain.turns] == ["1 + 1?", "2", "2 + 2?"]
    system = ({"role": "system", "content": "be brief"}, {"role": "user", "content": "2 + 2?"})
    told = with_shots(Sample("v1", "", "2 + 2?", "4", turns=system), [("1 + 1?", "2")])
    assert [turn["role"] for turn in told.turns] == ["system", "user", "assistant", "user"]


def test_examples_are_as_many_as_there_is_room_for() -> None:
    rows = [("a b", "c"), ("x " * 100, "y"), ("d", "e")]

    def count(text: str) -> int:
        return len(text.split())

    assert fitting(rows, 40, count) == [rows[0], rows[2]]
    assert fitting(rows, 10, count) == []
    assert len(fitting(rows * 9, 10_000, count)) == 4


def test_every_answer_of_a_few_shot_run_is_asked_with_the_same_examples(dojo: StillDojo) -> None:
    policy = policy_of("few-shot", dojo)
    assert isinstance(policy, Composed) and policy.prompted is not None
    asked = policy.prompted(dojo, dojo.validation)
    other = policy_of("few-shot", dojo)
    assert isinstance(other, Composed) and other.prompted is not None
    assert [item.turns for item in other.prompted(dojo, dojo.validation)] == [item.turns for item in asked]
    assert all(item.turns[-1]["content"] == item.prompt and len(item.turns) > 1 for item in asked)
    assert [item.prompt for item in asked] == [item.prompt for item in dojo.validation]
    assert "solved examples" in policy.plan(dojo, "e03").reason  # type: ignore[union-attr]


# -- users' policies ---------------------------------------------------------------------------


class Planner:
    """Plans the first usable source, and leaves the rest to the playbook."""

    def plan(self, dojo: StillDojo, experiment: str) -> dict[str, Any]:
        return {"sources": [usable(dojo)], "hypothesis": "the first will do", "max_seconds": 60.0}


def test_an_object_decides_what_it_has_methods_for_and_the_playbook_the_rest(dojo: StillDojo) -> None:
    name = ftdojo.settings("aime25", policy=Planner()).policy
    assert name == "object:Planner"
    policy = policy_of(name, dojo)
    plan = policy.plan(dojo, next_id(2))
    assert isinstance(plan, Plan) and (plan.decided_by, plan.experiment) == (name, "e03")
    assert policy.write_recipe(dojo, plan).sources == plan.sources
    assert policy.draft_training(dojo, plan, card("e03")).decided_by == "playbook"


def test_another_object_of_the_same_class_gets_a_name_of_its_own() -> None:
    one, other = Planner(), Planner()
    assert hand_in(one) == hand_in(one) != hand_in(other)
    assert hand_in(other, "object:Planner") == "object:Planner"  # a run is resumed with it


def test_a_mapping_names_who_decides_for_a_role(dojo: StillDojo) -> None:
    def train(dojo: StillDojo, plan: Plan, card: Any) -> dict[str, Any]:
        return {"learning_rate": 1e-3, "per_device_train_batch_size": 8}

    policy = policy_of(hand_in({"planner": "random", "training_engineer": train}), dojo)
    plan = policy.plan(dojo, next_id(2))
    assert isinstance(plan, Plan) and plan.decided_by == "random"
    draft = policy.draft_training(dojo, plan, card("e03"))
    assert (draft.learning_rate, draft.max_length, draft.seed) == (1e-3, dojo.max_length, dojo.seed)
    with pytest.raises(InputError, match="is no role"):
        policy_of(hand_in({"planer": train}), dojo)
    with pytest.raises(InputError, match="decides for no role"):
        policy_of(hand_in(SimpleNamespace()), dojo)


def test_a_name_that_nobody_here_gave_has_no_code_run(
    dojo: StillDojo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_names, "_TRUSTED", set())
    file = tmp_path / "theirs.py"
    file.write_text("raise SystemExit('ran')\n")
    for name in (f"{file}:policy", f"planner={file}:policy", "os:getcwd"):
        with pytest.raises(InputError, match="neither a request nor a run"):
            require_policy(name)
    assert ftdojo.settings("aime25", policy=f"planner={file}:policy").policy
    with pytest.raises(SystemExit):
        require_policy(f"planner={file}:policy")


def test_a_policy_of_a_file_is_imported_and_asked(
    dojo: StillDojo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_names, "_TRUSTED", {policy_names.ANY})
    file = tmp_path / "mine.py"
    file.write_text(
        "class Best:\n    def plan(self, dojo, experiment):\n        return None\n\n"
        "def planner(dojo, experiment):\n    return {'sources': ['nowhere']}\n\n"
        "def make():\n    return Best()\n"
    )
    for attribute in ("Best", "make"):
        assert policy_of(f"{file}:{attribute}", dojo).plan(dojo, "e03") is None
    with pytest.raises(ExperimentFailed, match="nowhere"):
        policy_of(f"{file}:planner", dojo).plan(dojo, "e03")
    composed = policy_of(f"planner={file}:planner+training_engineer=tpe", dojo)
    assert isinstance(composed, Composed) and set(composed.deciders) == {"planner", "training_engineer"}
    with pytest.raises(InputError, match="holds no Bets; did you mean Best"):
        require_policy(f"{file}:Bets")
    with pytest.raises(InputError, match="cannot be imported"):
        require_policy("no_such_module_of_mine:policy")
    with pytest.raises(InputError, match="not in this process"):
        require_policy("object:Elsewhere")


def test_a_decision_that_does_not_fit_fails_the_experiment_with_what_is_wrong(dojo: StillDojo) -> None:
    policy = policy_of(hand_in({"data_curator": lambda dojo, plan: {"operations": "all"}}), dojo)
    plan = policy_of(hand_in(Planner()), dojo).plan(dojo, next_id(2))
    assert isinstance(plan, Plan)
    with pytest.raises(ExperimentFailed, match="operations"):
        policy.write_recipe(dojo, plan)
    wrong = policy_of(hand_in({"training_engineer": lambda dojo, plan, card: {"learning_rate": 0.9}}), dojo)
    with pytest.raises(ExperimentFailed, match="out of range"):
        wrong.draft_training(dojo, plan, card("e03"))
    broken = policy_of(hand_in({"planner": lambda dojo, experiment: 1 / 0}), dojo)
    with pytest.raises(ExperimentFailed, match="ZeroDivisionError"):
        broken.plan(dojo, "e03")
    nothing = policy_of(hand_in({"planner": lambda dojo, experiment: "e03"}), dojo)
    with pytest.raises(ExperimentFailed, match="gave str, not a Plan"):
        nothing.plan(dojo, "e03")


def test_where_a_diagnosis_cannot_be_had_the_playbook_makes_it_and_it_is_said(dojo: StillDojo) -> None:
    policy = policy_of(hand_in({"diagnostician": lambda dojo, experiment, audit: {"cause": "weather"}}), dojo)
    found = policy.diagnose(dojo, dojo.journal.experiments()[-1], {})
    assert found.decided_by == "playbook"
    assert "the playbook decides in its place" in dojo.journal.notes[-1]


def test_only_who_plans_by_findings_has_sources_audited(dojo: StillDojo) -> None:
    for name, audited in (("all-data", False), ("tpe", False), ("training_engineer=tpe", True)):
        policy = policy_of(name, dojo)
        assert isinstance(policy, Composed) and policy.audited is audited
    assert baseline("base", dojo).__class__.__name__ == "Untrained"
