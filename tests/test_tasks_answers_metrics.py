"""Metrics against values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.answers.metrics import accuracy, macro_f1, mean_over_views, token_f1, wilson
from tasks.base import ItemScore, Sample, Score


def _items(subsets: list[str], right: list[bool]) -> tuple[list[Sample], list[ItemScore]]:
    samples = [Sample(str(i), subset, "", "x") for i, subset in enumerate(subsets)]
    return samples, [ItemScore(r, float(r), "x" if r else None) for r in right]


def test_wilson_by_hand() -> None:
    # 8 of 10: centre (0.8 + 0.192073) / 1.384146 = 0.716740, half width 0.226578.
    low, high = wilson(0.8, 10)
    assert (low, high) == (pytest.approx(0.490162, abs=1e-5), pytest.approx(0.943318, abs=1e-5))
    assert wilson(0.0, 20) == (0.0, pytest.approx(0.161125, abs=1e-5))
    assert wilson(1.0, 20) == (pytest.approx(0.838875, abs=1e-5), 1.0)
    assert wilson(0.5, 0) == (0.0, 1.0)


def test_accuracy_counts_the_unparseable_as_wrong() -> None:
    score = accuracy(*_items(["a", "a", "b", "b"], [True, True, True, False]))
    assert (score.value, score.n, score.unparseable_share) == (75.0, 4, 0.25)
    assert score.subsets == {"a": 100.0, "b": 50.0}
    assert score.low < 75.0 < score.high


def test_accuracy_of_nothing_is_zero_and_knows_nothing() -> None:
    score = accuracy([], [])
    assert (score.value, score.low, score.high, score.n) == (0.0, 0.0, 100.0, 0)
    assert macro_f1([], [], ["x"]).n == 0
    assert mean_over_views([], []).n == 0


def test_unequal_lengths_are_refused() -> None:
    samples, item_scores = _items(["a", "a"], [True, False])
    with pytest.raises(ValueError, match="2 samples but 1 item scores"):
        accuracy(samples, item_scores[:1])


@pytest.mark.parametrize(
    "score_of",
    [accuracy, mean_over_views, lambda samples, item_scores: macro_f1(samples, item_scores, ["x"])],
)
def test_items_that_cannot_be_scored_count_nowhere(
    score_of: Callable[[list[Sample], list[ItemScore]], Score],
) -> None:
    samples, item_scores = _items(["a", "a", "b", "b"], [True, False, True, True])
    unscored = ItemScore(False, 0.0, None, "no_oracle", scored=False)
    extra = [Sample("5", "a", "", "x"), Sample("6", "c", "", "x")]
    alone, mixed = (
        score_of(samples, item_scores),
        score_of(samples + extra, [*item_scores, unscored, unscored]),
    )
    assert mixed == alone
    assert (mixed.n, sorted(mixed.subsets)) == (4, ["a", "b"])
    nothing = score_of(extra, [unscored, unscored])
    assert (nothing.n, nothing.value, nothing.low, nothing.high) == (0, 0.0, 0.0, 100.0)


def test_views_weigh_alike_whatever_their_size() -> None:
    score = mean_over_views(*_items(["a"] * 8 + ["b"] * 2, [True] * 8 + [False] * 2))
    assert score.value == 50.0
    assert accuracy(*_items(["a"] * 8 + ["b"] * 2, [True] * 8 + [False] * 2)).value == 80.0
    even = mean_over_views(*_items(["a"] * 50 + ["b"] * 50, [True, False] * 50))
    pooled = accuracy(*_items(["a"] * 50 + ["b"] * 50, [True, False] * 50))
    assert (even.low, even.high) == (pytest.approx(pooled.low), pytest.approx(pooled.high))


def _labelled(pairs: list[tuple[str, str | None]]) -> tuple[list[Sample], list[ItemScore]]:
    samples = [Sample(str(i), "v", "", gold) for i, (gold, _) in enumerate(pairs)]
    return samples, [ItemScore(gold == said, float(gold == said), said) for gold, said in pairs]


def test_macro_f1_by_hand() -> None:
    pairs = [("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("b", None), ("c", "a")]
    # a: tp 2, fp 1, fn 1 -> 4/6; b: tp 1, fp 1, fn 1 -> 2/4; c: 0.
    score = macro_f1(*_labelled(pairs), ["a", "b", "c"])
    assert score.value == pytest.approx(100 * (4 / 6 + 2 / 4 + 0) / 3)
    assert score.unparseable_share == pytest.approx(1 / 6)
    assert score.low <= score.value <= score.high


def test_macro_f1_punishes_silence() -> None:
    spoken = [("a", "a"), ("b", "b"), ("a", "b"), ("b", "a")]
    silent = [("a", "a"), ("b", "b"), ("a", None), ("b", None)]
    assert macro_f1(*_labelled(spoken), ["a", "b"]).value == pytest.approx(50.0)
    assert macro_f1(*_labelled(silent), ["a", "b"]).value == pytest.approx(100 * 2 / 3)
    assert macro_f1(*_labelled([("a", None), ("b", None)]), ["a", "b"]).value == 0.0


def test_macro_f1_interval_is_seeded_and_never_a_point() -> None:
    pairs = [("a", "a"), ("b", "b"), ("a", "b"), ("b", "b")] * 25
    first, again = (macro_f1(*_labelled(pairs), ["a", "b"], seed=4) for _ in range(2))
    assert first == again
    assert 8 < first.high - first.low < 25
    perfect = macro_f1(*_labelled([("a", "a"), ("b", "b")] * 20), ["a", "b"])
    assert perfect.low < perfect.value == perfect.high == 100.0


def test_token_f1_by_hand() -> None:
    assert token_f1("the red house", "a red house") == pytest.approx(2 / 3)
    assert token_f1("Red, HOUSE!", "red house") == 1.0
    assert token_f1("blue", "red house") == 0.0
