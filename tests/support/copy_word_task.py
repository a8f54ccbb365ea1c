"""A task small enough for the tiny model: repeat the word after "copy the"."""

from __future__ import annotations

from collections.abc import Sequence

from memory.recipe import DataCard
from tasks.base import ItemScore, Sample, Score, TaskData, TaskSpec
from tests.support.run_records import card
from tests.support.tiny_model import write_rows
from tools.workspace import Workspace


def scorer(sample: Sample, answer: str) -> ItemScore:
    parsed = answer.strip() or None
    right = parsed == sample.gold
    return ItemScore(
        right, float(right), parsed, "" if right else "unparseable" if parsed is None else "other_word"
    )


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    value = 100.0 * sum(item_score.value for item_score in item_scores) / len(samples)
    silent = sum(item_score.parsed is None for item_score in item_scores) / len(samples)
    return Score(
        metric="accuracy", value=value, low=0.0, high=100.0, n=len(samples), unparseable_share=silent
    )


def copy_spec() -> TaskSpec:
    return TaskSpec(
        id="copy",
        domain="custom",
        title="Copying",
        description="Repeat the word.",
        answer_format="the word alone",
        metric="accuracy",
        licence="generated",
        source="generated",
        pitfall="none known",
        subsets=("even", "odd"),
        max_new_tokens=8,
        scorer=scorer,
        aggregate=aggregate,
        render=lambda answer, reasoning: answer,
        extract=lambda text: text.strip() or None,
        verify=lambda prompt, target: None,
        build_prompt=lambda row: str(row["prompt"]),
        data=TaskData(validation=tuple(samples(8)), sources=(), load_test=tuple),
    )


def samples(count: int) -> list[Sample]:
    return [
        Sample(
            id=f"s{n}",
            subset=("even", "odd")[n % 2],
            prompt=f"copy the word {n % 7}" + " please" * (n % 3),
            gold=f"word {n % 7}",
        )
        for n in range(count)
    ]


def data_card(workspace: Workspace, rows: int = 64) -> DataCard:
    write_rows(workspace.inside("data") / "rows.jsonl", rows)
    return card(rows, rows_by_source={"made": rows}, mean_tokens=12.0)
