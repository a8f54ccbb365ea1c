"""An answer may end early only where its scorer reads nothing that could follow."""

from __future__ import annotations

import pytest

from tasks.answers.stops import cut_at_stop, first_stop
from tasks.registry import TASKS, ids
from tasks.registry import get as task
from tests.support.gold_answers import gold_answer, item_scores_of
from tests.support.mini_editions import mini

CODE = "tablebench_visualization"
"""Where an answer is a program: two of them are one longer program."""


@pytest.mark.parametrize("name", [name for name in ids() if name != CODE])
def test_published_tasks_read_on_after_a_complete_answer(name: str) -> None:
    spec = task(name)
    samples = mini(name).validation[:40]
    other = [
        next((s for s in samples if s.subset == one.subset and s.gold != one.gold), None) for one in samples
    ]
    pairs = [(one, two) for one, two in zip(samples, other, strict=True) if two is not None]
    first = [gold_answer(spec, one) for one, _ in pairs]
    corrected = [
        f"{answer}\nNo, it is this.\n{gold_answer(spec, two)}"
        for answer, (_, two) in zip(first, pairs, strict=True)
    ]
    before = item_scores_of(spec, [one for one, _ in pairs], first)
    after = item_scores_of(spec, [one for one, _ in pairs], corrected)
    assert any(one.value != two.value for one, two in zip(before, after, strict=True))
    assert spec.stops == ()


def test_no_published_task_has_stop_strings() -> None:
    assert [spec.id for spec in TASKS if spec.stops] == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("12\n\nQ: more", "12"),
        ("Q: 12\n\n", ""),
        ("12", "12"),
        ("<think>a\n\nb</think>12\n\nc", "<think>a\n\nb</think>12\n\nc"),
        ("12\n\n<think>", "12"),
        ("", ""),
    ],
)
def test_the_first_stop_string_outside_a_thought_ends_an_answer(text: str, kept: str) -> None:
    assert cut_at_stop(text, ("Q:", "\n\n")) == kept
    assert cut_at_stop(text, ()) == text
    assert first_stop(text, ("",)) is None
