"""Metrics: many item scores into one number with its uncertainty. All rates are in percent.

Accuracy carries the Wilson score interval (E. B. Wilson, 1927, JASA 22), which
stays inside 0-100 and is sound at 0 and 100. Macro-F1 has no closed form, so its
interval is the percentile bootstrap over items, drawn as one multinomial over the
cells of the confusion matrix: the same distribution, without a loop over items.

An item score that is not ``scored`` is left out of every number here: ``n`` counts the
scored items alone, and a subset without a scored item is not among the subsets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.base import ItemScore, Sample, Score

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the normal distribution."""


def wilson(rate: float, n: float) -> tuple[float, float]:
    """The 95% Wilson interval of a rate (0.0 to 1.0) over ``n`` items, same unit.

    ``n`` may be an effective, fractional number of items, and the rate a mean of values between 0 and 1:
    scipy's ``binomtest(...).proportion_ci("wilson")`` is the same formula (a test compares them), for whole
    counts alone.
    """
    if n <= 0:
        return 0.0, 1.0
    square = Z95 * Z95 / n
    centre = (rate + square / 2) / (1 + square)
    half = Z95 / (1 + square) * math.sqrt(rate * (1 - rate) / n + square / (4 * n))
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def _by_view(samples: Sequence[Sample], values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    names = np.array([sample.subset for sample in samples])
    return {str(name): values[names == name] for name in sorted(set(names.tolist()))}


def scored_only(
    samples: Sequence[Sample], item_scores: Sequence[ItemScore]
) -> tuple[list[Sample], list[ItemScore]]:
    """The items that a score can be computed from; raises ValueError on unequal lengths."""
    if len(samples) != len(item_scores):
        raise ValueError(f"{len(samples)} samples but {len(item_scores)} item scores")
    pairs = [pair for pair in zip(samples, item_scores, strict=True) if pair[1].scored]
    return [sample for sample, _ in pairs], [item_score for _, item_score in pairs]


def _values(item_scores: Sequence[ItemScore]) -> tuple[NDArray[np.float64], float]:
    """The items' values and the unparseable share."""
    values = np.array([item_score.value for item_score in item_scores], dtype=np.float64)
    unread = sum(item_score.parsed is None for item_score in item_scores)
    return values, unread / max(1, len(item_scores))


def accuracy(samples: Sequence[Sample], item_scores: Sequence[ItemScore], metric: str = "accuracy") -> Score:
    """The share of right answers over all items, with its Wilson interval.

    Values between 0 and 1, such as token F1, are averaged; the same interval is
    then conservative, since their variance is at most that of a 0-1 outcome.
    """
    samples, item_scores = scored_only(samples, item_scores)
    values, unread = _values(item_scores)
    rate = float(values.mean()) if len(values) else 0.0
    low, high = wilson(rate, len(values))
    subsets = {name: round(100 * float(part.mean()), 4) for name, part in _by_view(samples, values).items()}
    return Score(
        metric=metric,
        value=100 * rate,
        low=100 * low,
        high=100 * high,
        n=len(values),
        unparseable_share=unread,
        subsets=subsets,
    )


def mean_over_views(
    samples: Sequence[Sample], item_scores: Sequence[ItemScore], metric: str = "accuracy"
) -> Score:
    """The unweighted mean of the subsets' accuracies.

    Its variance is ``sum(p_v (1 - p_v) / n_v) / V^2``; the interval is Wilson's with
    the number of items that would give a single rate the same variance.
    """
    samples, item_scores = scored_only(samples, item_scores)
    values, unread = _values(item_scores)
    parts = _by_view(samples, values)
    if not parts:
        return accuracy(samples, item_scores, metric)
    rates = {name: float(part.mean()) for name, part in parts.items()}
    rate = sum(rates.values()) / len(rates)
    variance = sum(rates[v] * (1 - rates[v]) / len(parts[v]) for v in parts) / len(parts) ** 2
    effective = rate * (1 - rate) / variance if variance > 0 else float(len(values))
    low, high = wilson(rate, min(effective, float(len(values))))
    subsets = {name: round(100 * value, 4) for name, value in rates.items()}
    return Score(
        metric=metric,
        value=100 * rate,
        low=100 * low,
        high=100 * high,
        n=len(values),
        unparseable_share=unread,
        subsets=subsets,
    )


def macro_f1(
    samples: Sequence[Sample],
    item_scores: Sequence[ItemScore],
    labels: Sequence[str],
    gold_of: Callable[[Sample], str] = lambda sample: str(sample.gold),
    seed: int = 0,
    resamples: int = 2000,
) -> Score:
    """The unweighted mean of the labels' F1; an unparseable answer is a wrong one.

    Dropping unparseable answers, as is sometimes done, rewards a model for keeping
    silent on hard items; here they count as a miss of their gold label. A label that
    neither a reference nor an answer names does not count. Where every
    resample agrees (all right, all wrong), the bootstrap has nothing to say and the
    Wilson interval of the accuracy stands in.
    """
    samples, item_scores = scored_only(samples, item_scores)
    values, unread = _values(item_scores)
    place = {label: index for index, label in enumerate(labels)}
    cells = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    for sample, item_score in zip(samples, item_scores, strict=True):
        cells[place[gold_of(sample)], place.get(item_score.parsed or "", len(labels))] += 1
    n = int(cells.sum())
    value = float(_f1(cells[None].astype(np.float64))[0]) if n else 0.0
    low, high = wilson(float(values.mean()) if n else 0.0, n)
    if n:
        drawn = np.random.default_rng(seed).multinomial(n, cells.ravel() / n, size=resamples)
        spread = _f1(drawn.reshape(resamples, *cells.shape).astype(np.float64))
        if float(np.ptp(spread)) > 0:
            low, high = (float(bound) for bound in np.percentile(spread, [2.5, 97.5]))
    low, high = min(low, value), max(high, value)
    subsets = {name: round(100 * float(part.mean()), 4) for name, part in _by_view(samples, values).items()}
    return Score(
        metric="macro_f1",
        value=100 * value,
        low=100 * low,
        high=100 * high,
        n=n,
        unparseable_share=unread,
        subsets=subsets,
    )


def _f1(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Macro-F1 of confusion matrices ``(draws, labels, labels + 1)``; the last column is "unread"."""
    count = cells.shape[1]
    hit = np.diagonal(cells[:, :, :count], axis1=1, axis2=2)
    gold, said = cells.sum(axis=2), cells[:, :, :count].sum(axis=1)
    return _f1_of_counts(hit, gold, said)


def multilabel_macro_f1(
    samples: Sequence[Sample],
    item_scores: Sequence[ItemScore],
    labels: Sequence[str],
    seed: int = 0,
    resamples: int = 2000,
) -> Score:
    """Macro-F1 where an item has several labels: gold and parsed answer are texts such as ``A, G``.

    The unweighted mean of the F1 of the labels that occur in a reference or an answer, in percent,
    with a percentile bootstrap over items; where every resample agrees, Wilson's interval of the
    share of exactly right items stands in.
    """
    samples, item_scores = scored_only(samples, item_scores)
    values, unread = _values(item_scores)
    gold = label_matrix([str(sample.gold) for sample in samples], labels)
    said = label_matrix([item_score.parsed or "" for item_score in item_scores], labels)
    n = len(samples)
    value = float(label_f1(gold[None], said[None])[0]) if n else 0.0
    low, high = wilson(sum(item_score.right for item_score in item_scores) / n if n else 0.0, n)
    if n:
        drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
        spread = _f1_of_counts(drawn @ (gold & said), drawn @ gold.astype(int), drawn @ said.astype(int))
        if float(np.ptp(spread)) > 0:
            low, high = (float(bound) for bound in np.percentile(spread, [2.5, 97.5]))
    low, high = min(low, value), max(high, value)
    subsets = {name: round(100 * float(part.mean()), 4) for name, part in _by_view(samples, values).items()}
    return Score(
        metric="macro_f1",
        value=100 * value,
        low=100 * low,
        high=100 * high,
        n=n,
        unparseable_share=unread,
        subsets=subsets,
    )


def label_matrix(texts: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Which labels each text names: ``(texts, labels)``; what is no label adds nothing."""
    named = [set(text.split(", ")) for text in texts]
    return np.array([[label in names for label in labels] for names in named], dtype=bool)


def label_f1(gold: NDArray[np.bool_], said: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Macro-F1 (0.0 to 1.0) over labels that occur; arrays are ``(..., items, labels)``."""
    return _f1_of_counts((gold & said).sum(axis=-2), gold.sum(axis=-2), said.sum(axis=-2))


def _f1_of_counts(hit: NDArray[Any], gold: NDArray[Any], said: NDArray[Any]) -> NDArray[np.float64]:
    both = gold + said
    per_label = np.divide(2.0 * hit, both, out=np.zeros(both.shape), where=both > 0)
    return np.asarray(per_label.sum(axis=-1) / np.maximum((both > 0).sum(axis=-1), 1))


def token_f1(answer: str, gold: str) -> float:
    """F1 over the words of two texts (0.0 to 1.0), as in reading-comprehension scoring."""
    from collections import Counter

    from tasks.splits import fingerprint

    said, wanted = Counter(fingerprint(answer).split()), Counter(fingerprint(gold).split())
    shared = sum((said & wanted).values())
    if not shared:
        return float(not said and not wanted)
    precision, recall = shared / sum(said.values()), shared / sum(wanted.values())
    return 2 * precision * recall / (precision + recall)
