"""``ftdojo inspect`` shows what was understood and the rows as the model sees them, and spends nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graph.cli.app import app
from tasks.errors import InputError
from tests.support.small_run import make_task_and_model
from tests.test_tasks_custom_data_task import jsonl, tickets


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["inspect", *arguments], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_screen_shows_format_lengths_answers_and_rows(tmp_path: Path) -> None:
    rows = [row | {"ticket": f"{row['ticket']}, tell anna@example.org"} for row in tickets()]
    text = shown(str(jsonl(tmp_path / "tickets.jsonl", rows)))
    for wanted in (
        "by content: 75 to train on",
        "answers  desk",
        "tokens          half up to",
        "<|user|>",
        "⟦",
        "leaks    none",
    ):
        assert wanted in text
    assert "personal data: e-mail address in 75 rows" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_json_holds_the_same_facts(tmp_path: Path) -> None:
    facts = json.loads(shown(str(jsonl(tmp_path / "tickets.jsonl", tickets())), "--json"))
    (source,) = facts["sources"]
    assert (facts["validation"], facts["test"], source["rows"]) == (9, 20, 71)
    assert source["too_long"] == 0
    assert source["shown"][0]["target_tokens"] > 0


def test_general_rows_are_told_from_the_sources_of_the_task(tmp_path: Path) -> None:
    task, model = make_task_and_model(tmp_path)
    general = [{"prompt": f"Say hello to guest {n}.", "answer": f"Hello, guest {n}!"} for n in range(40)]
    jsonl(task / "chats.jsonl", general)
    settings = task / "task.toml"
    settings.write_text('replay = ["chats.jsonl"]\n' + settings.read_text())
    facts = json.loads(shown(str(task), "--base-model", str(model), "--json"))
    assert [source["name"] for source in facts["sources"] if source["replay"]] == ["chats"]
    text = " ".join(shown(str(task), "--base-model", str(model)).split())
    assert "chats: 40 rows, general rows against forgetting (replay)" in text
    assert text.count("(replay)") == 1


def test_a_flag_decides_which_column_answers(tmp_path: Path) -> None:
    rows = [
        {"memo": row["ticket"], "team": row["team"], "mood": "ab"[n % 2]} for n, row in enumerate(tickets())
    ]
    path = str(jsonl(tmp_path / "memos.jsonl", rows))
    refused = CliRunner().invoke(app, ["inspect", path])
    assert isinstance(refused.exception, InputError)
    assert "team (desk) and mood (a)" in str(refused.exception)
    facts = json.loads(shown(path, "--answer", "team", "--prompt", "Who? {memo}", "--json"))
    assert facts["sources"][0]["shown"][0]["pieces"][0][0].startswith("<|bos|><|user|>Who? The ")
    assert set(facts["sources"][0]["labels"]) == {"network", "desk"}


@pytest.mark.parametrize(
    "arguments", [["tikets.jsonl"], ["org/tikets.csv"], ["tikets", "--answer", "team"], ["a", "b"]]
)
def test_data_that_is_not_there_becomes_no_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = CliRunner().invoke(app, ["init-task", *arguments])
    assert isinstance(done.exception, InputError)
    assert "there is no such file" in str(done.exception)
    assert list(Path.cwd().iterdir()) == []
