"""Faults at single writes of a run, a row a kind of fault (``tests.bench.faults`` strikes them all)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from tests.bench.faults import LASTING, judged
from tests.bench.trials.world import Trial, World, row
from tests.support.fault_injection import NOTHING, CheapRuns, Fault, Plan, cheap_runs
from tests.support.fault_injection import Trial as Struck

PLACES = ("run.json", "e01/.plan.json", "e02/model.tmp", "test-1.jsonl", "summary.json")
"""Of the writes that are struck, a part of each's name."""


@cache
def cheap(folder: Path) -> tuple[CheapRuns, Struck]:
    """Runs with quick children, and an undisturbed one."""
    patch = pytest.MonkeyPatch()
    patch.setenv("FTDOJO_HOME", str(folder / "home"))
    runs = cheap_runs(folder, patch)
    undisturbed, made = runs.begin("undisturbed", NOTHING)
    shutil.rmtree(made)
    if undisturbed.code:
        raise SystemExit(undisturbed.told)
    return runs, undisturbed


def strikes(fault: Fault) -> Callable[[World, Trial], None]:
    """One struck run a place, resumed and held against the undisturbed one."""

    def do(world: World, trial: Trial) -> None:
        runs, undisturbed = cheap(world.folder / "cheap")
        done = 0
        for place in PLACES:
            at = next((n for n, what in enumerate(undisturbed.points, start=1) if place in what), 0)
            trial.fact(at, f"nothing is written to {place}")
            found = judged(runs, f"{fault}-{at}", Plan(fault, at, fault in LASTING), undisturbed)
            trial.wrong += [f"{place}: {each}" for each in found.wrong]
            trial.said += [found.first.told] if found.first.told else []
            done += not found.wrong
        trial.said = trial.said[2:3] or [f"ended by {fault}" if fault == "kill" else "nothing"]
        trial.kept.append(f"{done} of {len(PLACES)} runs: no experiment lost, doubled or failed")

    return do


for _fault in get_args(Fault):
    row(f"w-{_fault}", f"{_fault} at the writes of {', '.join(PLACES)}")(strikes(_fault))
