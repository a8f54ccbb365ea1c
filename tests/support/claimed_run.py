"""A finished run with a champion that was confirmed, and what it was made of."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import ftdojo
from tests.support.small_run import make_task_and_model
from tools.models.base_model import resolve_base_model


class Claimed(NamedTuple):
    """A finished run, its task and its base model, each in a folder of its own."""

    run_dir: Path
    task: Path
    base: Path


def make_claimed_run(folder: Path) -> Claimed:
    """One experiment of the playbook on the bundled model, from its start to its end."""
    task, _ = make_task_and_model(folder)
    base = folder / "base"
    shutil.copytree(resolve_base_model("ftdojo-mini").path, base)
    run = ftdojo.run(
        str(task),
        base_model=str(base),
        runs_dir=str(folder / "runs"),
        max_rows=120,
        max_experiments=1,
        budget="10m",
        memory="off",
    )
    return Claimed(run.run_dir, task, base)
