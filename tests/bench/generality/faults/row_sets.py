"""Faults of a source as a set of rows: rows that are left out, repeated, or not its own."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.generality.faults.registry import Scene, fault, with_answer, with_text
from tests.bench.generality.kinds.definition import Row

KEPT_ROWS = 120
LEAKED_SHARE, FOREIGN_SHARE = 0.5, 0.6
TIMES = 5


@fault("rows")
def duplicates(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """A fifth of the rows, each of them five times."""
    return [dict(row) for row in rows[: len(rows) // TIMES] for _ in range(TIMES)]


@fault("rows")
def near_duplicates(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """A fifth of the rows, each with four copies that differ in case, spaces or punctuation."""

    def edited(text: str) -> str:
        edits = (
            text.lower(),
            text.replace(" ", "  ", 2),
            f"{text} .",
            text.replace(",", ""),
            f" - {text}",
            text.upper(),
        )
        return scene.rng.choice([edit for edit in edits if edit != text])

    kept = rows[: len(rows) // TIMES]
    return [
        copy
        for row in kept
        for copy in (
            dict(row),
            *(with_text(row, scene, edited(row[scene.text])) for _ in range(TIMES - 1)),
        )
    ]


@fault("rows")
def leaked_validation(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Half of the rows are validation rows with their right answers."""
    count = min(round(LEAKED_SHARE * len(rows)), len(scene.validation))
    leaked = scene.rng.sample([dict(row) for row in scene.validation], count)
    return [*map(dict, rows[count:]), *leaked]


@fault("rows")
def mixed_tasks(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Most rows belong to another task."""
    count = min(round(FOREIGN_SHARE * len(rows)), len(scene.foreign))
    return [*map(dict, rows[count:]), *map(dict, scene.foreign[:count])]


@fault("rows")
def contradictions(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """Half of the rows, each of them again with the answer of another row."""
    kept = [dict(row) for row in rows[: len(rows) // 2]]
    again = []
    for row in kept:
        others = [r[scene.answer] for r in scene.rng.sample(rows, min(20, len(rows)))]
        other = next((answer for answer in others if answer != row[scene.answer]), "")
        again.append(with_answer(row, scene, other))
    return kept + again


@fault("rows")
def few_rows(rows: Sequence[Row], scene: Scene) -> list[Row]:
    """So few rows are left that they teach the task by half; they are right."""
    return [dict(row) for row in rows[:KEPT_ROWS]]
