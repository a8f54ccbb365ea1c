"""The verbs as LangChain tools: typed, documented for a model, and bounded."""

from __future__ import annotations

import json

import pytest

from graph import session as sessions
from graph.settings import make_settings
from tasks.custom.folder import write_example
from tests.support.tiny_model import make_tiny_model
from tools.verbs.referee import CLOSING, LOOKING, WORKING
from tools.verbs.toolbox import toolbox

NEEDS_HARNESS = ("record_experience", "submit")


@pytest.fixture
def dojo(tmp_path):
    write_example(tmp_path / "task")
    model = make_tiny_model(tmp_path / "model")
    settings = make_settings(
        task=str(tmp_path / "task"), base_model=str(model), runs_dir=str(tmp_path / "runs"), memory="off"
    )
    session = sessions.start(settings)
    yield session.dojo
    session.close()


@pytest.fixture
def tools(dojo):
    return {tool.name: tool for tool in toolbox(dojo)}


def test_every_verb_is_offered_with_a_description_and_described_arguments(tools):
    assert tuple(tools) == tuple(name for name in (*LOOKING, *WORKING, *CLOSING) if name not in NEEDS_HARNESS)
    for tool in tools.values():
        assert len(tool.description) > 40
        for name, schema in tool.args.items():
            assert "description" in schema or "$ref" in schema or "allOf" in schema, (tool.name, name)


def test_a_model_can_look_at_a_source(tools):
    listing = tools["list_sources"].invoke({})
    assert "field-sheet" in listing or "old-forum" in listing
    figures, _, foreign = tools["profile_source"].invoke({"source": "old-forum"}).partition("\n\n")
    profile = json.loads(figures)
    assert foreign.count("<untrusted id=") == 4  # the card and three rows
    assert profile["rows"] > 100
    assert "s left" in listing.splitlines()[-1]


def recipe(*sources: str) -> list:
    return [{"op": "select", "sources": sources}, {"op": "decontaminate"}, {"op": "cap", "rows": 50}]


def test_a_wrong_call_comes_back_as_text_that_says_how_to_mend_it(tools):
    assert "did you mean old-forum" in tools["profile_source"].invoke({"source": "old-form"})
    plan = {"method": "full"}
    answer = tools["train_model"].invoke({"experiment": "e01", "plan": plan})
    assert "is not planned; call plan_experiment first" in answer
    assert answer.startswith("refused:")
    assert "\n" not in answer


def test_an_agent_that_runs_a_dojo_alone_gets_from_a_plan_to_a_verdict(tools, dojo):
    plan = {"hypothesis": "its rows suffice", "sources": ["old-forum"], "max_seconds": 200.0}
    training = {"max_steps": 2, "per_device_train_batch_size": 8, "learning_rate": 0.002}
    e01 = {"experiment": "e01"}
    assert "evaluate_model with base" in tools["plan_experiment"].invoke(plan)
    assert tools["evaluate_model"].invoke({"experiment": "base"}).startswith("base: validation ")
    refused = tools["plan_experiment"].invoke(plan | {"sources": ["old-form"]})
    assert refused == "refused: sources: 'old-form' is no source; did you mean old-forum?"
    assert tools["plan_experiment"].invoke(plan).startswith("e01 is planned")
    assert "is not planned" in tools["run_data_recipe"].invoke({"experiment": "e02"})
    wrong = e01 | {"operations": recipe("field-sheet")}
    assert "the plan's sources are old-forum" in tools["run_data_recipe"].invoke(wrong)
    assert "has no data yet" in tools["train_model"].invoke(e01 | {"plan": training})
    made = e01 | {"operations": recipe("old-forum"), "seed": 1}
    assert "e01 has its data: 50 rows" in tools["run_data_recipe"].invoke(made)
    wild = tools["train_model"].invoke(e01 | {"plan": training | {"learning_rate": 0.9}})
    assert "learning_rate: 0.9 is out of range for full" in wild
    trained = tools["train_model"].invoke(e01 | {"plan": training})
    assert trained.startswith("e01: 2 steps, ")
    assert json.loads(trained.splitlines()[1])["steps"] == 2
    assert "was trained" in tools["train_model"].invoke(e01 | {"plan": training})
    assert "may it be kept" in tools["evaluate_model"].invoke(e01)
    said = tools["finish_experiment"].invoke(e01)
    done = dojo.journal.experiments()[0]
    assert said.startswith(f"e01 is {done.outcome}")
    assert done.recipe is not None and done.comparison is not None
    assert (done.card.rows, done.training_plan.max_steps) == (50, 2)
