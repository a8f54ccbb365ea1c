"""A base model is found and described from its files' headers, or refused in one line that says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tasks.errors import InputError
from tests.support.tiny_model import make_tiny_model
from tools.models.base_model import count_tokens, resolve_base_model

ROOT = Path(__file__).parent.parent


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "mine")


def refusal(name: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        resolve_base_model(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_directory_is_described_from_its_headers(model: Path) -> None:
    found = resolve_base_model(str(model))
    weights = load_file(model / "model.safetensors")
    assert found.parameters == sum(array.size for array in weights.values())
    assert (found.name, found.path) == ("mine", model.resolve())
    assert (found.n_layers, found.hidden_size, found.max_positions) == (2, 32, 256)
    assert found.vocab == len(weights["model.embed_tokens.weight"])
    assert found.size_gib == pytest.approx((model / "model.safetensors").stat().st_size / 2**30)


def test_the_fingerprint_follows_the_configuration(model: Path) -> None:
    before = resolve_base_model(str(model)).sha
    assert resolve_base_model(str(model)).sha == before
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-6}))
    assert resolve_base_model(str(model)).sha != before


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_a_missing_part_is_named(model: Path, missing: str, words: str) -> None:
    (model / missing).unlink()
    assert words in refusal(model)


def test_malformed_files_are_named(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"oops")
    assert "not a safetensors file" in refusal(model)
    (model / "config.json").write_text("{")
    assert "not valid JSON" in refusal(model)


def test_an_unknown_name_gets_the_nearest_bundled_one() -> None:
    assert "did you mean ftdojo-mini?" in refusal("ftdojo-mimi")
    assert "no such model or directory" in refusal("/no/such/folder")


def test_tokens_are_counted_as_the_tokenizer_does(model: Path) -> None:
    count = count_tokens(resolve_base_model(str(model)))
    assert count("") == 0
    assert count("copy the word") < len("copy the word")
    assert count("<|bos|><|user|>") == 2
    assert count("答案") == 6  # a byte each: the tiny tokenizer never saw Chinese


HUB = """
import http.server, json, os, sys, threading
answers = {"missing": (404, "RepoNotFound"), "gated": (403, "GatedRepo"), "broken": (500, "")}
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, code = next(answer for name, answer in answers.items() if name in self.path)
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_address[1]}"
from tasks.errors import InputError
from tools.models.base_model import resolve_base_model
lines = {}
for name in (*answers, "offline"):
    if name == "offline":
        server.shutdown()
        server.server_close()
    try:
        resolve_base_model(f"someone/{name}")
    except InputError as error:
        lines[name] = str(error)
sys.stdout.write(json.dumps(lines))
"""


def test_what_the_hub_answers_becomes_one_clear_line(tmp_path: Path) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", HUB]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=150)
    lines = json.loads(done.stdout)
    assert "no such model on the Hugging Face Hub" in lines["missing"]
    assert "access to this model is restricted" in lines["gated"]
    assert "the Hub cannot be reached" in lines["broken"]
    assert "the Hub cannot be reached" in lines["offline"]
    for name, line in lines.items():
        assert line.startswith(f"someone/{name}: ")
        assert "\n" not in line
