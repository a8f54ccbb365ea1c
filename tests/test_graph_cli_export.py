"""``ftdojo export`` and ``ftdojo chat`` on a finished run: what comes out answers as the champion did."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from graph.cli.chat import answer_lines, chat_with, questions
from graph.cli.export import Wish, export_run
from graph.cli.finished import FinishedRun
from tasks.errors import InputError
from tests.conftest import ROOT
from tests.support.finished_run import make_finished_run, record_as
from tests.support.tiny_model import make_tiny_model, shared_worker
from tools.models.base_model import resolve_base_model
from tools.models.export import ollama
from tools.models.weight_files import dtypes, find_weights

CONVERTER = f"""
import argparse, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.support.tiny_gguf import write_gguf
flags = argparse.ArgumentParser()
flags.add_argument("model")
flags.add_argument("--outfile")
flags.add_argument("--outtype")
asked = flags.parse_args()
if asked.outtype == "f32":
    sys.exit("ValueError: no such type today")
write_gguf(Path(asked.model), Path(asked.outfile))
"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_finished_run(tmp_path_factory.mktemp("run"))


def export(run_dir: Path, capsys: pytest.CaptureFixture[str], **wish: Any) -> dict[str, Any]:
    export_run(Console(file=io.StringIO()), run_dir, Wish(**wish), as_json=True, worker=shared_worker())
    done: dict[str, Any] = json.loads(capsys.readouterr().out)
    return done


def test_a_folder_holds_the_merged_model_in_16_bits_with_its_card(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = export(run_dir, capsys, to=str(tmp_path / "out"))
    folder = tmp_path / "out"
    assert done["place"] == str(folder)
    assert list(dtypes(find_weights(folder)[0])) == ["BF16"]
    assert resolve_base_model(str(folder)).hidden_size == 32
    assert done["checked"]["items"] == 10
    assert done["checked"]["agree"] >= 8
    card = (folder / "README.md").read_text()
    assert "model-index" in card
    assert "split: test" in card
    assert not list(tmp_path.glob(".out.*"))
    with pytest.raises(InputError, match="is there already"):
        export(run_dir, capsys, to=str(folder))


def test_an_export_that_answers_otherwise_is_not_called_done(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run_dir / "experiments" / "e01" / "validation.jsonl"
    before = file.read_text()
    try:
        record_as(run_dir, right=True)  # as if the champion had had all of them right
        with pytest.raises(InputError, match="answers otherwise than the champion did: 0 of 10") as caught:
            export(run_dir, capsys, to=str(tmp_path / "out"))
    finally:
        file.write_text(before)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_ollama_and_vllm_get_their_directory_and_command(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = export(run_dir, capsys, to="ollama")
    folder = run_dir / "export" / "ollama"
    read = ollama.parse((folder / "Modelfile").read_text())
    assert done["facts"]["modelfile"] == read
    assert read["from"] == "."
    assert done["next_step"].startswith("import it: ollama create model-unit-conversion -f ")
    done = export(run_dir, capsys, to="vllm", out=tmp_path / "served")
    assert done["next_step"].startswith(f"serve it: vllm serve {tmp_path / 'served'} --served-model-name")
    assert "--chat-template" not in done["next_step"]
    assert (tmp_path / "served" / "model.safetensors").exists()


def test_gguf_is_written_by_the_converter_and_asked(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text(CONVERTER)
    done = export(run_dir, capsys, to="gguf", converter=str(tmp_path), out=tmp_path / "made")
    assert Path(done["place"]) == tmp_path / "made" / "model-unit-conversion-bf16.gguf"
    assert (done["facts"]["architecture"], done["facts"]["template"]) == ("llama", True)
    assert done["checked"]["agree"] >= 8
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["model-unit-conversion-bf16.gguf"]
    with pytest.raises(InputError, match=r"converter failed .*no such type today"):
        export(run_dir, capsys, to="gguf", converter=str(script), out=tmp_path / "other", dtype="float32")


def test_without_a_converter_the_exact_command_is_told(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as caught:
        export(run_dir, capsys, to="gguf", out=tmp_path / "made" / "gguf")
    merged = tmp_path / "made" / "merged"
    assert f"convert_hf_to_gguf.py {merged} --outfile" in str(caught.value)
    assert resolve_base_model(str(merged)).hidden_size == 32
    with pytest.raises(InputError, match="there is no convert_hf_to_gguf"):
        export(run_dir, capsys, to="gguf", converter=str(tmp_path), out=tmp_path / "x" / "gguf")


def test_what_cannot_be_exported_is_one_line(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="e01 was trained in full"):
        export(run_dir, capsys, to=str(tmp_path / "out"), adapter=True)
    with pytest.raises(InputError, match="no name of a repository"):
        export(run_dir, capsys, to="hub:nothing")
    with pytest.raises(InputError, match=r"no name of a repository .*--"):
        export(run_dir, capsys, to="hub:org/no--name")
    nothing = make_finished_run(tmp_path / "nothing", kept=False)
    with pytest.raises(InputError, match="nothing beat the base model"):
        export(nothing, capsys, to=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wish", "flags"),
    [
        ({"to": "gguf", "adapter": True}, "--adapter"),
        (
            {"to": "ollama", "adapter": True, "converter": "x", "public": True},
            "--adapter, --converter, --public",
        ),
        ({"to": "out", "out": Path("elsewhere")}, "--out"),
        ({"to": "hub:org/name", "out": Path("elsewhere")}, "--out"),
        ({"to": "vllm", "adapter": True, "dtype": "float32"}, "--dtype"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wish: dict[str, Any], flags: str
) -> None:
    with pytest.raises(InputError, match="has no use for it") as caught:
        export(tmp_path / "no run", capsys, **wish)
    assert caught.value.what == flags


def test_an_adapter_of_a_base_that_nobody_has_is_not_pushed(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="its base is on this machine alone"):
        export(run_dir, capsys, to="hub:org/name", adapter=True)


def test_a_run_that_was_allowed_pickles_reads_its_base_again(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    run = make_finished_run(tmp_path)
    settings = json.loads((run / "run.json").read_text())
    weights = Path(settings["base_model"]) / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(InputError, match="pickles"):
        FinishedRun.open(run)
    (run / "run.json").write_text(json.dumps(settings | {"allow_pickle": True}))
    assert FinishedRun.open(run).base.path == weights.parent.resolve()


def test_piped_questions_are_answered_by_champion_and_base(
    run_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("copy the word 3\n\n/new\nand 4\n/quit\nnever asked\n"))
    chat_with(Console(file=io.StringIO()), run_dir, compare=True, keep_turns=False, max_new_tokens=4)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["e01", "base", "e01", "base"]


def test_a_conversation_keeps_its_turns_until_it_is_told_to_forget(tmp_path: Path) -> None:
    from tools.evaluation.conversation import Conversation

    model = make_tiny_model(tmp_path / "model")
    talk = Conversation(model, max_new_tokens=3, keep_turns=True)
    out = io.StringIO()
    answer_lines(questions(io.StringIO("one\ntwo\n"), typed=False), {"e01": talk}, out)
    assert [turn["content"] for turn in talk.turns if turn["role"] == "user"] == ["one", "two"]
    assert len(out.getvalue().splitlines()) == 2
    answer_lines(["/new", "three"], {"e01": talk}, out)
    assert [turn["content"] for turn in talk.turns if turn["role"] == "user"] == ["three"]
    alone = Conversation(model, max_new_tokens=3)
    pieces: list[str] = []
    assert alone.ask("three", pieces.append) == "".join(pieces) == talk.turns[-1]["content"]
    answer_lines(["word " * 300], {"e01": alone}, out)
    assert "error: the question: too long" in out.getvalue()
