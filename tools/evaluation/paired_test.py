"""A paired test of two models on the same items: no gain without evidence.

Both models answered the same items, so only the items on which they differ say
anything. Right-or-wrong items get the exact McNemar test (a sign test on the
discordant pairs, McNemar 1947) and Newcombe's interval for a paired difference
(method 10 of Newcombe 1998, Statistics in Medicine 17:2635). Any other metric gets a
paired permutation test, in which the two answers to an item trade places at random,
and a paired bootstrap interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.records import Comparison
from tasks.answers.metrics import label_f1, label_matrix, wilson
from tasks.base import ItemScore, Sample, Score, TaskSpec

PERMUTATIONS = 5000
SLOW_PERMUTATIONS = 400
"""Where every resample has to go through the task's own aggregate."""
MOST_LABELS = 20
"""More parts of reference answers than this are no labels."""
Item = Mapping[str, Any]
"""One line of an evaluation's predictions."""
Pick = NDArray[np.int64]
"""(resamples, 2, n): for each resample, side and item, the index of the prediction (0 to n-1 the
challenger's, n to 2n-1 the champion's)."""
Scores = Callable[[Pick], NDArray[np.float64]]
"""Resamples to scores, (resamples, 2), in the metric's unit."""


def compare(
    challenger_items: Sequence[Item],
    champion_items: Sequence[Item],
    challenger: str,
    champion: str,
    spec: TaskSpec,
    samples: Sequence[Sample],
) -> Comparison:
    """Compares two evaluations of the same items.

    Args:
        challenger_items: the challenger's predictions, one item for each sample.
        champion_items: the champion's.
        challenger: its experiment id.
        champion: its experiment id, or ``base``.
        spec: the task; its aggregate is the metric.
        samples: the items themselves, in the same order.

    Raises:
        ValueError: the two are not predictions of the same samples.
    """
    ids = [sample.id for sample in samples]
    if [item["id"] for item in challenger_items] != ids or [item["id"] for item in champion_items] != ids:
        raise ValueError(f"{challenger} and {champion} were not evaluated on the same items")
    kept = [
        number
        for number, (a, b) in enumerate(zip(challenger_items, champion_items, strict=True))
        if a.get("scored", True) and b.get("scored", True)
    ]
    if len(kept) < len(ids):  # subsets whose oracle is missing count in no comparison
        challenger_items, champion_items = (
            [items[number] for number in kept] for items in (challenger_items, champion_items)
        )
        samples = [samples[number] for number in kept]
        ids = [sample.id for sample in samples]
    if kept == [] and not ids:
        return _nothing_in_common(challenger, champion)
    new, old = _outcomes(challenger_items), _outcomes(champion_items)
    sign = 1.0 if spec.higher_is_better else -1.0
    observed = [score_of(spec, samples, items).value for items in (challenger_items, champion_items)]
    delta = sign * (observed[0] - observed[1])
    if _is_accuracy(observed, (new, old), (challenger_items, champion_items)):
        low, high, p_value = proportions(new, old)
        test = "exact McNemar"
    else:
        scores, repeats = _scores(spec, samples, challenger_items, champion_items, observed)
        low, high, p_value = _resampled(scores, len(ids), sign, delta, repeats)
        test = f"paired permutation ({repeats})"
    became = sum(
        a["right"] and b["parsed"] is None for a, b in zip(challenger_items, champion_items, strict=True)
    )
    lost = sum(
        b["right"] and a["parsed"] is None for a, b in zip(challenger_items, champion_items, strict=True)
    )
    format_gain = 100.0 * (became - lost) / len(ids) if ids else 0.0
    return Comparison(
        challenger=challenger,
        champion=champion,
        delta=delta,
        low=low,
        high=high,
        p_value=p_value,
        fixed=int((new & ~old).sum()),
        broken=int((old & ~new).sum()),
        format_gain=format_gain,
        capability_gain=delta - format_gain,
        test=test,
        n=len(ids),
    )


def _nothing_in_common(challenger: str, champion: str) -> Comparison:
    """No item was scored for both: nothing can be said of the difference."""
    empty = dict.fromkeys(("delta", "format_gain", "capability_gain"), 0.0)
    return Comparison(
        challenger=challenger,
        champion=champion,
        low=-100.0,
        high=100.0,
        p_value=1.0,
        fixed=0,
        broken=0,
        test="none",
        n=0,
        **empty,
    )


@lru_cache(maxsize=4096)
def mcnemar(fixed: int, broken: int) -> float:
    """Exact two-sided p-value: ``fixed`` of the discordant pairs against a fair coin."""
    if fixed + broken == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(fixed, fixed + broken, 0.5).pvalue)


def newcombe(both: int, fixed: int, broken: int, neither: int) -> tuple[float, float]:
    """95% interval for the difference of two paired proportions (challenger minus champion, -1 to 1)."""
    n = both + fixed + broken + neither
    if n == 0:
        return -1.0, 1.0
    first, second = (both + fixed) / n, (both + broken) / n
    low1, high1 = wilson(first, n)
    low2, high2 = wilson(second, n)
    margins = (both + fixed) * (broken + neither) * (both + broken) * (fixed + neither)
    determinant: float = both * neither - fixed * broken
    if determinant > 0:  # continuity correction of the correlation, as in the paper
        determinant = max(determinant - n / 2, 0.0)
    phi = determinant / math.sqrt(margins) if margins else 0.0
    down1, up1, down2, up2 = first - low1, high1 - first, second - low2, high2 - second
    delta = float(first - second)
    low = delta - math.sqrt(max(0.0, down1**2 - 2 * phi * down1 * up2 + up2**2))
    high = delta + math.sqrt(max(0.0, up1**2 - 2 * phi * up1 * down2 + down2**2))
    return low, high


def _outcomes(items: Sequence[Item]) -> NDArray[np.bool_]:
    return np.array([bool(item["right"]) for item in items], dtype=bool)


def score_of(spec: TaskSpec, samples: Sequence[Sample], items: Sequence[Item]) -> Score:
    """The task's score of predictions that were scored item by item."""
    return spec.aggregate(samples, [item_score(item) for item in items])


def item_score(item: Item) -> ItemScore:
    """The score behind one line of an evaluation's predictions; what was not scored counts in no figure."""
    return ItemScore(item["right"], item["value"], item["parsed"], item["error"], item.get("scored", True))


def _is_accuracy(
    observed: Sequence[float], outcomes: Sequence[NDArray[np.bool_]], sides: Sequence[Sequence[Item]]
) -> bool:
    """Whether the metric is the share of right items: seen in the figures, not believed from a name."""
    plain = all(float(item["value"]) == float(item["right"]) for items in sides for item in items)
    return plain and all(
        len(right) > 0 and abs(100.0 * right.mean() - value) < 1e-6
        for right, value in zip(outcomes, observed, strict=True)
    )


def proportions(new: NDArray[np.bool_], old: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Two models' right answers to the same items: the interval (low, high) in points, and McNemar's p."""
    fixed, broken = int((new & ~old).sum()), int((old & ~new).sum())
    low, high = newcombe(int((new & old).sum()), fixed, broken, int((~new & ~old).sum()))
    return 100.0 * low, 100.0 * high, mcnemar(fixed, broken)


def _scores(
    spec: TaskSpec,
    samples: Sequence[Sample],
    new: Sequence[Item],
    old: Sequence[Item],
    observed: Sequence[float],
) -> tuple[Scores, int]:
    """The quickest way to the observed values: means, means of subsets, macro F1, or the task's aggregate."""
    both = [*new, *old]
    n = len(samples)
    identity = np.arange(2 * n).reshape(1, 2, n)
    values = np.array([float(item["value"]) for item in both])

    def mean(pick: Pick) -> NDArray[np.float64]:
        return np.asarray(100.0 * values[pick].mean(axis=-1))

    of_view = [sample.subset for sample in samples] * 2
    members = np.array(
        [[mine == subset for mine in of_view] for subset in dict.fromkeys(of_view)], dtype=float
    )

    def mean_of_views(pick: Pick) -> NDArray[np.float64]:
        counts = members[:, pick].sum(axis=-1)
        sums = (members * values)[:, pick].sum(axis=-1)
        present = counts > 0  # a bootstrap sample may miss a small subset
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=present)
        return np.asarray(100.0 * means.sum(axis=0) / present.sum(axis=0))

    def own(pick: Pick) -> NDArray[np.float64]:
        def score(row: NDArray[np.int64]) -> float:
            return score_of(spec, [samples[k % n] for k in row], [both[k] for k in row]).value

        return np.array([[score(side) for side in pair] for pair in pick])

    parts = sorted({part for sample in samples for part in str(sample.gold).split(", ")})
    gold = label_matrix([str(sample.gold) for sample in samples] * 2, parts)
    said = label_matrix([str(item["parsed"]) for item in both], parts)

    def macro_f1(pick: Pick) -> NDArray[np.float64]:
        return 100.0 * label_f1(gold[pick], said[pick])

    quicker = (mean, mean_of_views) if len(parts) > MOST_LABELS else (mean, mean_of_views, macro_f1)
    for quick in quicker:
        if np.allclose(quick(identity)[0], observed, atol=1e-6):
            return quick, PERMUTATIONS
    return own, SLOW_PERMUTATIONS


def _resampled(scores: Scores, n: int, sign: float, delta: float, repeats: int) -> tuple[float, float, float]:
    """(low, high) of the bootstrap and the permutation p-value, both paired and seeded."""
    random = np.random.default_rng(0)
    items = np.arange(n)
    swapped = random.integers(0, 2, (repeats, n)) * n
    traded = scores(np.stack([items + swapped, items + (n - swapped)], axis=1))
    differences = sign * (traded[:, 0] - traded[:, 1])
    # The observed arrangement is one of the permutations: p is never zero (Phipson and Smyth 2010).
    p_value = (1 + int((np.abs(differences) >= abs(delta) - 1e-9).sum())) / (repeats + 1)
    drawn = random.integers(0, n, (repeats, n))
    resampled = scores(np.stack([drawn, drawn + n], axis=1))
    low, high = np.percentile(sign * (resampled[:, 0] - resampled[:, 1]), (2.5, 97.5))
    return float(low), float(high), p_value
