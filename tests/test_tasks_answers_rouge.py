"""Library counts behind scores are those of the textbook recurrences, on random texts."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tasks.answers.metrics import wilson
from tasks.answers.rouge import rouge_l
from tasks.chemcot.chemistry.similarity import levenshtein


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for place, other in enumerate(second, 1):
            above = row[place]
            row[place] = diagonal + 1 if word == other else max(above, row[place - 1])
            diagonal = above
    return row[-1]


def edits(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for place, wanted in enumerate(first, 1):
        diagonal, row[0] = row[0], place
        for column, found in enumerate(second, 1):
            above = row[column]
            row[column] = min(above + 1, row[column - 1] + 1, diagonal + (wanted != found))
            diagonal = above
    return row[-1]


def test_rouge_l_equals_the_f_of_the_textbook_subsequence_to_the_last_bit() -> None:
    rng = random.Random(3)
    for _ in range(300):
        said, gold = ([f"w{rng.randint(0, 9)}" for _ in range(rng.randint(1, 80))] for _ in range(2))
        shared = common_length(said, gold)
        precision, recall = shared / len(said), shared / len(gold)
        expected = 2 * precision * recall / (precision + recall) if shared else 0.0
        assert rouge_l(" ".join(said), " ".join(gold), 20_000) == (1.0 if said == gold else expected)


def test_texts_without_a_word_share_nothing() -> None:
    assert rouge_l("", "", 100) == rouge_l("a", "", 100) == 0.0
    assert rouge_l("甲乙", "甲乙", 100) == 1.0


def test_levenshtein_equals_the_textbook_count_of_edits() -> None:
    rng = random.Random(4)
    for _ in range(300):
        first, second = ("".join(rng.choices("CNO()=1#", k=rng.randint(0, 40))) for _ in range(2))
        assert levenshtein(first, second) == edits(first, second)


def test_wilson_is_scipys_on_whole_counts() -> None:
    from scipy.stats import binomtest

    for n in (1, 7, 50, 500):
        for hits in range(0, n + 1, max(1, n // 7)):
            interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
            assert wilson(hits / n, n) == pytest.approx((interval.low, interval.high), abs=1e-12)
