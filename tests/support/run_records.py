"""Records for the memory's tests: whole, small and valid, each field open to change."""

from __future__ import annotations

from typing import Any

from memory.journal.log import Journal
from memory.recipe import DataCard
from memory.records import Comparison, Diagnosis, Evaluation, Lesson, Outcome, Plan, RunInfo, Training
from tasks.base import Score


def run_info(**changes: Any) -> RunInfo:
    fields: dict[str, Any] = {
        "run": "r1",
        "task": "aime25",
        "edition": "mini",
        "base_model": "ftdojo-mini",
        "policy": "playbook",
        "seed": 0,
        "budget_seconds": 300.0,
        "max_rows": 2000,
        "memory": "off",
        "test_digest": "0" * 64,
        "started": "2026-01-01T00:00:00+00:00",
    }
    return RunInfo(**{**fields, **changes})


def plan(experiment: str, parent: str | None = None, **changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "experiment": experiment,
        "parent": parent,
        "hypothesis": "cleaner sources help",
        "reason": "the labels of one source disagree",
        "change": "sources",
        "expected_gain": 5.0,
        "sources": ("pool_a",),
        "max_seconds": 60.0,
    }
    return Plan(**{**fields, **changes})


def card(rows: int = 64, **changes: Any) -> DataCard:
    fields: dict[str, Any] = {
        "recipe_digest": "0" * 64,
        "data_sha256": "1" * 64,
        "path": "data/rows.jsonl",
        "rows": rows,
        "rows_by_source": {"pool_a": rows},
        "steps": (),
        "mean_tokens": 40.0,
        "reasoning_share": 0.0,
    }
    return DataCard(**{**fields, **changes})


def evaluation(value: float) -> Evaluation:
    score = Score(metric="accuracy", value=value, low=value - 5, high=value + 5, n=300)
    return Evaluation(split="validation", score=score, predictions="predictions.jsonl")


def training(model_dir: str = "m", **changes: Any) -> Training:
    fields: dict[str, Any] = {
        "model_dir": model_dir,
        "method": "full",
        "steps": 63,
        "rows": 64,
        "tokens": 9000,
        "losses": ((63, 0.5),),
        "tokens_per_second": 900.0,
        "wall_seconds": 10.0,
        "cpu_seconds": 10.0,
        "peak_gib": 0.5,
    }
    return Training(**{**fields, **changes})


def comparison(challenger: str, champion: str, delta: float, **changes: Any) -> Comparison:
    fields: dict[str, Any] = {
        "challenger": challenger,
        "champion": champion,
        "delta": delta,
        "low": delta - 4,
        "high": delta + 4,
        "p_value": 0.012,
        "fixed": 40,
        "broken": 10,
        "format_gain": 1.0,
        "capability_gain": delta - 1.0,
        "test": "mcnemar",
        "n": 300,
    }
    return Comparison(**{**fields, **changes})


def write_experiment(
    journal: Journal, id: str, outcome: Outcome, value: float, parent: str | None = None
) -> None:
    journal.append("plan", plan(id, parent), id)
    journal.append("evaluation", evaluation(value), id)
    journal.append("comparison", comparison(id, parent or "base", value - 20.0), id)
    journal.append(
        "diagnosis",
        Diagnosis(cause="data", evidence=(f"wrong labels in {id}",), next_move="clean_data"),
        id,
    )
    journal.finish(id, outcome)


def lesson(id: str = "r1/e01", **changes: Any) -> Lesson:
    fields: dict[str, Any] = {
        "id": id,
        "text": "Drop the source with wrong labels before training.",
        "task": "aime25",
        "domain": "math",
        "features": {"base_model": "ftdojo-mini", "rows": 2000.0},
        "settings": {"learning_rate": 0.001},
        "gain": 12.5,
        "evidence": (id,),
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Lesson(**{**fields, **changes})
