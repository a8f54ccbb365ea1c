"""A small believable run folder, written through the journal as a run writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from memory.journal.log import Journal
from memory.recipe import DataCard, DataRecipe, Deduplicate, Filter, Map, Select, StepCount
from memory.records import (
    Comparison,
    Diagnosis,
    ErrorCluster,
    Evaluation,
    Failure,
    Lesson,
    RunInfo,
    Training,
    TrainingPlan,
)
from tasks.base import Sample, Score
from tests.support.run_records import card, comparison, lesson, plan, run_info, training

NASTY = "<script>alert('x')</script> & \"quotes\""
"""Found in prompts, answers, names and lessons: data may hold anything."""
SEALED = "SEALED-TEST-TEXT"
"""Stands in the rows that decontamination removed and in the test's predictions: never to be shown."""
VALIDATION = tuple(
    Sample(f"v{n}", "all", f"How many rows does table {n} have? {NASTY}\n| a | b |\n| 1 | {n} |", str(n))
    for n in range(40)
)
SCORES = {"base": 12.5, "e01": 40.0, "e02": 42.5, "e04": 65.0, "e05": 67.5}
CLOCKS = {"think": 0.2, "data": 1.1, "train": 21.5, "evaluate": 8.3, "other": 0.4}


def info(**changes: Any) -> RunInfo:
    """What the example run was asked to do."""
    facts: dict[str, Any] = {
        "run": "example-s0",
        "task": "tablebench_numerical_reasoning",
        "test_digest": "ab" * 32,
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "started": "2026-11-22T20:00:00Z",
    }
    return run_info(**facts | changes)


def make_run(folder: Path, *, experiments: int = 5, kept: bool = True, ended: bool = True) -> Journal:
    """Write a run into ``folder`` and return its open journal.

    Args:
        folder: the run's folder; made.
        experiments: how many of the five experiments have finished.
        kept: whether any of them is kept.
        ended: whether the sealed test was read and the run has ended.
    """
    journal = Journal.create(folder / "journal.jsonl", info())
    spent = dict.fromkeys([*CLOCKS, "elapsed"], 0.0)
    journal.clock_source = lambda: dict(spent)
    journal.append("evaluation", _evaluation(folder, "base", 12.5, "validation"), "base")
    story = (
        ("e01", None, "first", "worked solutions teach the format and the steps", "kept"),
        ("e02", "e01", "sources", f"another source helps {NASTY}", "discarded"),
        ("e03", "e01", "hyperparameters", "a higher learning rate learns faster", "failed"),
        ("e04", "e01", "operations", "without near-duplicates there is room for new rows", "kept"),
        ("e05", "e04", "duration", "two more epochs: the loss still falls", "discarded"),
    )
    for number, (id, parent, change, hypothesis, outcome) in enumerate(story[:experiments]):
        for clock, seconds in CLOCKS.items():
            spent[clock] += seconds * (1 + number / 4)
        spent["elapsed"] = sum(seconds for clock, seconds in spent.items() if clock != "elapsed")
        planned = plan(
            id,
            parent,
            hypothesis=hypothesis,
            reason="the loss still fell and the largest cluster is wrong_count",
            change=change,
            sources=("alpha", "beta"),
            max_seconds=40.0,
            lessons=("earlier-run/e04",) if id == "e01" else (),
        )
        journal.append("plan", planned, id)
        journal.append("recipe", _recipe(), id)
        journal.append("card", _card(folder, id), id)
        journal.append("training_plan", TrainingPlan(learning_rate=1.2e-3, num_train_epochs=2.0), id)
        if outcome == "failed":
            journal.append(
                "failure", Failure(stage="train", code="diverged", message="loss 9.1 at step 31"), id
            )
        else:
            journal.append("training", _training(id, number), id)
            journal.append("evaluation", _evaluation(folder, id, SCORES[id], "validation"), id)
            journal.append("comparison", _comparison(id, parent or "base"), id)
        journal.append("diagnosis", _diagnosis(), id)
        if outcome == "kept" and kept:
            journal.append("lesson", _lesson(id), id)
        journal.finish(id, outcome if kept or outcome == "failed" else "discarded")  # type: ignore[arg-type]
    if ended:
        _end(journal, folder)
    return journal


def _end(journal: Journal, folder: Path) -> None:
    champion = journal.incumbent_id()
    journal.append("champion_chosen", {"champion": champion})
    journal.append("test_opened", {"digest": "ab" * 32, "rows": 500})
    for name in dict.fromkeys(("base", champion)):
        journal.append("test_evaluation", _evaluation(folder, name, SCORES[name] - 1, "test"), name)
    journal.append("test_comparison", _comparison(champion, "base", n=500), champion)
    journal.append("run_ended", {"outcome": "out_of_budget", "reason": "the budget is spent"})


def _score(value: float, n: int) -> Score:
    half = 98 / n**0.5
    return Score(
        metric="exact match", value=value, low=max(0, value - half), high=min(100, value + half), n=n
    )


def _evaluation(folder: Path, name: str, value: float, split: str) -> Evaluation:
    path = folder / "experiments" / name / f"{split}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(VALIDATION)
    rows = [
        {
            "id": sample.id,
            "subset": "all",
            "prediction": f"Final Answer: {sample.gold} {NASTY if split == 'validation' else SEALED}",
            "parsed": sample.gold,
            "right": 100 * (index + 0.5) / count < value and not (name != "base" and index == 0),
            "value": 0.0,
            "error": "",
        }
        for index, sample in enumerate(VALIDATION)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    wrong = round(300 * (1 - value / 100))
    return Evaluation(
        split=split,  # type: ignore[arg-type]
        score=_score(value, 500 if split == "test" else 300),
        predictions=str(path.relative_to(folder)),
        clusters=(
            ErrorCluster(name="wrong_count", count=wrong * 2 // 3, share=wrong * 2 / 900),
            ErrorCluster(name="unparseable", count=wrong // 3, share=wrong / 900),
        ),
        wall_seconds=8.0,
    )


def _recipe() -> DataRecipe:
    columns = {
        "alpha": {"prompt": "*", "answer": "answer"},
        "beta": {"prompt": "question", "answer": "label"},
    }
    operations = (
        Select(sources=("alpha", "beta")),
        Map(columns=columns),
        Filter(rule="parseable"),
        Deduplicate(),
    )
    return DataRecipe(operations=operations)


def _card(folder: Path, id: str) -> DataCard:
    path = folder / "data" / f"{id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("", encoding="utf-8")
    removed = [
        {"op": "deduplicate", "source": "beta", "row": 4, "prompt": f"How many? {NASTY}", "answer": "12"},
        {"op": "filter parseable", "source": "alpha", "row": 9, "prompt": "Sum the wins.", "answer": "n/a"},
        {"op": "decontaminate", "source": "beta", "row": 7, "prompt": SEALED, "answer": SEALED},
    ]
    text = "".join(json.dumps(row) + "\n" for row in removed)
    path.with_suffix(".removed.jsonl").write_text(text, encoding="utf-8")
    return card(
        1830,
        path=str(path.relative_to(folder)),
        rows_by_source={"alpha": 1210, "beta": 620},
        steps=(
            StepCount(op="select", rows_in=3200, rows_out=3200),
            StepCount(op="map", rows_in=3200, rows_out=3140, removed_by_source={"beta": 60}),
            StepCount(op="filter", rows_in=3140, rows_out=2410, removed_by_source={"beta": 700, "alpha": 30}),
            StepCount(
                op="deduplicate", rows_in=2410, rows_out=1830, removed_by_source={"alpha": 80, "beta": 500}
            ),
        ),
        mean_tokens=92.4,
        reasoning_share=0.66,
    )


def _training(id: str, number: int) -> Training:
    losses = tuple((step, 0.3 + 2.4 / (1 + step / (6 + 2 * number))) for step in range(1, 116, 3))
    return training(
        f"experiments/{id}/model",
        steps=115,
        rows=1830,
        tokens=168_000,
        losses=losses,
        tokens_per_second=9120.0,
        wall_seconds=21.5,
        cpu_seconds=39.0,
        peak_gib=0.93,
        command=f"python -m tools.recipes.sft experiments/{id}/training.json",
    )


def _comparison(challenger: str, champion: str, n: int = 300) -> Comparison:
    delta = SCORES[challenger] - SCORES[champion]
    strong = delta > 10
    return comparison(
        challenger,
        champion,
        delta,
        p_value=1e-9 if strong else 0.41,
        fixed=round(n * delta / 100) + 20,
        broken=20,
        format_gain=delta / 5,
        capability_gain=delta * 4 / 5,
        test="exact McNemar",
        n=n,
    )


def _diagnosis() -> Diagnosis:
    return Diagnosis(
        cause="data",
        evidence=("wrong_count is 58% of the errors",),
        next_move="clean_data",
        source_scores={"alpha": 0.71, f"beta {NASTY}": 0.22},
    )


def _lesson(id: str) -> Lesson:
    return lesson(
        f"example-s0/{id}",
        text=f"Worked solutions lift small models most {NASTY}",
        task="tablebench_numerical_reasoning",
        domain="tables",
        features={"base_model": "ftdojo-mini"},
        settings={},
        gain=SCORES[id] - SCORES["base"],
        created="2026-11-22T20:05:00Z",
    )
