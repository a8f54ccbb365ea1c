"""A task folder as a generator makes it: settings, items, and sources with their faults told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Row = Mapping[str, object]
VALIDATION_ITEMS, TEST_ITEMS = 300, 500


@dataclass(frozen=True)
class MadeSource:
    """One file of training rows, and what is wrong with it."""

    name: str
    """Says nothing about the fault."""
    rows: tuple[Row, ...]
    fault: str = ""
    """In words, for the table; empty for the clean source. Never written to the folder."""
    traits: tuple[str, ...] = ()
    """Names of what was done to it, of the drawn faults; a clean source may have few rows."""


@dataclass(frozen=True)
class MadeFolder:
    """A task before it is written to disk."""

    name: str
    toml: str
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    sources: tuple[MadeSource, ...]

    @property
    def clean(self) -> tuple[str, ...]:
        """The sources without a fault."""
        return tuple(source.name for source in self.sources if not source.fault)

    def write(self, parent: Path) -> Path:
        """The folder on disk; written again if it is there, without sources of an earlier version."""
        folder = parent / self.name
        (folder / "train").mkdir(parents=True, exist_ok=True)
        names = {source.name for source in self.sources}
        for old in (folder / "train").glob("*.jsonl"):
            if old.stem not in names:
                old.unlink()
        (folder / "task.toml").write_text(self.toml, encoding="utf-8")
        _write(folder / "validation.jsonl", self.validation)
        _write(folder / "test.jsonl", self.test)
        for source in self.sources:
            _write(folder / "train" / f"{source.name}.jsonl", source.rows)
        return folder


def _write(path: Path, rows: Iterable[Row]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
