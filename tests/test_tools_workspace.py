"""Folders of a run: confinement, whole files, clear errors."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.errors import HarnessFault, InputError
from tools.workspace import Workspace, make_run_id


def test_a_run_id_names_task_seed_and_start():
    now = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
    assert make_run_id("aime25", 3, now) == "aime25-s3-20260131-101500"
    assert make_run_id("../my tasks/gsm 8k/", 0, now) == "gsm-8k-s0-20260131-101500"


def test_create_makes_the_folders_and_never_reuses_one(runs_dir: Path):
    first, second = Workspace.create(runs_dir, "r"), Workspace.create(runs_dir, "r")
    assert first.run_dir.name == "r"
    assert second.run_dir.name == "r-2"
    assert first.inside("data").is_dir()
    assert first.experiment_dir("e01").is_dir()


def test_a_runs_folder_is_its_owners_alone(tmp_path: Path):
    before = os.umask(0o022)
    try:
        run_dir = Workspace.create(tmp_path / "runs", "r").run_dir
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (run_dir, run_dir.parent)] == [0o700, 0o700]


def test_a_folder_that_cannot_be_made_is_an_input_error_with_the_fix(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file.*cannot be written.*--runs-dir"):
        Workspace.create(tmp_path / "file" / "runs", "r")


@pytest.mark.parametrize("path", ["../other", "data/../../other", "/etc/passwd", "link/secret"])
def test_paths_that_leave_the_run_are_refused(runs_dir: Path, tmp_path: Path, path: str):
    workspace = Workspace.create(runs_dir, "r")
    (workspace.run_dir / "link").symlink_to(tmp_path)
    with pytest.raises(HarnessFault, match="outside the run's folder"):
        workspace.inside(path)
    with pytest.raises(HarnessFault, match="outside the run's folder"):
        workspace.write_text(path, "x")


@pytest.mark.parametrize("name", ["../e01", "", "..", "a/b"])
def test_an_experiment_id_is_a_plain_name(runs_dir: Path, name: str):
    with pytest.raises(HarnessFault, match="not an experiment's id"):
        Workspace.create(runs_dir, "r").experiment_dir(name)


def test_paths_are_kept_relative(runs_dir: Path):
    workspace = Workspace.create(runs_dir, "r")
    assert workspace.relative(workspace.experiment_dir("e01") / "model") == "experiments/e01/model"
    assert workspace.inside("data/x.jsonl") == workspace.run_dir / "data" / "x.jsonl"


def test_files_are_replaced_whole_and_leave_nothing_beside_them(runs_dir: Path):
    workspace = Workspace.create(runs_dir, "r")
    workspace.write_jsonl("data/x.jsonl", [{"a": 1}])
    path = workspace.write_jsonl("data/x.jsonl", [{"a": "é"}, {"a": 2}])
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"a": "é"},
        {"a": 2},
    ]
    assert [entry.name for entry in workspace.inside("data").iterdir()] == ["x.jsonl"]


def test_a_full_disk_is_a_fault_that_says_so_and_keeps_the_old_file(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    workspace = Workspace.create(runs_dir, "r")
    path = workspace.write_text("run.json", "old")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(HarnessFault, match="disk is full"):
            workspace.write_text("run.json", "new")
    assert path.read_text() == "old"
    assert not list(workspace.run_dir.glob(".run.json*"))
