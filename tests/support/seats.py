"""Seats at small runs whose children are played (``tests.support.scripted_worker``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from graph.doors.seat import Seat, open_seat
from tasks.custom.folder import write_example
from tests.support.scripted_worker import play_children

TRAINING = {"max_steps": 20, "per_device_train_batch_size": 8, "learning_rate": 0.002}
Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""From a verb and its arguments to its answer as plain values."""


HELD_OUT_ROWS, SOURCE_ROWS = 60, 90


def small_task(folder: Path) -> Path:
    """The example task with few rows; made once."""
    task = folder / "units"
    if not task.exists():
        write_example(task)
        cut = {"validation.jsonl": HELD_OUT_ROWS, "test.jsonl": HELD_OUT_ROWS}
        for path in (*task.glob("*.jsonl"), *task.glob("train/*.jsonl")):
            lines = path.read_text(encoding="utf-8").splitlines()[: cut.get(path.name, SOURCE_ROWS)]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return task


def seat_settings(runs_dir: Path, task: str = "", **others: Any) -> Any:
    """Settings of a run with the bundled model, without memory; of a small task, where none is named."""
    task = task or str(small_task(runs_dir))
    limits = {"memory": "off", "answer_cache": "off", "budget": "10m", "max_rows": 200}
    return ftdojo.settings(task, **(limits | {"runs_dir": str(runs_dir)} | others))


def seat_at(patch: pytest.MonkeyPatch, runs_dir: Path, task: str = "", **others: Any) -> Seat:
    """An open seat; ``others`` are settings."""
    settings = seat_settings(runs_dir, task, **others)
    play_children(patch, settings)
    return open_seat(settings)


def play_one(ask: Ask, source: str = "", learning_rate: float = 0.002) -> Mapping[str, Any]:
    """One experiment from its plan to its end."""
    source = source or usable(ask)[0]
    given: dict[str, Any] = {"hypothesis": f"{source} suffices", "sources": [source]}
    if ask("read_status", {})["standing"]["experiments_done"]:
        given["change"] = "data"
    planned = ask("plan_experiment", given)
    id = {"experiment": planned["facts"]["experiment"]}
    ask("run_data_recipe", id)
    ask("train_model", id | {"plan": TRAINING | {"learning_rate": learning_rate}})
    ask("evaluate_model", id)
    return ask("finish_experiment", id)


def usable(ask: Ask) -> list[str]:
    """Sources whose rows can be mapped."""
    names = [each["name"] for each in ask("list_sources", {})["facts"]["sources"]]
    return [name for name in names if ask("profile_source", {"source": name})["facts"]["suggested_columns"]]
