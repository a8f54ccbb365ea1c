"""Staged evaluation: which items are drawn first, and who is stopped, for five kinds of metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from memory.records import Comparison
from tasks.answers.metrics import mean_over_views
from tasks.base import ItemScore, Sample, Score, TaskSpec
from tests.support.copy_word_task import copy_spec
from tests.test_tools_evaluation_paired_test import LABELS, f1_spec
from tools.evaluation.paired_test import Item, score_of
from tools.evaluation.staged import LEVEL, cannot_win, compare_shared, first_share

ITEMS = 240
QUARTER = 60


# ---- the draw


def items_of(count: int, subsets: Sequence[str] = ("a",)) -> list[Sample]:
    return [Sample(f"s{n}", subsets[n % len(subsets)], f"q{n}", "gold") for n in range(count)]


def test_each_experiment_and_seed_draws_its_own_share_and_the_same_again() -> None:
    samples = items_of(200)
    drawn = first_share(samples, "e01", 0)
    assert drawn == first_share(samples, "e01", 0)
    assert len({drawn, first_share(samples, "e02", 0), first_share(samples, "e01", 1)}) == 3
    assert len(drawn) == len(set(drawn)) == 50


def test_every_subset_has_its_share_of_the_first_items() -> None:
    samples = [replace(s, subset="abc"[min(n // 90, 2)]) for n, s in enumerate(items_of(200))]
    samples.append(replace(samples[0], id="lone", subset="d"))
    counts = Counter(samples[number].subset for number in first_share(samples, "e01", 0))
    assert counts == {"a": 22, "b": 22, "c": 5, "d": 1}


def test_over_many_draws_every_item_is_drawn_about_equally_often() -> None:
    samples = items_of(40)
    counts = Counter(number for e in range(400) for number in first_share(samples, f"e{e}", 0))
    assert sum(counts.values()) == 400 * 10
    assert min(counts.values()) >= 60  # 100 on average, standard deviation 8.7
    assert max(counts.values()) <= 140


# ---- five kinds of metric

Sides = tuple[TaskSpec, list[Sample], list[Item], list[Item]]


def item(n: int, value: float, parsed: str | None = "x", right: bool | None = None) -> Item:
    return {
        "id": f"s{n}",
        "right": value > 0.5 if right is None else right,
        "value": value,
        "parsed": parsed,
        "error": "",
    }


def _accuracy(random: np.random.Generator, better: float) -> Sides:
    samples = items_of(240)
    rates = (0.5 + better, 0.5)
    new, old = ([item(n, float(random.random() < rate)) for n in range(240)] for rate in rates)
    return copy_spec(), samples, new, old


def _graded(random: np.random.Generator, better: float) -> Sides:
    samples, luck = items_of(240), random.random(240)
    new = [item(n, float(np.clip(luck[n] * 0.5 + random.random() * 0.4 + better, 0, 1))) for n in range(240)]
    old = [item(n, float(np.clip(luck[n] * 0.5 + random.random() * 0.4, 0, 1))) for n in range(240)]
    return copy_spec(), samples, new, old


def _views(random: np.random.Generator, better: float) -> Sides:
    spec, samples, new, old = _accuracy(random, better)
    samples = [replace(s, subset="a" if n < 180 else "b") for n, s in enumerate(samples)]

    def aggregate(rows: Sequence[Sample], scores: Sequence[ItemScore]) -> Score:
        return mean_over_views(rows, scores, "correct_rate")

    return replace(spec, aggregate=aggregate), samples, new, old


def _macro_f1(random: np.random.Generator, better: float) -> Sides:
    golds = [LABELS[n] for n in random.integers(0, 3, 240)]
    samples = [replace(s, gold=gold) for s, gold in zip(items_of(240), golds, strict=True)]

    def side(rate: float) -> list[Item]:
        said = [gold if random.random() < rate else LABELS[random.integers(0, 3)] for gold in golds]
        return [item(n, float(said[n] == golds[n]), said[n]) for n in range(240)]

    return f1_spec(), samples, side(0.7 + better), side(0.7)


def _root_mean_square(random: np.random.Generator, better: float) -> Sides:
    """Less is better, and only the task's own aggregate gives the value."""

    def aggregate(rows: Sequence[Sample], scores: Sequence[ItemScore]) -> Score:
        value = float(np.sqrt(np.mean([score.value**2 for score in scores])))
        return Score(metric="rmse", value=value, low=0, high=9, n=len(rows), higher_is_better=False)

    sides = ([item(n, float(abs(random.normal(0, s)))) for n in range(240)] for s in (1.0 - 2 * better, 1.0))
    return replace(copy_spec(), aggregate=aggregate, higher_is_better=False), items_of(240), *sides


KINDS: dict[str, Callable[[np.random.Generator, float], Sides]] = {
    "right or wrong": _accuracy,
    "graded": _graded,
    "mean of subsets": _views,
    "macro F1": _macro_f1,
    "its own, less is better": _root_mean_square,
}


def lead(sides: Sides) -> float:
    """Points by which the new model comes out above the old one on all items."""
    spec, samples, new, old = sides
    mine, theirs = (score_of(spec, samples, side).value for side in (new, old))
    return mine - theirs if spec.higher_is_better else theirs - mine


def looks(sides: Sides, draws: int) -> list[Comparison]:
    """The first looks of so many experiments with the same answers."""
    spec, samples, new, old = sides
    found = []
    for number in range(draws):
        drawn = first_share(samples, f"e{number:02d}", 0)
        found.append(compare_shared([new[n] for n in drawn], old, "e01", "base", spec, samples))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_who_comes_out_above_on_all_items_is_seldom_stopped_and_who_is_far_behind_mostly(kind: str) -> None:
    make, draws = KINDS[kind], 60 if kind == "right or wrong" else 8
    random = np.random.default_rng(3)
    above = next(sides for sides in (make(random, 0.0) for _ in range(100)) if 0 < lead(sides) < 4)
    stopped = sum(map(cannot_win, looks(above, draws)))
    assert stopped <= LEVEL * draws + 2  # at 5%, more have a chance of 8% of 60 draws, of 1% of 8
    behind = make(random, -0.5)
    assert all(map(cannot_win, looks(behind, 4)))
