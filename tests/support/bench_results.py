"""Lines of the bench's results file, as runs would have written them."""

from __future__ import annotations

from typing import Any

from graph.bench.results import Cell, Result
from tasks.base import Score


def score(value: float, width: float = 3.0, *, upwards: bool = True) -> Score:
    return Score(
        metric="accuracy", value=value, low=value - width, high=value + width, n=500, higher_is_better=upwards
    )


def result(task: str, policy: str, value: float, base: float = 10.0, seed: int = 0, **fields: Any) -> Result:
    """One run: 300 s of budget, an experiment kept, a curve from the base to the score."""
    in_cell = {
        name: fields.pop(name) for name in ("base_model", "budget_seconds", "max_rows") if name in fields
    }
    cell = Cell(**{"task": task, "seed": seed, "policy": policy, "budget_seconds": 300.0} | in_cell)
    usual = {
        "champion": "base" if value == base else "e01",
        "knows": policy.startswith("oracle-source"),
        "experiments": {"kept": 1, "discarded": 1, "failed": 0},
        "seconds": 280.0,
        "wall_seconds": 290.0,
        "curve": ((10.0, base, base - 3, base + 3), (150.0, value, value - 3, value + 3)),
        "machine": "Linux x86_64, 2 cores, no GPU",
        "test_digest": f"{task}-{seed}",
        "lessons": 0 if policy.endswith("+memory") else None,
    }
    return Result(cell=cell, score=score(value), base=score(base), **usual | fields)
