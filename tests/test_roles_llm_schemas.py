"""What a model may decide, held against the facts of a run: a record, or a sentence about what would fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from memory.recipe import Cap, Decontaminate, Map, Mix, Select
from roles.llm.schemas import (
    DiagnosisDecision,
    PlanDecision,
    RecipeDecision,
    TrainingDecision,
    VerdictDecision,
)
from roles.llm.validate import plan_of
from roles.llm.validate_recipe import recipe_of
from roles.llm.validate_training import training_draft_of
from roles.stopping import Stop
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import make_dojo

SCHEMAS = (PlanDecision, RecipeDecision, TrainingDecision, VerdictDecision, DiagnosisDecision)
PLAN: dict[str, Any] = {
    "hypothesis": "Training on removes errors",
    "reason": "e06 is the champion",
    "change": "duration",
    "init_from": "e06",
    "sources": ["field-notes"],
    "expected_gain": 2.0,
    "share_of_remaining_budget": 0.25,
}
DIAGNOSIS: dict[str, Any] = {
    "cause": "underfit",
    "level": "neither",
    "origin": "training",
    "evidence": [{"experiment": "e09", "fact": "the loss still falls"}],
    "next_move": "train_longer",
    "prediction": {"change": "duration", "claim": "longer helps", "expected_gain": 2.0},
}


@pytest.fixture(scope="module")
def dojos(tmp_path_factory):
    """Runs at their start and after eight experiments; nothing here writes into them."""
    folder = tmp_path_factory.mktemp("decisions")
    stages = {"first": (0, ""), "plan": (8, "plan"), "card": (8, "card"), "verdict": (8, "verdict")}
    made = {name: make_dojo(folder / name, n, current=stage) for name, (n, stage) in stages.items()}
    yield made
    for dojo in made.values():
        dojo.journal.close()


def plan(dojo, **changes):
    return plan_of(dojo, "e09", PlanDecision.model_validate(PLAN | changes))


# -- schemas -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "good", "bad", "where"),
    [
        (PlanDecision, PLAN, {"expected_gain": float("nan")}, "expected_gain"),
        (PlanDecision, PLAN, {"expected_gain": float("inf")}, "expected_gain"),
        (PlanDecision, PLAN, {"expected_gain": -1}, "expected_gain"),
        (PlanDecision, PLAN, {"share_of_remaining_budget": 1.5}, "share_of_remaining_budget"),
        (PlanDecision, PLAN, {"sources": "field-notes"}, "sources"),
        (PlanDecision, PLAN, {"sources": []}, "sources"),
        (PlanDecision, PLAN, {"change": "everything"}, "change"),
        (PlanDecision, PLAN, {"weights": {"field-notes": -0.5}}, "weights"),
        (PlanDecision, PLAN, {"max_seconds": 1e9}, "max_seconds"),
        (RecipeDecision, {"operations": []}, {"operations": [{"op": "delete"}]}, "operations"),
        (RecipeDecision, {"operations": []}, {"operations": [{"op": "cap", "rows": -5}]}, "operations"),
        (TrainingDecision, {"method": "full", "reason": "small"}, {"method": "qlora"}, "method"),
        (TrainingDecision, {"method": "full", "reason": "small"}, {"max_epochs": 100}, "max_epochs"),
        (TrainingDecision, {"method": "full", "reason": "small"}, {"learning_rate": -1e-3}, "learning_rate"),
        (VerdictDecision, {"verdict": "keep", "note": "good"}, {"verdict": "maybe"}, "verdict"),
        (DiagnosisDecision, DIAGNOSIS, {"cause": "bad luck"}, "cause"),
        (DiagnosisDecision, DIAGNOSIS, {"evidence": []}, "evidence"),
    ],
)
def test_types_choices_and_ranges_are_the_schemas(schema, good, bad, where):
    schema.model_validate(good)
    with pytest.raises(ValidationError) as error:
        schema.model_validate(good | bad)
    assert {str(each["loc"][0]) for each in error.value.errors()} == {where}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_a_model_can_read_every_schema(schema):
    told = json.dumps(schema.model_json_schema())
    assert schema.__doc__.startswith("Hand in")
    assert len(told) < 16_000
    assert json.loads(told)["additionalProperties"] is False


# -- the plan ----------------------------------------------------------------------------------


def test_a_plan_that_fits_becomes_a_record(dojos):
    made = plan(dojos["plan"], rows=500)
    assert (made.experiment, made.parent, made.init_from, made.decided_by) == ("e09", "e06", "e06", "llm")
    assert made.rows == 500
    assert made.max_seconds == pytest.approx(0.25 * dojos["plan"].remaining_budget_seconds())
    assert plan(dojos["plan"]).rows == 2000


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sources": ["field-note"]}, "did you mean field-notes?"),
        ({"sources": ["../../etc/passwd"]}, "is no source"),
        ({"sources": ["field-notes", "field-notes"]}, "each source once"),
        ({"sources": ["drafts"], "change": "sources"}, "no prompt and answer columns found"),
        ({"weights": {"forum": 1.0}}, "forum not among the plan's sources"),
        ({"init_from": "e99"}, "has no trained weights; known: base, e01"),
        ({"init_from": "/etc/passwd"}, "has no trained weights"),
        ({"parent": "e44"}, "is no finished experiment"),
        ({"parent": "e01"}, "the parent is e06, not e01"),
        ({"change": "first"}, "is for the first experiment of a run"),
        ({"change": "sources"}, "they are the sources of e06"),
        ({"sources": ["field-notes", "forum"]}, "change one thing at a time"),
        ({"tests": "e55"}, "made no prediction"),
        ({"tests": "e08"}, "predicts what a change of sources brings"),
        ({"lessons": ["earlier/e77"]}, "was not recalled"),
        ({"rows": 2001}, "at most 2000 in this run, not 2001"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_with_what_would(dojos, changes, told):
    with pytest.raises(InvalidDecision) as refused:
        plan(dojos["plan"], **changes)
    assert told in str(refused.value)


def test_a_share_too_small_for_an_experiment_is_refused_with_the_range(dojos, monkeypatch):
    dojo = dojos["plan"]
    monkeypatch.setattr(dojo, "remaining_budget_seconds", lambda: 200.0)
    least = dojo.minimum_experiment_seconds()
    with pytest.raises(InvalidDecision, match=r"between 0\.\d\d and 1\.0") as refused:
        plan(dojo, share_of_remaining_budget=0.05)
    share = float(str(refused.value).split("between ")[1].split()[0])
    assert plan(dojo, share_of_remaining_budget=share).max_seconds >= least


def test_a_source_needs_a_weight_when_another_has_one(dojos):
    both = {"sources": ["field-notes", "forum"], "change": "sources"}
    with pytest.raises(InvalidDecision, match="none for forum"):
        plan(dojos["plan"], **both, weights={"field-notes": 1.0})
    assert plan(dojos["plan"], **both, weights={"field-notes": 1.0, "forum": 0.5}).weights["forum"] == 0.5


def test_the_first_experiment_says_first(dojos):
    with pytest.raises(InvalidDecision, match="is what the first experiment has to say"):
        plan(dojos["first"], init_from="base", change="sources")
    assert plan(dojos["first"], init_from="base", change="first").parent is None


def test_a_training_from_the_base_may_vary_an_experiment(dojos):
    made = plan(dojos["plan"], init_from="base", parent="e06", change="method")
    assert (made.parent, made.init_from) == ("e06", "base")


def test_a_plan_may_test_a_prediction_and_follow_a_lesson(dojos):
    changes = {"sources": ["field-notes", "forum"], "change": "sources"}
    made = plan(dojos["plan"], **changes, tests="e08", lessons=["earlier/e01"])
    assert (made.tests, made.lessons) == ("e08", ("earlier/e01",))


def test_sources_with_the_operations_they_need_are_one_change(dojos):
    both = {"sources": ["field-notes", "forum"]}
    assert plan(dojos["plan"], **both, change="data").change == "data"
    with pytest.raises(InvalidDecision, match="say data where the new sources come with the operations"):
        plan(dojos["plan"], **both, change="operations")
    with pytest.raises(InvalidDecision, match="say operations, where those alone change"):
        plan(dojos["plan"], change="data")


def test_weights_change_with_the_data_alone(dojos, monkeypatch):
    dojo = dojos["plan"]
    done = dojo.journal.experiments()
    parent = next(e for e in done if e.id == "e06")
    weighed = parent.plan.model_copy(
        update={"sources": ("field-notes", "forum"), "weights": {"field-notes": 2.0, "forum": 1.0}}
    )
    changed = [e.model_copy(update={"plan": weighed}) if e.id == "e06" else e for e in done]
    monkeypatch.setattr(dojo.journal, "experiments", lambda: changed)
    both = {"sources": ["field-notes", "forum"]}
    assert plan(dojo, **both, weights={"field-notes": 4.0, "forum": 2.0}).change == "duration"
    with pytest.raises(
        InvalidDecision, match="weights: the plan changes duration, so they stay those of e06"
    ):
        plan(dojo, **both, weights={"field-notes": 1.0, "forum": 2.0})
    assert plan(dojo, **both, change="sources").weights == {}


def test_stopping_takes_two_experiments(dojos):
    with pytest.raises(InvalidDecision, match="at least 2"):
        plan(dojos["first"], stop=True)
    assert plan(dojos["plan"], stop=True) == Stop("e06 is the champion")


# -- the recipe --------------------------------------------------------------------------------


def recipe(dojo, *operations):
    made = dojo.journal.plan("e09").model_copy(update={"change": "operations"})
    return recipe_of(dojo, made, RecipeDecision.model_validate({"operations": operations}))


def test_what_every_recipe_needs_is_put_in(dojos):
    made = recipe(dojos["plan"], {"op": "filter", "rule": "nonempty"})
    assert [op.op for op in made.operations] == ["select", "map", "filter", "decontaminate", "cap"]
    assert made.operations[0] == Select(sources=("field-notes", "forum"))
    assert isinstance(made.operations[1], Map)
    assert made.operations[1].columns["forum"] == {"prompt": "question", "answer": "answer"}
    assert made.operations[-1] == Cap(rows=2000)


def test_what_a_script_writes_is_decontaminated(dojos):
    script = {"op": "script", "purpose": "trim", "code": "def transform(row):\n    return row\n"}
    made = recipe(dojos["plan"], {"op": "decontaminate"}, script, {"op": "sample", "rows": 50})
    assert [op.op for op in made.operations[2:]] == [
        "decontaminate", "script", "decontaminate", "sample", "cap"
    ]  # fmt: skip


@pytest.mark.parametrize("weights", [{"field-notes": 1.0, "forum": 0.5}, {"field-notes": 1.0, "forum": 1.0}])
def test_weights_of_the_plan_become_a_mix(dojos, weights):
    dojo = dojos["plan"]
    weighted = dojo.journal.plan("e09").model_copy(update={"weights": weights, "change": "operations"})
    made = recipe_of(dojo, weighted, RecipeDecision(operations=[]))
    assert [type(op) for op in made.operations] == [Select, Map, Decontaminate, Mix, Cap]


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        ([{"op": "select", "sources": ["forum"]}], "the plan's sources are field-notes, forum"),
        ([{"op": "map", "columns": {"drafts": {"prompt": "a"}}}], "drafts not among the plan's sources"),
        ([{"op": "map", "columns": {"forum": {"prompt": "nowhere", "answer": "answer"}}}], "nowhere"),
        ([{"op": "filter", "rule": "length", "maximum": -1}], "finite number, 0 or more"),
        ([{"op": "filter", "rule": "on_domain", "minimum": 40}], "cosine from 0.0 to 1.0"),
        ([{"op": "solve", "rows": 10}], "this run has none"),
        ([{"op": "mix", "weights": {"drafts": 1.0}}], "a weight over 0 for sources of the plan"),
        ([{"op": "mix", "weights": {"forum": 0.0}}], "a weight over 0"),
        ([{"op": "cap", "rows": 2001}], "at most the plan's 2000 rows"),
        ([{"op": "cap", "rows": 10}, {"op": "filter", "rule": "nonempty"}], "once, at the end"),
        ([{"op": "filter", "rule": "reasoning"}], "none is left"),
        (
            [{"op": "script", "purpose": "x", "code": "def transform(row):\n    return 1 / 0\n"}],
            "ZeroDivision",
        ),
        ([{"op": "script", "purpose": "x", "code": "import os\nopen('/etc/passwd')\n"}], "fails on a sample"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_with_what_would(dojos, operations, told):
    with pytest.raises(InvalidDecision) as refused:
        recipe(dojos["plan"], *operations)
    assert told in str(refused.value)


# -- the training ------------------------------------------------------------------------------


def training(dojo, **changes):
    decision = TrainingDecision.model_validate({"method": "full", "reason": "small", **changes})
    return training_draft_of(dojo, dojo.journal.plan("e09"), dojo.journal.card("e09"), decision)


def test_the_optimiser_keeps_its_choice_unless_a_reason_is_given(dojos):
    dojo = dojos["card"]
    own = training(dojo, lr_scheduler_type="linear")
    assert own.hyperparameters_from == "tpe after 8 trials"
    assert (own.lr_scheduler_type, own.override_reason, own.decided_by) == ("linear", "", "llm")
    with pytest.raises(InvalidDecision, match="leave both out, or say what you know"):
        training(dojo, learning_rate=2e-3)
    set_ = training(dojo, learning_rate=2e-3, override_reason="the last one diverged")
    assert (set_.learning_rate, set_.override_reason) == (2e-3, "the last one diverged")
    assert set_.per_device_train_batch_size == own.per_device_train_batch_size


def test_what_a_decision_leaves_out_stays_the_optimisers(dojos):
    dojo = dojos["card"]
    suggested, own = training(dojo), training(dojo, lora_r=64, early_stopping=False, max_epochs=2.0)
    assert (suggested.lora_r, suggested.lora_alpha, suggested.early_stopping) == (16, 32, True)
    assert (own.lora_r, own.lora_alpha, own.early_stopping, own.num_train_epochs) == (64, 128, False, 2.0)
    assert own.weight_decay == suggested.weight_decay
    assert training(dojo, lora_r=8, lora_alpha=8).lora_alpha == 8


def test_a_rank_beyond_the_models_width_is_refused(dojos):
    with pytest.raises(InvalidDecision, match="lora_r: at most"):
        training(dojos["card"], lora_r=256)


def test_a_reason_without_an_override_is_no_override(dojos):
    assert training(dojos["card"], override_reason="none").override_reason == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"learning_rate": 0.9}, "out of range for full: 0.0001 to 0.02"),
        ({"per_device_train_batch_size": 1000}, "at most the 120 rows"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_range(dojos, changes, told):
    with pytest.raises(InvalidDecision) as refused:
        training(dojos["card"], override_reason="because", **changes)
    assert told in str(refused.value)


def test_more_memory_than_there_is_is_refused(dojos, monkeypatch):
    dojo = dojos["card"]
    little = dojo.estimate(training(dojo), dojo.journal.card("e09")).model_copy(update={"fits": False})
    monkeypatch.setattr(dojo, "estimate", lambda plan, card: little)
    with pytest.raises(InvalidDecision, match=r"needs about 1.1 GiB of 16.0 GiB"):
        training(dojo)


def test_the_kind_of_adapter_is_the_models_to_choose(dojos):
    drafted = training(dojos["card"], method="lora", use_rslora=True, use_dora=True)
    assert (drafted.use_rslora, drafted.use_dora) == (True, True)
    plain = training(dojos["card"], method="lora")
    assert (plain.use_rslora, plain.use_dora) == (False, False)


# -- the reading and the diagnosis -------------------------------------------------------------
