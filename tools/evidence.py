"""Evidence of what a run writes: the digest of a file stands in the journal before the file is used again.

A file of answers is recorded first and written then. After a kill in between, the journal knows a file that
is not there, and the answers are made again; a file that the journal does not know was not written by the
run, and is never taken for an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from memory.journal.evidence import files_on_record, subjects_on_record
from memory.journal.history import BASE, History
from memory.journal.log import Journal
from tasks.official.files import sha256_of
from tools.workspace import Workspace

NOT_WEIGHTS = (".new", ".lock", ".log")
"""Endings of files in a model's folder that are nobody's weights."""


def files_under(folder: Path) -> list[Path]:
    """The files of a folder and those below it, sorted; links are not followed."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.endswith(NOT_WEIGHTS)
    ]


def weights_on_record(history: History, model: str) -> str:
    """One digest of a model's files as the journal names them: of ``base``, or of a trained experiment."""
    if model == BASE:
        parts = (subjects_on_record(history).get(BASE) or {}).get("parts") or {}
    else:
        trained = [
            event.data["files"]
            for event in history.events
            if event.kind == "evidence" and event.experiment == model and event.data.get("about") == "model"
        ]
        names = trained[-1] if trained else {}
        parts = {name: found for name, found in files_on_record(history).items() if name in names}
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Evidence:
    """The files of one run that its journal vouches for.

    Args:
        journal: of the run, open for writing.
        workspace: its folder.
    """

    def __init__(self, journal: Journal, workspace: Workspace) -> None:
        self.journal, self.workspace = journal, workspace

    def holds(self, path: Path) -> bool:
        """Whether a file is there, and is the one that the journal names; another one is told of."""
        name = self.workspace.relative(path)
        try:
            found = sha256_of(path)
        except OSError:
            return False
        if (recorded := files_on_record(self.journal).get(name)) == found:
            return True
        why = "another one than the run wrote" if recorded else "none that the run wrote"
        self.journal.note(f"{name} is {why}, and is not used", stranger={"file": name, "sha256": found})
        return False

    def knows(self, path: Path) -> bool:
        """Whether the journal names a file, whatever lies there now."""
        return self.workspace.relative(path) in files_on_record(self.journal)

    def write_jsonl(self, path: Path, rows: Iterable[Mapping[str, Any]], about: str) -> None:
        """``Workspace.write_jsonl``, recorded first.

        Raises:
            HarnessFault: the journal or the file cannot be written.
        """
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self._record(about, {self.workspace.relative(path): sha256(text.encode("utf-8")).hexdigest()}, None)
        self.workspace.write_text(path, text)

    def vouch(self, about: str, name: str, experiment: str | None = None, **facts: Any) -> None:
        """Record files as they are now; what the journal knows already is not said again.

        Args:
            about: what they are, in a word.
            name: a path within the run's folder; a folder stands for the files below it.
            experiment: whose they are.
            facts: what else belongs to them.
        """
        path = self.workspace.inside(name)
        files = files_under(path) if path.is_dir() else [path]
        found = {self.workspace.relative(file): sha256_of(file) for file in files}
        self._record(about, found, experiment, **facts)

    def vouch_model(self, name: str, experiment: str, parent: str) -> None:
        """Record trained weights, and those that the training began from.

        Args:
            name: the folder, within the run's.
            experiment: whose weights they are.
            parent: an experiment, or ``base``.
        """
        began = weights_on_record(self.journal, parent)
        self.vouch("model", name, experiment, parent=parent, parent_digest=began)

    def _record(self, about: str, files: Mapping[str, str], experiment: str | None, **facts: Any) -> None:
        known = files_on_record(self.journal)
        new = {name: digest for name, digest in files.items() if known.get(name) != digest}
        if new or facts:
            self.journal.append("evidence", {"about": about, "files": new, **facts}, experiment)
