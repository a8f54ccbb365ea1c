"""``ftdojo prepare`` against a hub on the loopback address, with every other socket blocked."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import registry
from tasks.aime.assets import AIME24, AIME2025, DEEPSCALER
from tasks.assets import MANIFEST, Assets
from tasks.base import LoadOptions
from tasks.chemcot.assets import CHEMCOT, CHEMCOTBENCH
from tasks.errors import InputError
from tasks.financeiq.assets import FINANCEIQ
from tasks.financeiq.task import SUBJECTS
from tasks.load import load
from tasks.panorama.assets import PANORAMA
from tasks.tablebench.assets import TABLEBENCH, TABLEINSTRUCT
from tests.conftest import ROOT
from tests.support.loopback_hub import Hub, Repo, child_environment, loopback_hub


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def aime_files() -> dict[str, bytes]:
    return {
        f"aime2025-{part}.jsonl": jsonl(
            [{"question": f"Part {part}: what is {n} plus {n}?", "answer": str(2 * n)} for n in range(15)]
        )
        for part in ("I", "II")
    } | {"README.md": b"a card"}


def pool_file() -> dict[str, bytes]:
    rows = [{"problem": f"Add {n} and 7.", "solution": "", "answer": str(n + 7)} for n in range(300)]
    return {"deepscaler.json": json.dumps(rows).encode()}


def large_pool_file() -> dict[str, bytes]:
    """The same rows in 24 MB: the client keeps what it got in pieces of ten."""
    return {"deepscaler.json": pool_file()["deepscaler.json"] + b" " * (24 << 20)}


def exam_files() -> dict[str, bytes]:
    files = {}
    for subject in SUBJECTS:
        for split, count in (("dev", 5), ("test", 16)):
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow(["", "Question", "A", "B", "C", "D", "Answer"])
            for n in range(count):
                writer.writerow([n, f"{subject}{split}题{n}？", "甲", "乙", "丙", "丁", "ABCD"[n % 4]])
            files[f"data/{split}/{subject}.csv"] = text.getvalue().encode()
    return files


@pytest.fixture
def hub() -> Iterator[Hub]:
    with loopback_hub() as running:
        running.add(Repo(AIME2025, aime_files()))
        running.add(Repo(DEEPSCALER, pool_file()))
        running.add(Repo(FINANCEIQ, exam_files()))
        yield running


class Shell:
    """``ftdojo`` in a child process."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.root, self.environment = folder / "data", child_environment(folder, hub.endpoint, ROOT)
        self.stderr = ""

    def __call__(self, *arguments: str, code: int = 0, **variables: str) -> tuple[Any, list[str]]:
        """What it printed as JSON, and its error lines."""
        done = subprocess.run(
            [sys.executable, "-m", "graph", *arguments, "--data-root", str(self.root), "--json"],
            cwd=ROOT,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.stderr = done.stderr
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        said = json.loads(done.stdout) if done.stdout else None
        return said, [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.fixture
def shell(tmp_path: Path, hub: Hub) -> Shell:
    return Shell(tmp_path, hub)


def by_folder(said: Any) -> dict[str, dict[str, Any]]:
    return {each["folder"]: each for each in said["repositories"]}


def test_a_task_is_downloaded_once_verified_and_named_when_it_changes(shell: Shell, hub: Hub) -> None:
    said, errors = shell("prepare", "aime25")
    assert errors == []
    repositories = by_folder(said)
    assert repositories["aime25"]["downloaded"] == ["aime2025-I.jsonl", "aime2025-II.jsonl"]
    assert repositories["aime25"]["commit"] == hub.repos["opencompass/AIME2025"].commit
    assert said["tasks"][0]["rows"]["published"] == [15, 15]
    assert sum(said["tasks"][0]["rows"]["own"]) == 30
    assert not (shell.root / "aime25" / "README.md").exists()

    asked = len(hub.requests)
    again, _ = shell("prepare", "aime25")
    assert len(hub.requests) == asked, "what is verified needs no network"
    assert by_folder(again)["deepscaler"]["downloaded"] == []

    tasks, _ = shell("tasks")
    shown = {task["id"]: task for task in tasks}
    assert shown["aime25"]["prepared"] is True
    assert shown["aime25"]["rows"]["official"] == said["tasks"][0]["rows"]["own"]
    assert shown["FinanceIQ_gen"]["prepared"] is False

    changed = shell.root / "aime25" / "aime2025-II.jsonl"
    changed.write_bytes(changed.read_bytes().replace(b'"28"', b'"29"'))
    with pytest.raises(InputError, match=r"aime2025-II\.jsonl: it changed since .*ftdojo prepare aime25"):
        load(registry.get("aime25"), "official", 0, LoadOptions(shell.root))
    mended, _ = shell("prepare", "aime25")
    assert by_folder(mended)["aime25"]["changed"] == ["aime2025-II.jsonl"]
    assert by_folder(mended)["aime25"]["downloaded"] == ["aime2025-II.jsonl"]
    assert load(registry.get("aime25"), "official", 0, LoadOptions(shell.root)).validation


RESUMED = f"deepscaler.json bytes={10 << 20}-"
BROKEN: dict[str, tuple[Assets, dict[str, Any] | None, str]] = {
    "forbidden": (PANORAMA, {"status": 403}, "the token's account may not read it (403)"),
    "gated": (CHEMCOTBENCH, {"gated": True}, "is gated: it needs a token"),
    "missing": (CHEMCOT, None, "no such data set on the Hub"),
    "server error": (TABLEBENCH, {"status": 500}, "the Hub answers 500"),
    "changed hash": (TABLEINSTRUCT, {"altered": True}, "its hash is not the one that the Hub reports"),
}


def test_all_goes_on_after_a_failing_repository_and_lists_what_failed(shell: Shell, hub: Hub) -> None:
    for repository, fault, _ in BROKEN.values():
        if fault is not None:
            names = [pattern.replace("*", "rows") for pattern in repository.files]
            hub.add(Repo(repository, dict.fromkeys(names, b'{"id": 1, "text": "abc"}\n'), **fault))
    hub.add(Repo(DEEPSCALER, large_pool_file(), cuts=1))
    said, errors = shell("prepare", "--all", code=2)
    repositories = by_folder(said)
    for name, (repository, _, line) in BROKEN.items():
        assert line in repositories[repository.folder]["error"], name
        [shown] = [error for error in errors if line in error and repository.folder[:5] in error.lower()]
        assert "; " in shown, "every error says what to do"
    good = {"aime25", "deepscaler", "financeiq"}
    assert [folder for folder in good if "error" in repositories[folder]] == []
    counted = {task["task"]: task["rows"]["published"] for task in said["tasks"] if "rows" in task}
    assert counted == {"aime25": [15, 15], "FinanceIQ_gen": [40, 40]}
    # The cut download went on where it was cut.
    pool = [request for request in hub.downloads() if "deepscaler.json" in request]
    assert [request.rpartition("/")[2] for request in pool] == ["deepscaler.json", RESUMED]
    assert hub.endpoint in repositories["chemcotbench"]["error"]
    assert not list((shell.root / "tableinstruct").glob("*.jsonl")), "a file that is wrong stays nowhere"


def test_a_download_that_stays_cut_is_one_line_and_the_next_call_keeps_what_is_complete(
    shell: Shell, hub: Hub
) -> None:
    pool = hub.add(Repo(DEEPSCALER, large_pool_file(), cuts=10_000))
    content = pool.files["deepscaler.json"]
    _, [line] = shell("prepare", "aime25", code=2)
    assert "the download was cut" in line
    assert "run it again" in line
    assert [start.split()[0] for start in shell.stderr.splitlines() if start] == [
        "verified",
        "failed",
        "error:",
    ]
    asked = [request for request in hub.downloads() if "deepscaler.json" in request]
    assert 2 <= len(asked) <= 10, "it gives up when tries bring nothing"
    assert not (shell.root / "deepscaler" / "deepscaler.json").exists()
    pool.cuts, before = 0, len(hub.downloads())
    said, _ = shell("prepare", "aime25")
    later = hub.downloads()[before:]
    assert [request.split("/")[-1] for request in later] == ["deepscaler.json"]
    assert by_folder(said)["deepscaler"]["downloaded"] == ["deepscaler.json"]
    assert (shell.root / "deepscaler" / "deepscaler.json").read_bytes() == content


def test_a_token_opens_a_gated_repository(shell: Shell, hub: Hub) -> None:
    hub.repos["opencompass/AIME2025"].gated = True
    _, [line] = shell("prepare", "aime25", code=2)
    assert line.startswith("error: opencompass/AIME2025: the repository is gated")
    assert "hf auth login" in line
    said, errors = shell("prepare", "aime25", HF_TOKEN="good-token")
    assert errors == []
    assert len(by_folder(said)["aime25"]["downloaded"]) == 2


def test_a_full_disk_a_lost_revision_and_no_network_are_one_line_each(shell: Shell, hub: Hub) -> None:
    _, lines = shell("prepare", "FinanceIQ_gen", code=2, TEST_FREE_BYTES="1000")
    assert ["the disk is full" in line and "--data-root" in line for line in lines] == [True]
    kept = hub.repos.pop("Duxiaoman-DI/FinanceIQ")
    hub.add(Repo(Assets(**{**kept.assets.__dict__, "revision": "0123456"}), kept.files))
    _, [line] = shell("prepare", "FinanceIQ_gen", code=2)
    assert "it has no revision fca1d9c" in line
    _, [line] = shell("prepare", "FinanceIQ_gen", code=2, HF_ENDPOINT="http://127.0.0.1:9")
    assert "the Hub cannot be reached" in line
    assert [start.split()[0] for start in shell.stderr.splitlines() if start] == ["failed", "error:"]
    assert not (shell.root / "financeiq" / MANIFEST).exists()


def test_an_extension_without_a_pin_is_taken_at_the_newest_commit(shell: Shell, hub: Hub) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    rows = [{"problem": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(30)]
    content = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), content)
    hub.add(Repo(AIME24, {"data/train-00000-of-00001.parquet": content.getvalue()}))
    said, errors = shell("prepare", "aime24")
    assert errors == []
    assert by_folder(said)["aime24"]["commit"] == hub.repos[AIME24.repo_id].commit
    assert sum(said["tasks"][0]["rows"]["own"]) == 30
    asked = len(hub.requests)
    again, _ = shell("prepare", "aime24")
    assert by_folder(again)["aime24"]["downloaded"] == []
    assert len(hub.requests) == asked, "the newest commit of the first call stays the pin"
    card, _ = shell("tasks", "aime24")
    assert card["prepared"] is True
    assert card["example"]["prompt"].startswith("What is")
