"""The bench of the memory runs whole on a few lessons and finds every answer."""

from __future__ import annotations

from pathlib import Path

from tests.bench.lessons import measure


def test_every_step_is_told_and_every_answer_found(tmp_path: Path) -> None:
    lines = list(measure(tmp_path, count=200, tasks=4, queries=4, seed=1))
    assert any(line.startswith("known answers") and line.endswith("6 of 6") for line in lines)
    assert any(line.startswith("refuted ones") and line.endswith("2 of 2") for line in lines)
    assert all(
        any(line.startswith(step) for line in lines)
        for step in (
            "rebuilding",
            "recall in a run, wall",
            "recall of a new task",
            "first advice",
            "import",
            "forgetting 5",
        )
    )
