"""Paired tests: known values of the literature, and the same answer whichever way one looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.answers.metrics import mean_over_views
from tasks.base import ItemScore, Sample, Score, TaskSpec
from tests.support.copy_word_task import copy_spec
from tools.evaluation.paired_test import compare, mcnemar, newcombe

LABELS = ("ALLOW", "102", "103")


def samples(golds: Sequence[str]) -> list[Sample]:
    return [Sample(id=f"s{n}", subset="v", prompt=f"q{n}", gold=gold) for n, gold in enumerate(golds)]


def items(golds: Sequence[str], answers: Sequence[str | None]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"s{n}",
            "right": answer == gold,
            "value": float(answer == gold),
            "parsed": answer,
            "error": "" if answer == gold else "wrong",
        }
        for n, (gold, answer) in enumerate(zip(golds, answers, strict=True))
    ]


def f1_by_hand(pairs: Sequence[tuple[str, str | None]]) -> float:
    total = 0.0
    for label in LABELS:
        hits = sum(gold == label == answer for gold, answer in pairs)
        wrong = sum((gold == label) != (answer == label) for gold, answer in pairs)
        total += 2 * hits / (2 * hits + wrong) if hits else 0.0
    return 100.0 * total / len(LABELS)


def f1_spec(scale: float = 1.0) -> TaskSpec:
    def aggregate(asked: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
        pairs = [
            (str(sample.gold), item_score.parsed)
            for sample, item_score in zip(asked, item_scores, strict=True)
        ]
        value = scale * f1_by_hand(pairs)
        return Score(metric="macro_f1", value=value, low=value, high=value, n=len(asked))

    return replace(copy_spec(), aggregate=aggregate, metric="macro_f1")


def test_the_exact_test_is_that_of_the_binomial_table() -> None:
    assert mcnemar(10, 2) == pytest.approx(158 / 4096)  # 2 (1 + 12 + 66) / 2^12
    assert mcnemar(2, 10) == mcnemar(10, 2)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0


def test_the_interval_agrees_with_a_published_example() -> None:
    # Approval in two surveys of 1,600 people (Agresti, Categorical Data Analysis, table 10.1): 944 and
    # 880 approve, 794 in both. The Wald interval there is (0.021, 0.059); at this n all methods agree.
    low, high = newcombe(794, 150, 86, 570)
    assert low == pytest.approx(0.021, abs=0.001)
    assert high == pytest.approx(0.059, abs=0.001)


def test_the_interval_mirrors_when_the_two_trade_places() -> None:
    low, high = newcombe(20, 9, 3, 8)
    assert newcombe(20, 3, 9, 8) == pytest.approx((-high, -low))
    assert low < (9 - 3) / 40 < high
    assert newcombe(0, 0, 0, 0) == (-1.0, 1.0)
    low, high = newcombe(10, 0, 0, 0)
    assert low < 0.0 < high


def test_right_and_wrong_items_get_the_exact_test() -> None:
    golds = ["a"] * 40
    old = items(golds, ["a"] * 10 + ["b"] * 25 + [None] * 5)
    new = items(golds, ["b"] * 2 + ["a"] * 8 + ["a"] * 10 + ["b"] * 15 + ["a"] * 4 + ["b"])
    found = compare(new, old, "e01", "base", copy_spec(), samples(golds))
    assert found.test == "exact McNemar"
    assert (found.fixed, found.broken, found.n) == (14, 2, 40)
    assert found.delta == pytest.approx(30.0)
    assert found.low < 30.0 < found.high
    assert found.p_value == mcnemar(14, 2)
    assert found.format_gain == pytest.approx(10.0)  # four answers became readable and right
    assert found.capability_gain == pytest.approx(20.0)
    back = compare(old, new, "base", "e01", copy_spec(), samples(golds))
    assert (back.delta, back.p_value) == (pytest.approx(-30.0), found.p_value)
    assert (back.low, back.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
    assert back.format_gain == pytest.approx(-10.0)


def test_positive_is_better_also_where_less_is_better() -> None:
    golds = ["a"] * 10
    spec = replace(copy_spec(), higher_is_better=False)
    found = compare(items(golds, ["b"] * 10), items(golds, ["a"] * 10), "e01", "base", spec, samples(golds))
    assert found.delta == pytest.approx(100.0)


@pytest.mark.parametrize("scale", [1.0, 0.5])  # at half scale only the task's own aggregate gives the values
def test_other_metrics_get_a_permutation_test(scale: float) -> None:
    rng = np.random.default_rng(1)
    golds = [LABELS[n] for n in rng.integers(0, 3, 90)]
    guess: list[str | None] = [LABELS[n] for n in rng.integers(0, 3, 90)]
    good: list[str | None] = [gold if rng.random() < 0.8 else "102" for gold in golds]
    found = compare(items(golds, good), items(golds, guess), "e01", "base", f1_spec(scale), samples(golds))
    expected = scale * (
        f1_by_hand(list(zip(golds, good, strict=True))) - f1_by_hand(list(zip(golds, guess, strict=True)))
    )
    assert found.test.startswith("paired permutation")
    assert found.delta == pytest.approx(expected)
    assert found.p_value < 0.01
    assert 0.0 < found.low < found.delta < found.high
    same = compare(items(golds, good), items(golds, good), "e02", "e01", f1_spec(scale), samples(golds))
    assert (same.delta, same.p_value, same.low, same.high) == (0.0, 1.0, 0.0, 0.0)


def test_the_mean_of_unequal_views_gets_the_full_number_of_permutations() -> None:
    rng = np.random.default_rng(3)
    golds = [LABELS[n] for n in rng.integers(0, 3, 120)]
    asked = [replace(sample, subset="a" if n < 90 else "b") for n, sample in enumerate(samples(golds))]
    good: list[str | None] = [gold if rng.random() < 0.9 else None for gold in golds]
    poor: list[str | None] = [gold if rng.random() < 0.3 else None for gold in golds]

    def aggregate(rows: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
        return mean_over_views(rows, item_scores, "correct_rate")

    spec = replace(copy_spec(), aggregate=aggregate)
    found = compare(items(golds, good), items(golds, poor), "e01", "base", spec, asked)
    right = [[a == g for a, g in zip(answers, golds, strict=True)] for answers in (good, poor)]
    means = [(sum(side[:90]) / 90 + sum(side[90:]) / 30) / 2 for side in right]
    assert found.delta == pytest.approx(100 * (means[0] - means[1]))
    assert found.test == "paired permutation (5000)"
    assert found.p_value == pytest.approx(1 / 5001)
    assert found.low < found.delta < found.high


def test_the_permutation_test_holds_its_level() -> None:
    """With two models of equal skill about one test in twenty falls under 0.05."""
    rng = np.random.default_rng(2)
    low = 0
    for _ in range(40):
        golds = [LABELS[n] for n in rng.integers(0, 3, 40)]
        sides = [
            items(golds, [gold if rng.random() < 0.6 else LABELS[rng.integers(0, 3)] for gold in golds])
            for _ in range(2)
        ]
        low += compare(sides[0], sides[1], "e02", "e01", f1_spec(), samples(golds)).p_value < 0.05
    assert low <= 7


def test_different_items_cannot_be_compared() -> None:
    golds = ["a"] * 3
    with pytest.raises(ValueError, match="same items"):
        compare(
            items(golds, ["a"] * 3)[:2], items(golds, ["a"] * 3), "e01", "base", copy_spec(), samples(golds)
        )


def test_items_that_cannot_be_scored_count_in_no_comparison() -> None:
    golds = ["a", "b", "c", "d"]
    new, old = items(golds, ["a", "b", "x", "d"]), items(golds, ["x", "b", "x", "x"])
    found = compare(new, old, "e02", "base", copy_spec(), samples(golds))
    unscored = {
        "id": "s4",
        "right": False,
        "value": 0.0,
        "parsed": "CCO",
        "error": "no_oracle",
        "scored": False,
    }
    five = samples([*golds, "e"])
    assert compare([*new, unscored], [*old, unscored], "e02", "base", copy_spec(), five) == found
    assert found.n == 4
