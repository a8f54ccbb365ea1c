"""The verbs as LangChain tools: typed, documented for a model, and bounded."""

from __future__ import annotations

import json

import pytest

from graph import session as sessions
from graph.settings import make_settings
from tasks.custom.folder import write_example
from tests.support.tiny_model import make_tiny_model
from tools.toolkit.all import NAMES, toolbox


@pytest.fixture
def tools(tmp_path):
    write_example(tmp_path / "task")
    model = make_tiny_model(tmp_path / "model")
    settings = make_settings(
        task=str(tmp_path / "task"), base_model=str(model), runs_dir=str(tmp_path / "runs"), memory="off"
    )
    session = sessions.start(settings)
    yield {tool.name: tool for tool in toolbox(session.dojo)}
    session.close()


def test_every_verb_is_offered_with_a_description_and_described_arguments(tools):
    assert tuple(tools) == NAMES
    for tool in tools.values():
        assert len(tool.description) > 40
        for name, schema in tool.args.items():
            assert "description" in schema or "$ref" in schema or "allOf" in schema, (tool.name, name)


def test_a_model_can_look_at_a_source(tools):
    listing = tools["list_sources"].invoke({})
    assert "field-sheet" in listing or "old-forum" in listing
    figures, _, foreign = tools["profile_source"].invoke({"name": "old-forum"}).partition("\n\n")
    profile = json.loads(figures)
    assert foreign.count("<untrusted id=") == 4  # the card and three rows
    assert profile["rows"] > 100


def recipe(*sources: str) -> dict:
    columns = {name: {"prompt": "question", "answer": "answer"} for name in sources}
    operations = [
        {"op": "select", "sources": sources},
        {"op": "map", "columns": columns},
        {"op": "decontaminate"},
        {"op": "cap", "rows": 50},
    ]
    return {"operations": operations, "seed": 1}


def test_a_wrong_call_comes_back_as_text_that_says_how_to_mend_it(tools):
    assert "did you mean old-forum" in tools["profile_source"].invoke({"name": "old-form"})
    plan = {"method": "full"}
    answer = tools["train_model"].invoke({"experiment": "e01", "plan": plan})
    assert "run_data_recipe" in answer
    assert answer.startswith("failed:")
