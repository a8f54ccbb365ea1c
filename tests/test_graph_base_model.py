"""A run looks at its base model first: what cannot work costs nothing, what was handled is said and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graph.cli.app import app
from graph.run import run
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.chat_templates import MISTRAL, NEEDS_SYSTEM, model_with
from tests.support.row_formats import said
from tests.support.small_run import make_task_and_model, run_settings

torch = pytest.importorskip("torch")


@pytest.fixture
def task_and_model(tmp_path: Path) -> tuple[Path, Path]:
    return make_task_and_model(tmp_path / "made")


def chats(folder: Path, count: int = 60) -> Path:
    """A file of conversations; every second one begins with two user turns, which some templates refuse."""
    rows = []
    for n in range(count):
        ask = ("user", f"copy the word {n} and stop")
        turns = said(
            ask, ("assistant", f"word {n}"), ("user", f"what is {n}?"), ("assistant", f"it is {n % 5}")
        )
        rows.append({"messages": [turns[0], *turns] if n % 2 else turns})
    file = folder / "chats.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_a_model_that_cannot_work_is_refused_before_there_is_a_run(
    task_and_model: tuple[Path, Path], tmp_path: Path
) -> None:
    task, model = task_and_model
    settings = model / "tokenizer_config.json"
    kept = {name: value for name, value in json.loads(settings.read_text()).items() if "_token" not in name}
    settings.write_text(json.dumps(kept))
    with pytest.raises(InputError, match="names no end token") as caught:
        run(run_settings((task, model), tmp_path / "runs"))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("runs/*"))


def test_pickles_are_refused_and_taken_with_the_flag(
    task_and_model: tuple[Path, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    task, model = task_and_model
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    with pytest.raises(InputError, match="--allow-pickle"):
        run(run_settings((task, model), tmp_path / "runs"))
    done = run(run_settings((task, model), tmp_path / "runs", allow_pickle=True))
    assert done["outcome"] != "harness_fault"
    (path,) = tmp_path.glob("runs/*/journal.jsonl")
    trained = Journal.open(path, write=False).training("e01")
    assert trained is not None and trained.steps > 0


def test_what_was_handled_is_told_kept_and_reported(tmp_path: Path) -> None:
    model = model_with(tmp_path / "model", NEEDS_SYSTEM)
    told: list[dict[str, Any]] = []
    summary = run(run_settings((chats(tmp_path), model), tmp_path / "runs"), told.append)
    (path,) = tmp_path.glob("runs/*/journal.jsonl")
    journal = Journal.open(path, write=False)
    texts = [event["data"]["text"] for event in told if event["kind"] == "note"]
    for line in (
        "its template demands a system turn: an empty one is put in",
        "conversations: loss on every answer (the template keeps them as they are)",
    ):
        assert line in journal.notes
        assert f"base model: {line}" in texts
        assert line in Path(str(summary["report"])).read_text(encoding="utf-8")
    trained = journal.training("e01")
    assert trained is not None and trained.loss_on == "all"


def test_rows_that_the_template_refuses_are_counted_and_the_others_trained(tmp_path: Path) -> None:
    model = model_with(tmp_path / "model", MISTRAL)
    run(run_settings((chats(tmp_path, 160), model), tmp_path / "runs", loss_on="last"))
    (path,) = tmp_path.glob("runs/*/journal.jsonl")
    journal = Journal.open(path, write=False)
    trained, base = journal.training("e01"), journal.evaluation("base")
    assert trained is not None and base is not None
    assert trained.rows > 0 and trained.refused_rows > 0
    assert (trained.loss_on, trained.rows + trained.refused_rows) == ("last", journal.card("e01").rows)  # type: ignore[union-attr]
    assert any(
        f"{trained.refused_rows} rows set aside, the chat template refuses it" in n for n in journal.notes
    )
    assert any(cluster.name.startswith("prompt_refused") for cluster in base.clusters)


def inspected(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["inspect", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_inspect_shows_what_carries_loss_with_this_model(tmp_path: Path) -> None:
    data, model = str(chats(tmp_path)), str(model_with(tmp_path / "model", MISTRAL))
    text = inspected(data, "--base-model", model)
    assert "its template takes no system turn" in text
    assert "conversations: loss on every answer" in text
    assert "rows set aside, the chat template refuses it (roles must alternate" in text
    shown = text[text.index("that carry loss⟧") : text.index("row 2 as the model sees it")]
    assert shown.count("⟦") == 2 and shown.count("<|end|>⟧") == 2
    last = inspected(data, "--base-model", model, "--loss-on", "last")
    shown = last[last.index("that carry loss⟧") : last.index("row 2 as the model sees it")]
    assert shown.count("⟦") == 1


def test_inspect_refuses_what_a_run_refuses(tmp_path: Path) -> None:
    model = model_with(tmp_path / "model", "{{ raise_exception('never') }}")
    done = CliRunner().invoke(app, ["inspect", str(chats(tmp_path)), "--base-model", str(model)])
    assert isinstance(done.exception, InputError)
    assert "the chat template refuses it (never)" in str(done.exception)
