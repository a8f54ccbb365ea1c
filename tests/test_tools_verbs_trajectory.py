"""Trajectories: a run of the graph and one of an agent as the same kind of conversation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from tests.conftest import ROOT
from tests.support.finished_run import make_finished_run
from tools.verbs.referee import VERBS, offered


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a run that the graph's roles decided."""
    return ftdojo.trajectory(make_finished_run(tmp_path_factory.mktemp("run")))


def test_what_roles_decided_is_told_as_calls_of_the_verbs(row: dict[str, Any]) -> None:
    calls = [message["tool_calls"][0]["function"] for message in row["messages"] if message.get("tool_calls")]
    assert [call["name"] for call in calls] == [
        "plan_experiment",
        "train_model",
        "evaluate_model",
        "finish_experiment",
        "submit",
    ]
    assert calls[0]["arguments"]["sources"]
    assert row["policy"] == "playbook"
    assert row["gain"] == 35.0
    assert row["reward"] == 0.0  # nothing was confirmed in this run


def test_every_call_is_answered_under_its_id(row: dict[str, Any]) -> None:
    messages = row["messages"][2:]
    for asked, told in zip(messages[::2], messages[1::2], strict=True):
        assert asked["tool_calls"][0]["id"] == told["tool_call_id"]


def test_the_rows_are_what_trl_takes(row: dict[str, Any], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    trl = pytest.importorskip("trl.data_utils")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path))
    assert loaded.num_rows == 2
    assert trl.is_conversational({"messages": loaded[0]["messages"]})
    assert loaded[0]["messages"] == row["messages"]
    assert {tool["function"]["name"] for tool in json.loads(loaded[0]["tools"])} == set(VERBS)


@pytest.mark.parametrize("template", ["qwen2_5", "qwen3", "qwen3_5_nothink", "llama3_1", "nemotron_3_nano"])
def test_chat_templates_that_know_tools_write_a_call_as_their_models_make_it(
    row: dict[str, Any], template: str
) -> None:
    trl = pytest.importorskip("trl")
    from transformers.utils.chat_template_utils import render_jinja_template

    path = Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja"
    rendered, _ = render_jinja_template(
        [row["messages"]], json.loads(row["tools"]), chat_template=path.read_text(encoding="utf-8")
    )
    called = row["messages"][2]["tool_calls"][0]["function"]
    assert called["name"] in rendered[0]
    assert called["arguments"]["hypothesis"] in rendered[0]
    assert '\\"hypothesis\\"' not in rendered[0], "arguments that are JSON text within JSON"


def test_the_command_writes_a_row_for_every_run(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from graph.cli.app import app

    run_dir, out = make_finished_run(tmp_path, kept=False), tmp_path / "rows.jsonl"
    given = ["trajectories", "--runs-dir", str(run_dir.parent), "--out", str(out)]
    done = CliRunner().invoke(app, given, catch_exceptions=False)
    assert done.exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["run"] for row in rows] == [ftdojo.trajectory(run_dir)["run"]]


def test_the_recorded_calls_fit_the_verbs_schemas(row: dict[str, Any]) -> None:
    schemas = {verb.name: verb.arguments for verb in offered()}
    for message in row["messages"]:
        for call in message.get("tool_calls") or ():
            schemas[call["function"]["name"]].model_validate(call["function"]["arguments"])


def test_the_documented_arguments_are_the_verbs_own() -> None:
    text = (ROOT / "docs" / "adding-an-agent.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- verbs -->")[2].partition("<!-- /verbs -->")[0].splitlines()
    rows = [line.split("|")[1:3] for line in shown if line.startswith("| `")]
    told = {verb.strip(" `"): re.findall(r"`(\w+)`", row.partition("[")[0]) for verb, row in rows}
    every = {verb.strip(" `"): re.findall(r"`(\w+)`", row) for verb, row in rows}
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in ftdojo.verbs()}
    assert every == {name: list(schema["properties"]) for name, schema in schemas.items()}
    assert told == {name: schema.get("required", []) for name, schema in schemas.items()}
