"""Assets: the record of a family's published files (Hub id, pinned revision, files, columns, licence).

Each family declares its own in its ``assets.py``, with the rules by which its files are read. Below a data
root, files lie as ``<root>/<folder>/<path in the repository>``, or ``<root>/<owner>/<name>/<path>``.
``ftdojo prepare`` writes ``<root>/<folder>/prepared.json`` beside them; ``tasks.official.files``
reads it back and says which file changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

MANIFEST = "prepared.json"
"""``{"repo_id", "revision", "commit", "patterns", "files": {path: {"size", "sha256"}}, "tasks"}``.

``commit`` is the full hash that ``revision`` resolved to, ``patterns`` what was asked for and is
complete, ``tasks`` the row counts that were found: task id -> split rule -> [validation, test].
"""


@dataclass(frozen=True)
class LocalFile:
    """One file of a repository, on this machine."""

    path: Path
    name: str
    """Its path in the repository, with forward slashes."""

    @property
    def stem(self) -> str:
        """The file's name without folder and suffix."""
        return self.path.stem


Rows = list[dict[str, Any]]
Part = tuple[str, Rows, str]
"""Name of a source, its rows, and what was left out."""
BenchmarkRows = Callable[[LocalFile, Sequence[LocalFile]], list[tuple[int, dict[str, Any]]]]
PoolParts = Callable[["Assets", LocalFile, int], list[Part]]


@dataclass(frozen=True)
class Assets:
    """Files of one Hub data set repository."""

    folder: str
    """Name under the data root, such as ``tablebench``."""
    repo_id: str
    revision: str
    """Pinned commit (a prefix where only that is known; ``prepare`` resolves it to the full hash).

    ``main`` where no pin is known: ``prepare`` takes the newest commit and keeps its hash in the manifest."""
    files: tuple[str, ...]
    """Paths in the repository, glob patterns allowed (``*`` crosses folders, as on the Hub)."""
    columns: tuple[str, ...]
    """The columns by which a row is known; single files may hold more."""
    licence: str
    gated: bool = False
    """Whether the terms must be accepted on the Hub, with an account, before a download."""
    size: str = ""
    """What is known of the number of rows and bytes."""
    note: str = ""
    """Origin and quality of the rows, as the data set's own page or its users state them."""

    also: tuple[str, ...] = ()
    """The same rows in another layout that is in circulation, such as one JSON file a row."""
    benchmark_rows: BenchmarkRows | None = None
    """``benchmark_rows(file, files)``: (number from 1, row) of a file that are evaluation rows, columns
    added where the row alone does not say enough; None where all rows are."""
    pool_parts: PoolParts | None = None
    """``pool_parts(assets, file, seed)``: the training sources that a file holds; None where it is one."""
    common_parts: tuple[str, ...] = ()
    """Parts of paths that do not tell one file from another, and have no place in a source's name."""

    def only(self, *words: str) -> Assets:
        """The same repository, with those files alone whose paths hold one of the words (any case)."""
        kept = [
            tuple(path for path in paths if any(word.casefold() in path.casefold() for word in words))
            for paths in (self.files, self.also)
        ]
        if not kept[0]:
            raise ValueError(f"{self.repo_id} has no file with {' or '.join(words)} in its path")
        return replace(self, files=kept[0], also=kept[1])
