"""A small folder task and a tiny base model: what a whole run can be driven on in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ftdojo
from tasks.custom.folder import write_example
from tests.support.tiny_model import make_tiny_model

HELD_OUT_ROWS = 24
SOURCE_ROWS = 160
"""Of each file of training rows: a run reads all 1,300 of the example a second longer, to the same end."""


def small_task(folder: Path, held_out_rows: int = HELD_OUT_ROWS, source_rows: int = SOURCE_ROWS) -> Path:
    """The example task in a new folder, its files cut."""
    write_example(folder)
    for path in folder.rglob("*.jsonl"):
        most = held_out_rows if path.parent == folder else source_rows
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:most]), encoding="utf-8")
    return folder


def make_task_and_model(folder: Path, held_out_rows: int = HELD_OUT_ROWS) -> tuple[Path, Path]:
    """(task folder, model folder)."""
    return small_task(folder / "units", held_out_rows), make_tiny_model(folder / "model")


def run_arguments(task_and_model: tuple[Path, Path], runs_dir: Path, **others: Any) -> dict[str, Any]:
    """The settings of a run on it, as keywords of ``ftdojo.settings``."""
    task, model = task_and_model
    limits = {"memory": "off", "budget": "10m", "max_rows": 32, "max_experiments": 1}
    return {"task": str(task), "base_model": str(model), "runs_dir": str(runs_dir)} | limits | others


def run_settings(task_and_model: tuple[Path, Path], runs_dir: Path, **others: Any) -> Any:
    """The settings themselves."""
    return ftdojo.settings(**run_arguments(task_and_model, runs_dir, **others))
