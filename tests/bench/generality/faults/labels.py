"""Faults of tasks whose answers are one of a few labels."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.generality.faults.registry import Scene, fault, with_answer
from tests.bench.generality.kinds.definition import Kind, Row

WRONG_SHARE = 0.6


def _closed(kind: Kind) -> bool:
    return bool(kind.labels)


@fault("answer", _closed)
def wrong_labels(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Most rows have one of the other labels, drawn evenly."""

    def wrong(row: Row) -> Row:
        others = [label for label in scene.kind.labels if label != row[scene.answer]]
        return with_answer(row, scene, scene.rng.choice(others))

    return [wrong(row) if scene.rng.random() < WRONG_SHARE else dict(row) for row in rows]


@fault("answer", _closed)
def permuted_labels(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Each label stands for another one, one to one."""
    labels = scene.rng.sample(scene.kind.labels, len(scene.kind.labels))
    other = dict(zip(labels, labels[1:] + labels[:1], strict=True))
    return [with_answer(row, scene, other[row[scene.answer]]) for row in rows]


@fault("answer", _closed)
def renamed_labels(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Each label has a code of its own, one to one."""
    codes = scene.rng.sample(range(10, 100), len(scene.kind.labels))
    named = {label: f"team {code}" for label, code in zip(scene.kind.labels, codes, strict=True)}
    return [with_answer(row, scene, named[row[scene.answer]]) for row in rows]


@fault("rows", _closed, by_right_answers=True)
def one_class(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Only rows of one label were collected; their labels are right."""
    label = scene.rng.choice(scene.kind.labels)
    return [dict(row) for row in rows if row[scene.answer] == label]
