"""A push to the Hub: one commit, held against what lies here; and what the Hub refuses is one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import InputError
from tests.conftest import ROOT
from tests.support.model_hub import TOKEN, ModelHub, model_hub
from tests.support.tiny_model import make_tiny_model
from tools.models.export import hub as pushing
from tools.models.named import NamedModel

PUSH = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from tasks.errors import InputError
from tools.models.export.hub import push
try:
    print(json.dumps(asdict(push(Path(sys.argv[1]), sys.argv[2], False))))
except InputError as error:
    print(json.dumps({"error": str(error)}))
"""
FETCH = """
import json, sys
from pathlib import Path
from tools.models.fetch import fetch
from tools.models.base_model import resolve_base_model
from tools.models.named import NamedModel
place = fetch(NamedModel(**json.loads(sys.argv[1])), None, Path(sys.argv[2]))
pinned = resolve_base_model(sys.argv[3])
print(json.dumps({"origin": place.origin, "folder": str(place.folder), "pinned": str(pinned.path)}))
"""


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with model_hub() as running:
        yield running


def child(hub: ModelHub, folder: Path, script: str, *arguments: str, token: str = TOKEN) -> dict[str, str]:
    """Runs a script that talks to the hub and prints JSON."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": token,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-P", "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_what_was_pushed_is_there_and_can_be_fetched_as_a_base(hub: ModelHub, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    (folder / "README.md").write_text("---\nlibrary_name: transformers\n---\n\n# Tiny\n")
    pushed = child(hub, tmp_path, PUSH, str(folder), "me/tiny")
    assert "error" not in pushed
    files = {name: content for name, content in hub.repos["me/tiny"].items() if name != ".gitattributes"}
    assert files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert hub.private["me/tiny"]
    assert (pushed["files"], pushed["commit"]) == (len(files), hub.commit("me/tiny"))

    named = NamedModel("tiny", "a tiny model", "me/tiny", pushed["commit"], "CC0-1.0", 50_000, 200_000)
    pinned = f"me/tiny@{pushed['commit']}"
    facts = json.dumps(named.__dict__)
    got = child(hub, tmp_path, FETCH, facts, str(tmp_path / "cache"), pinned)
    assert got["origin"] == "hub"
    assert got["pinned"] == got["folder"]
    assert (Path(got["folder"]) / "model.safetensors").read_bytes() == files["model.safetensors"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"refuse": 403}, "may not write there"),
        ({"refuse": 500}, "answers 500"),
        ({"damage": True}, "another file than was sent"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    hub: ModelHub, tmp_path: Path, fault: dict[str, int], words: str
) -> None:
    for name, value in fault.items():
        setattr(hub, name, value)
    line = child(hub, tmp_path, PUSH, str(make_tiny_model(tmp_path / "model")), "me/tiny")["error"]
    assert words in line
    assert "\n" not in line


def test_a_wrong_token_is_one_line_that_says_so(hub: ModelHub, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    line = child(hub, tmp_path, PUSH, str(folder), "me/tiny", token="hf_other")["error"]
    assert "hf auth login" in line


def test_a_name_that_is_none_is_refused_before_anything_is_written() -> None:
    for target in ("hub:tiny", "hub:a/b/c", "hub:"):
        with pytest.raises(InputError, match="no name of a repository"):
            pushing.repo_of(target)
