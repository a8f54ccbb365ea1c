"""One run's folder: where things lie, and how they are written.

    runs/<run>/journal.jsonl      the truth
               checkpoints.sqlite the graph's own
               data/              curated rows, by hash
               experiments/<id>/  one experiment's files
               champion/          the exported model
               report.html

Every path is inside the run's folder or refused, symbolic links included. A file is
written beside its place, flushed to the disk and renamed: a reader sees the old file
or the new one, and a kill in between leaves no half file.
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from memory.journal.durable import sync_folder
from tasks.errors import DiskFull, HarnessFault, InputError, MachineFault, fault_of, reason_of

OWNER_ONLY = 0o700
"""Rights of a new run's folder: rows, answers and the journal are nobody else's on a shared machine."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def make_run_id(task: str, seed: int, now: datetime) -> str:
    """A run's name, such as ``aime25-s0-20260131-101500``: sortable within a task, safe as a folder.

    Args:
        task: a task's id, or the path of a user's task folder.
        now: the start, in any time zone; written as given.
    """
    stem = _UNSAFE.sub("-", task.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "task"
    return f"{stem}-s{seed}-{now:%Y%m%d-%H%M%S}"


class Workspace:
    """The folder of one run, which may exist already. ``create`` makes a new one."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir.resolve()

    @classmethod
    def create(cls, runs_dir: Path, run: str) -> Workspace:
        """Make the folder of a new run; a taken name gets ``-2``, ``-3``... behind it.

        Raises:
            InputError: the folder cannot be made or written.
        """
        try:
            runs_dir.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
            run_dir = _new_folder(runs_dir.resolve(), run)
            (run_dir / "data").mkdir()
            (run_dir / "experiments").mkdir()
        except OSError as error:
            raise InputError(
                str(runs_dir),
                f"cannot be written ({error.strerror or error})",
                "choose a folder you may write to with --runs-dir",
            ) from error
        return cls(run_dir)

    @property
    def champion_dir(self) -> Path:
        """Where the champion is exported to."""
        return self.run_dir / "champion"

    @property
    def journal_path(self) -> Path:
        """The journal of the run."""
        return self.run_dir / "journal.jsonl"

    @property
    def checkpoints_path(self) -> Path:
        """The graph's checkpoints."""
        return self.run_dir / "checkpoints.sqlite"

    def experiment_dir(self, experiment: str) -> Path:
        """The folder of one experiment, or of ``base``; made when missing.

        Raises:
            HarnessFault: the id is not a plain name, or the folder cannot be made.
        """
        if _UNSAFE.search(experiment) or experiment in ("", ".", ".."):
            raise HarnessFault(f"{experiment!r} is not an experiment's id")
        path = self.inside(f"experiments/{experiment}")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _fault(path, error) from error
        return path

    def inside(self, relative: str | Path) -> Path:
        """The absolute path of something in the run's folder, existing or not.

        Raises:
            HarnessFault: it lies outside, by ``..``, an absolute path or a symbolic link, or can be no path.
        """
        try:
            path = (self.run_dir / relative).resolve()
        except (ValueError, OSError, RuntimeError) as error:
            raise HarnessFault(f"{str(relative)[:80]!r}: is no path ({reason_of(error)})") from error
        if not path.is_relative_to(self.run_dir):
            raise HarnessFault(f"{relative}: outside the run's folder {self.run_dir}")
        return path

    def relative(self, path: Path) -> str:
        """``path`` as records keep it: relative to the run's folder, with forward slashes."""
        return self.inside(path).relative_to(self.run_dir).as_posix()

    def write_text(self, path: str | Path, text: str) -> Path:
        """Write a file whole or not at all.

        Raises:
            HarnessFault: outside the run's folder, a full disk, or another failure to write.
        """
        target = self.inside(path)
        temporary = ""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
            with os.fdopen(fd, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
            sync_folder(target.parent)
        except OSError as error:
            raise _fault(target, error) from error
        finally:
            if temporary:
                Path(temporary).unlink(missing_ok=True)
        return target

    def write_json(self, path: str | Path, value: Any) -> Path:
        """``write_text`` of indented JSON."""
        return self.write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def write_jsonl(self, path: str | Path, rows: Iterable[Mapping[str, Any]]) -> Path:
        """``write_text`` of one JSON object a line."""
        return self.write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _new_folder(runs_dir: Path, run: str) -> Path:
    attempt = 1
    while True:
        path = runs_dir / (run if attempt == 1 else f"{run}-{attempt}")
        try:
            path.mkdir(mode=OWNER_ONLY)
        except FileExistsError:
            attempt += 1
        else:
            return path


def _fault(path: Path, error: OSError) -> HarnessFault:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{path}: the disk is full; free some space, then `ftdojo resume` goes on")
    fault = fault_of(str(path), error)
    if isinstance(fault, MachineFault):
        return fault
    return HarnessFault(f"{path}: cannot be written ({error.strerror or error})")
