"""Records of an experiment as a run in progress holds them: card, training, comparison."""

from __future__ import annotations

from memory.recipe import DataCard, StepCount
from memory.records import Comparison, Training
from tests.support import run_records


def card(sources: tuple[str, ...]) -> DataCard:
    rows = 60 * len(sources)
    steps = (
        StepCount(op="select", rows_in=160, rows_out=160),
        StepCount(op="filter", rows_in=160, rows_out=rows, removed_by_source={"forum": 30}),
    )
    return run_records.card(rows, rows_by_source=dict.fromkeys(sources, 60), steps=steps, mean_tokens=21.5)


def training(id: str) -> Training:
    return run_records.training(
        f"experiments/{id}/model",
        steps=200,
        rows=120,
        tokens=64_000,
        losses=tuple((step, 0.4 + 2.0 / (1 + step / 20)) for step in range(5, 205, 5)),
        tokens_per_second=4000.0,
        wall_seconds=16.0,
        cpu_seconds=30.0,
        peak_gib=0.9,
    )


def comparison(id: str, champion: str, delta: float, n: int) -> Comparison:
    return run_records.comparison(
        id,
        champion,
        delta,
        low=delta - 6,
        high=delta + 6,
        p_value=0.04,
        fixed=9,
        broken=3,
        test="exact McNemar",
        n=n,
    )
