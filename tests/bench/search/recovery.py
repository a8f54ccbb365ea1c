"""Disturbed runs: a third of the trainings of a simulated run fails in five ways, with recovery and
without."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from unittest.mock import patch

from graph.bench.injected_failures import FaultPlan
from memory.records import Experiment
from tests.bench.search.run import Result, simulated_run

WITHOUT = "no recovery"
USERS = ("roles.source_looks", "roles.recovery", "roles.plan_context", "roles.search.policy")
"""Who asks whether a failure says nothing about its data. Without recovery none is believed to."""


def disturbed(seed: int, search: str, budget: float, recovery: bool = True) -> Result:
    """The run of a world with failures injected by the world's seed."""
    with ExitStack() as stack:
        if not recovery:
            for name in USERS:
                stack.enter_context(patch(f"{name}.mendable", _never))
        return simulated_run(seed, search, budget, FaultPlan(seed))


def most_alike(result: Result) -> int:
    """How often the most frequent failure (cause and offending setting) came in a run."""
    return max(Counter(result.failures).values(), default=0)


def _never(experiment: Experiment) -> bool:
    return False
