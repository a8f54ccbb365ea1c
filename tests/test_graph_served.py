"""Runs with a server beside: one that answers for the base, one whose score is told beside the champion's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ftdojo
from graph.models_file import EVAL_KEY_VARIABLE, eval_server, load_models
from graph.settings import make_settings
from memory.claim import levels_text
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.loopback_chat import ChatServer, http_error, text
from tests.support.loopback_completions import CompletionServer
from tests.support.small_run import make_task_and_model, run_arguments

pytestmark = pytest.mark.timeout(600)
KEY = "sk-loopback-0123456789abcdef"


def test_a_served_model_is_scored_on_the_test_and_told_beside(tmp_path: Path) -> None:
    folders = make_task_and_model(tmp_path)
    (tmp_path / "eval").mkdir()
    with (
        ChatServer(lambda request: text("12 km").with_usage(30, 3)) as beside,
        CompletionServer(lambda model, ids: "7") as server,
    ):
        arguments = run_arguments(
            folders, tmp_path / "runs", baseline=f"{beside.base_url}#strong-model", eval_server=server.url
        )
        result = ftdojo.run(**arguments)
        asked = len(beside.requests)
        served = [path for path, _, _ in server.requests]
    journal = Journal.open(result.run_dir / "journal.jsonl", write=False)
    found = journal.served_baseline
    assert found is not None and found["model"] == "openai:strong-model"
    assert found["score"]["n"] == asked == 24
    assert found["comparison"]["champion"] == "baseline"
    assert journal.test_reads == 1
    usages = [event.data for event in journal.events if event.kind == "usage"]
    assert {usage["role"] for usage in usages} == {"baseline"} and len(usages) == asked
    assert any("openai:strong-model scores" in line for line in levels_text(journal))
    assert served.count("/v1/completions") >= 24  # the base, on validation and test
    assert any("answers as served-base" in note for note in journal.notes)


def test_a_baseline_that_fails_keeps_nothing_from_its_end(tmp_path: Path) -> None:
    folders = make_task_and_model(tmp_path)
    with ChatServer(lambda request: http_error(401, "no entry")) as beside:
        result = ftdojo.run(
            **run_arguments(folders, tmp_path / "runs", baseline=f"{beside.base_url}#strong-model")
        )
    journal = Journal.open(result.run_dir / "journal.jsonl", write=False)
    assert journal.served_baseline is not None and "score" not in journal.served_baseline
    assert "strong-model" in journal.served_baseline["text"]
    assert journal.test_evaluation("base") is not None


def test_an_eval_server_that_is_not_there_stops_before_anything_is_made(tmp_path: Path) -> None:
    folders = make_task_and_model(tmp_path)
    with CompletionServer(lambda model, ids: "") as server:
        url = server.url
    with pytest.raises(InputError, match="--eval-server"):
        ftdojo.run(**run_arguments(folders, tmp_path / "runs", eval_server=url))
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("flag", "file", "environ", "url", "key"),
    [
        ("http://a/v1", "", {}, "http://a/v1", None),
        ("http://a/v1/", "", {EVAL_KEY_VARIABLE: KEY}, "http://a/v1", KEY),
        ("", 'base_url = "http://b/v1"\napi_key_env = "B_API_KEY"', {"B_API_KEY": KEY}, "http://b/v1", KEY),
        (
            "http://a/v1",
            'base_url = "http://b/v1"\napi_key_env = "B_API_KEY"',
            {"B_API_KEY": KEY},
            "http://a/v1",
            None,
        ),
        ("", "", {EVAL_KEY_VARIABLE: KEY}, "", None),
    ],
)
def test_the_key_goes_to_the_address_that_it_was_named_for(
    tmp_path: Path, flag: str, file: str, environ: dict[str, str], url: str, key: str | None
) -> None:
    models = tmp_path / "models.toml"
    models.write_text(f"[eval_server]\n{file}\n" if file else "")
    settings = make_settings(eval_server=flag, models_file=str(models))
    found, secret = eval_server(settings, environ)
    assert (found, secret and secret.get_secret_value()) == (url, key)


def test_a_baseline_is_named_by_its_address_or_its_provider() -> None:
    settings = make_settings(baseline="http://127.0.0.1:9/v1#some/model")
    (spec,) = load_models(settings, {}).baseline
    assert (spec.name, spec.base_url, spec.api_key) == ("openai:some/model", "http://127.0.0.1:9/v1", None)
    (spec,) = load_models(make_settings(baseline="openai:gpt-5-mini"), {"OPENAI_API_KEY": KEY}).baseline
    assert spec.api_key is not None and spec.base_url == ""
    with pytest.raises(InputError, match="provider:model"):
        load_models(make_settings(baseline="strong-model"), {})


def test_a_later_run_takes_the_bases_answers_from_the_cache(tmp_path: Path) -> None:
    folders = make_task_and_model(tmp_path)
    told, items = [], []
    for number in range(2):
        arguments = run_arguments(folders, tmp_path / f"runs{number}", answer_cache=str(tmp_path / "answers"))
        result = ftdojo.run(**arguments)
        journal = Journal.open(result.run_dir / "journal.jsonl", write=False)
        told.append([note for note in journal.notes if "earlier run" in note])
        base = result.run_dir / "experiments" / "base"
        items.append([base.joinpath(f"{split}.jsonl").read_text() for split in ("validation", "test")])
    assert told[0] == [] and told[1]
    assert items[0] == items[1]
    assert not any("test" in note.split(":")[0] for note in told[1])
    costs = sorted((result.run_dir / "experiments" / "base").glob("test-*.cost.json"))
    assert costs and not any("remark" in json.loads(cost.read_text()) for cost in costs)
