"""Pairs of answers: the two orders of a request, the reading of a verdict, and both verdicts as one."""

from __future__ import annotations

from typing import Any

import pytest

from tools.evaluation.judge.pairs import Pair, choice_of, outcome_of


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("first", "second", "won"),
        ("second", "first", "lost"),
        ("neither", "neither", "tie"),
        ("first", "first", "flipped"),
        ("second", "second", "flipped"),
        ("first", "neither", "flipped"),
    ],
)
def test_a_verdict_counts_only_in_both_orders(first: Any, second: Any, outcome: str) -> None:
    assert outcome_of(first, second) == outcome


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        ('{"reason": "x", "better": "first"}', "first"),
        ('```json\n{"better": "second"}\n```', "second"),
        ('I think so. {"reason": "it says {\\"better\\"}", "better": "neither"}', None),
        ('Well: {"reason": "y", "better": "neither"}', "neither"),
        ('{"better": "third"}', None),
        ('{"better": ["first"]}', None),
        ("first", None),
        ("[" * 100_000, None),
        ('{"a": 1}', None),
    ],
)
def test_only_a_whole_verdict_is_read(reply: str, choice: str | None) -> None:
    assert choice_of(reply) == choice


def test_the_request_does_not_say_which_answer_is_the_reference() -> None:
    first, second = Pair("q 1?", "mine", "theirs").prompts
    assert first.index("mine") < first.index("theirs")
    assert second.index("mine") > second.index("theirs")
    assert "reference" not in first
