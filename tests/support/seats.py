"""Seats at small runs whose children are played (``tests.support.cheap_run``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import ftdojo
from graph.doors.seat import Seat, open_seat
from tests.support.cheap_run import cheap_task, quick_children

TRAINING = {"max_steps": 20, "per_device_train_batch_size": 8, "learning_rate": 0.002}
Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""From a verb and its arguments to its answer as plain values."""


def seat_settings(runs_dir: Path, task: str = "", **others: Any) -> Any:
    """Settings of a run with the bundled model, without memory; of a small task, where none is named."""
    cheap = runs_dir / "units"
    task = task or str(cheap if cheap.exists() else cheap_task(cheap))
    limits = {"memory": "off", "answer_cache": "off", "budget": "10m", "max_rows": 200}
    return ftdojo.settings(task, **(limits | {"runs_dir": str(runs_dir)} | others))


def seat_at(patch: pytest.MonkeyPatch, runs_dir: Path, task: str = "", **others: Any) -> Seat:
    """An open seat; ``others`` are settings."""
    settings = seat_settings(runs_dir, task, **others)
    quick_children(patch, settings.task)
    return open_seat(settings)


def play_one(ask: Ask) -> Mapping[str, Any]:
    """One experiment from its plan to its end."""
    source = usable(ask)[0]
    given: dict[str, Any] = {"hypothesis": f"{source} suffices", "sources": [source]}
    if ask("read_status", {})["standing"]["experiments_done"]:
        given["change"] = "data"
    planned = ask("plan_experiment", given)
    id = {"experiment": planned["facts"]["experiment"]}
    ask("run_data_recipe", id)
    ask("train_model", id | {"plan": TRAINING})
    ask("evaluate_model", id)
    return ask("finish_experiment", id)


def usable(ask: Ask) -> list[str]:
    """Sources whose rows can be mapped."""
    names = [each["name"] for each in ask("list_sources", {})["facts"]["sources"]]
    return [name for name in names if ask("profile_source", {"source": name})["facts"]["suggested_columns"]]
