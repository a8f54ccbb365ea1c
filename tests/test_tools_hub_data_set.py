"""Data sets of a loopback hub as tasks: which rows, at which commit, and what is said without them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.assets import Assets
from tasks.custom.folder import load_folder
from tests.conftest import ROOT
from tests.support.loopback_hub import Hub, Repo, child_environment, loopback_hub


def questions(word: str, count: int) -> list[dict[str, Any]]:
    return [{"question": f"What is {n} {word} and {n * n}?", "answer": str(n + n * n)} for n in range(count)]


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def csv(numbers: range) -> bytes:
    lines = (f"How much is {n} times {n}?,{n * n}\n" for n in numbers)
    return "".join(["question,answer\n", *lines]).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    from datasets import Dataset

    file = io.BytesIO()
    Dataset.from_list(rows).to_parquet(file)
    return file.getvalue()


def repo(name: str, files: dict[str, bytes], revision: str = "main", **faults: Any) -> Repo:
    return Repo(Assets(name, name, revision, (), (), ""), files, **faults)


def card(files: str) -> bytes:
    return f"---\nconfigs:\n- config_name: a\n  data_files: {files}\n---\n".encode()


CARD = b"""---
license: mit
configs:
- config_name: main
  default: true
  data_files:
  - split: train
    path: main/part-*
  - split: validation
    path: main/held.jsonl
  - split: test
    path: main/last.jsonl
- config_name: socratic
  data_files:
  - split: train
    path: socratic/*.jsonl
dataset_info:
  features:
  - name: question
    dtype: a type that nobody knows
---
# Sums
"""


def sums() -> dict[str, bytes]:
    return {
        "README.md": CARD,
        ".gitattributes": b"",
        "main/part-1.jsonl": jsonl(questions("plus", 30)),
        "main/part-2.jsonl": jsonl(questions("more than", 30)),
        "main/held.jsonl": jsonl(questions("held and", 12)),
        "main/last.jsonl": jsonl(questions("at last", 14)),
        "socratic/one.jsonl": jsonl(questions("asked of", 70)),
    }


@pytest.fixture(scope="module")
def parts() -> dict[str, dict[str, bytes]]:
    several = CARD.replace(b"  default: true\n", b"")
    return {
        "org/sums": sums(),
        "org/several": {**sums(), "README.md": several},
        "org/plain": {
            "data/train-00000-of-00002.parquet": parquet(questions("plus", 40)),
            "data/train-00001-of-00002.parquet": parquet(questions("minus", 40)),
            "data/test-00000-of-00001.parquet": parquet(questions("at last", 20)),
        },
        "org/lone": {
            "README.md": b"# no header",
            "rows-1.csv": csv(range(40)),
            "rows-2.csv": csv(range(40, 80)),
            "notes.json": b'[{"a": 1}]',
        },
        "org/scripted": {"scripted.py": b"raise SystemExit", "README.md": b"# x"},
        "org/pictures": {"a.png": b"1", "b.png": b"2"},
        "org/nothing": {"README.md": b"# x"},
        "org/outward": {"README.md": card("/etc/*.json"), "a.json": b"[]"},
        "org/astray": {"README.md": card("b.json"), "a.json": b"[]"},
        "org/broken-card": {"README.md": b"---\nconfigs: [\n---\n", "a.jsonl": jsonl(questions("plus", 50))},
        "org/converted": {
            "one/train/0000.parquet": parquet(questions("plus", 50)),
            "two/train/0000.parquet": parquet(questions("minus", 30)),
            "two/extra/0000.parquet": parquet(questions("extra", 30)),
        },
    }  # fmt: skip


@pytest.fixture
def hub(parts: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    with loopback_hub() as running:
        for name, files in parts.items():
            running.add(repo(name, files))
        running.add(repo("org/gated", sums(), gated=True))
        yield running


class Loader:
    """Tasks loaded in a child process that reaches nothing but the hub."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.environment = folder, child_environment(folder, hub.endpoint, ROOT)

    def run(self, *arguments: str, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def __call__(self, *names: str, **variables: str) -> list[Any]:
        said = self.run("-m", "tests.support.load_tasks", *names, **variables)
        return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def load(tmp_path: Path, hub: Hub) -> Loader:
    return Loader(tmp_path, hub)


def prompts(word: str, count: int) -> list[str]:
    return [row["question"] for row in questions(word, count)]


def test_configs_and_splits_are_those_of_the_owner(load: Loader, hub: Hub) -> None:
    default, chosen, plain, lone, by_branch, converted, one_split = load(
        "org/sums", "org/several:socratic", "org/plain", "org/lone", "org/lone@main", "org/converted:two",
        "org/sums:main:validation+train",
    )  # fmt: skip
    assert default["train"] == {"train": [*prompts("plus", 30), *prompts("more than", 30)]}
    assert default["validation"] == prompts("held and", 12) and default["test"] == prompts("at last", 14)
    assert default["id"] == "sums" and default["licence"] == "mit"
    commit = hub.repos["org/sums"].commit
    assert default["source"] == f"org/sums@{commit}"
    (note,) = [line for line in default["understood"] if commit in line]
    assert "config main (not used: socratic), split train, validation, test" in note
    assert chosen["source"].endswith(":socratic") and chosen["id"] == "several-socratic"
    assert sum(len(rows) for rows in (*chosen["train"].values(), chosen["validation"], chosen["test"])) == 70
    assert plain["test"] == prompts("at last", 20)
    assert len(plain["train"]["train"]) + len(plain["validation"]) == 80
    assert lone["test"] == by_branch["test"] and "notes.json" in " ".join(lone["understood"])
    assert set(converted["train"]) == {"train", "extra"} and converted["id"] == "converted-two"
    assert one_split["validation"] == prompts("held and", 12)
    assert not set(one_split["test"]) & set(prompts("at last", 14)), "the test split was not asked for"


def test_what_cannot_be_had_is_one_line_that_says_what_to_do(load: Loader) -> None:
    Path(load.folder / "here").mkdir()
    wanted = {
        "org/absent": ("no such file or folder here, and there is no such data set on the Hub", "HF_TOKEN"),
        "org/gated": ("gated", "hf auth login"),
        "org/several": ("2 configs", "org/several:main (of main, socratic)"),
        "org/sums:sokratic": ("no config 'sokratic' (main, socratic)", "socratic"),
        "org/sums:main:tets": ("no split 'tets' (train, validation, test)", "did you mean"),
        "org/sums@v9": ("no revision v9", "branch"),
        "org/scripted": ("script (scripted.py), which is not run", "org/scripted@refs/convert/parquet"),
        "org/pictures": ("no file of rows that is read (a.png: an image", "another"),
        "org/nothing": ("no file of rows that is read (it is empty)", "another"),
        "org/outward": ("'/etc/*.json', which is not in the repository", "download"),
        "org/astray": ("names files that are not there", "download"),
        "org/broken-card": ("not valid YAML", "owner"),
        "here/none.jsonl": ("no such file or folder, and it is no id of a Hub data set", "ORG/NAME:CONFIG"),
        "none.csv": ("no such file or folder, and it is no id of a Hub data set", "path"),
        "org/a--b": ("no such file or folder here, and it is no Hub id", "spelling"),
        "./org/sums": ("no such file or folder, and it is no id of a Hub data set", "path"),
    }
    for (name, parts), said in zip(wanted.items(), load(*wanted), strict=True):
        assert set(said) == {"error"}, name
        assert "\n" not in said["error"] and len(said["error"]) < 500
        for part in parts:
            assert part in said["error"], (name, said["error"])
    (let_in,) = load("org/gated", HF_TOKEN="good-token")
    assert let_in["test"] == prompts("at last", 14)


def test_what_was_downloaded_needs_no_network_and_the_rest_says_so(load: Loader, hub: Hub) -> None:
    first, path = load("org/sums", "org/plain")[0], load.folder / "org" / "plain"
    asked = len(hub.requests)
    again, pinned, other, absent = load(
        "org/sums", first["source"], "org/sums:socratic", "org/lone", HF_HUB_OFFLINE="1"
    )
    assert again == pinned == first
    assert len(hub.requests) == asked
    assert "HF_HUB_OFFLINE forbids downloads; unset it" in other["error"]
    assert "no such file or folder here, and HF_HUB_OFFLINE forbids downloads" in absent["error"]
    lost, missed = load("org/sums", "org/lone", HF_ENDPOINT="http://127.0.0.1:9")
    assert lost == first and "the Hub cannot be reached" in missed["error"]
    path.mkdir(parents=True)
    (path / "rows.jsonl").write_bytes(jsonl(questions("on disk", 60)))
    (on_disk,) = load("org/plain")
    assert "on disk" in on_disk["test"][0], "what exists on disk is a path"


def test_a_commit_stays_what_it_was_and_damage_is_found(load: Loader, hub: Hub) -> None:
    (first,) = load("org/sums")
    moved = {**sums(), "main/held.jsonl": jsonl(questions("moved", 12))}
    hub.add(repo("org/sums", moved, revision="b" * 40))
    hub.add(repo("org/lone", hub.repos["org/lone"].files, altered=True))  # type: ignore[arg-type]
    pinned, newest, damaged = load(first["source"], "org/sums", "org/lone:default")
    assert pinned == first
    assert newest["validation"] == prompts("moved", 12) and newest["source"] == f"org/sums@{'b' * 40}"
    assert "told apart" not in damaged["error"] and "hash" in damaged["error"]
    hub.add(repo("org/lone", hub.repos["org/lone"].files))  # type: ignore[arg-type]
    assert "error" not in load("org/lone:default")[0], "what was damaged is fetched again"


START = """
from graph.session import start
from graph.settings import make_settings
session = start(make_settings(task="org/sums", runs_dir="runs", memory="off"))
print(session.settings.task, session.dojo.test.digest)
session.close()
"""
REOPEN = """
from pathlib import Path
from graph.session import reopen
session = reopen(next(Path("runs").iterdir()))
print(session.settings.task, session.dojo.test.digest)
session.close()
"""


def test_a_run_goes_on_with_the_rows_that_it_began_with(load: Loader, hub: Hub) -> None:
    commit = hub.repos["org/sums"].commit
    began = load.run("-c", START)
    assert began.startswith(f"org/sums@{commit} ")
    hub.add(repo("org/sums", {**sums(), "main/last.jsonl": jsonl(questions("moved", 14))}, revision="b" * 40))
    assert load.run("-c", REOPEN) == began
    (run,) = (load.folder / "runs").iterdir()
    assert commit in (run / "journal.jsonl").read_text(encoding="utf-8"), "the run's notes name the commit"


def test_a_task_is_written_out_and_sources_name_the_hub(load: Loader, hub: Hub) -> None:
    said = load.run("-m", "graph", "init-task", "org/sums")
    folder = load.folder / "sums-task"
    text = (folder / "task.toml").read_text(encoding="utf-8")
    commit = hub.repos["org/sums"].commit
    assert "wrote sums-task" in said and commit in said
    assert f'origin = "org/sums@{commit}"' in text and 'licence = "mit"' in text
    assert load_folder(folder).source == f"org/sums@{commit}"
    (folder / "task.toml").write_text(
        text + 'sources = ["org/plain", "org/several:socratic:train", "more.jsonl"]\n', encoding="utf-8"
    )
    (folder / "more.jsonl").write_bytes(jsonl(questions("more", 9)))
    (read,) = load("sums-task")
    assert {name: len(rows) for name, rows in read["train"].items()} == {
        "train": 60, "plain": 80, "several-socratic": 70, "more": 9,
    }  # fmt: skip
    assert "org/plain: not trained on: test" in read["understood"]
    error = load.run("-m", "graph", "init-task", "org/absent", code=2)
    assert "no such data set on the Hub" in error and "write ./org/absent" in error
    load.run("-m", "graph", "init-task", "./org/absent")
    assert (load.folder / "org" / "absent" / "task.toml").is_file()
