"""The image that ``langgraph build`` makes: its Dockerfile, and what goes into it. Nothing is built here."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
from pathlib import Path, PurePath

import pytest

pytest.importorskip("langgraph_cli", reason="langgraph-cli is not installed")
from tests.support import image

ROOT = Path(__file__).parent.parent
RENEW = "python -m tests.support.image --write"
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
]


def is_left_out(path: str) -> bool:
    """Whether Docker leaves a file of the project out of the image: by itself, or with a folder above it."""
    places = [PurePath(path), *PurePath(path).parents]
    return any(_matches(str(place), pattern) for place in places for pattern in IGNORED)


def _matches(place: str, pattern: str) -> bool:
    anywhere = pattern.startswith("**/")
    return fnmatch.fnmatchcase(PurePath(place).name if anywhere else place, pattern.removeprefix("**/"))


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout of the repository")
    return done.stdout.splitlines()


def test_the_dockerfile_is_what_langgraph_makes_of_its_configuration() -> None:
    assert image.DOCKERFILE.read_text(encoding="utf-8") == image.dockerfile(), RENEW


def test_the_configuration_names_the_packages_of_the_extras_at_the_locks_pins() -> None:
    config = json.loads(image.CONFIG.read_text(encoding="utf-8"))
    assert config["dependencies"] == [".", *image.packages()], RENEW
    assert {"torch", "trl", "chromadb", "rdkit"} <= {each.partition("==")[0] for each in image.packages()}


def test_every_command_of_the_dockerfile_is_one_that_a_shell_reads() -> None:
    lines = image.DOCKERFILE.read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if line and not line.startswith("#")]
    assert {line.split()[0] for line in said} == {"FROM", "ENV", "VOLUME", "RUN", "ADD", "WORKDIR"}
    for command in (line.removeprefix("RUN ") for line in said if line.startswith("RUN ")):
        done = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        # A range would be a redirection to the shell, and not a bound.
        assert not re.search(r"[\w\]][<>]=?\d", command)


def test_what_the_server_loads_is_in_the_image_and_secrets_and_runs_are_not() -> None:
    text = image.DOCKERFILE.read_text(encoding="utf-8")
    served = re.findall(rf"/deps/{image.FOLDER}/([\w/]+\.py):\w+", text)
    assert sorted(served) == ["graph/server/app.py", "graph/studio.py"]
    files = tracked()
    assert set(served) <= set(files)
    packages = ("ftdojo/", "graph/", "roles/", "tools/", "memory/", "tasks/")
    developers = ("tools/bench/", "tools/pretraining/")
    needed = [
        path
        for path in files
        if path in ("pyproject.toml", "README.md", "LICENSE")
        or (path.startswith(packages) and not path.startswith(developers))
    ]
    assert len(needed) > 300 and [path for path in needed if is_left_out(path)] == []
    secret = [".env", ".env.local", ".git/config", "runs/aime25-s0/journal.jsonl", ".ftdojo/memory/x.sqlite"]
    assert all(is_left_out(path) for path in (*secret, ".venv/bin/python", "graph/__pycache__/build.pyc"))
