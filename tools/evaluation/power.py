"""Power of the confirmation: the smallest gain that a run can claim, said before it starts.

Of right-or-wrong items only those count on which the two models differ. Their number follows from
the gain and from how many of the base's right answers the new model breaks, which nobody knows
beforehand: assumed is half of what a model of that score would break that had nothing to do with the base
(``BROKEN_SHARE``). Given that, the power of the exact test is a sum over binomials (Miettinen 1968,
Biometrics 24:339). Graded scores vary less than right-or-wrong ones of the same mean, so the
figure is on the safe side for them.
"""

from __future__ import annotations

from tasks.base import Score
from tools.evaluation.confirmation import LEVEL, schedule

POWER = 0.8
"""A gain counts as detectable when four runs of five confirm it."""
BROKEN_SHARE = 0.5
MORE = 4
"""So many times the items are named as the way to a smaller figure: they halve it, about."""
STEPS = 14
"""Halvings of the search for the gain: to a hundredth of a point."""


def power(n: int, gain: float, base: float, level: float = LEVEL) -> float:
    """Chance that the exact one-sided test on ``n`` items confirms a gain.

    Args:
        n: confirmation items.
        gain: true gain as a share of items, 0.0 to 1.0 - ``base``.
        base: the base model's share of right items.
        level: one-sided.
    """
    import numpy as np
    from scipy.stats import binom

    broken = BROKEN_SHARE * base * max(0.0, 1.0 - base - gain)
    differing = min(1.0, gain + 2 * broken)
    if n == 0 or differing <= 0.0:
        return 0.0
    counts = np.arange(n + 1)
    needed = binom.isf(level, counts, 0.5)  # more than so many of the differing items
    passed = binom.sf(needed, counts, (gain + broken) / differing)
    return float((binom.pmf(counts, n, differing) * passed).sum())


def smallest_gain(n: int, base: float) -> float | None:
    """The smallest gain (share of items) that ``n`` items confirm with a chance of ``POWER``; None if none.

    Args:
        n: confirmation items.
        base: the base model's share of right items, 0.0 to 1.0.
    """
    level = schedule(n)[-1][1] if n else LEVEL
    low, high = 0.0, 1.0 - base
    if power(n, high, base, level) < POWER:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if power(n, middle, base, level) >= POWER else (middle, high)
    return high


def detectable(validation: int, confirmation: int, score: Score) -> str:
    """What a run can claim and what would let it claim less, in one sentence.

    Args:
        validation: items of the whole validation split.
        confirmation: of those, the items kept for the confirmation.
        score: the base model's, on the other items.
    """
    kept = f"{confirmation} of {validation} validation items are kept to confirm the final model"
    if not score.higher_is_better or not 0.0 <= score.value <= 100.0:
        return f"{kept} against the base (one-sided {LEVEL:.0%}); more items confirm smaller gains"
    base = score.value / 100.0
    found = smallest_gain(confirmation, base)
    if found is None:
        return f"{kept}: too few to confirm any gain over {score.value:.1f}; give more validation items"
    fewer = smallest_gain(MORE * confirmation, base)
    more = "" if fewer is None else f"; with {MORE * validation:,} validation items, {100 * fewer:.1f}"
    return (
        f"{kept}: a gain of about {100 * found:.1f} points or more over the base would be confirmed in "
        f"{POWER:.0%} of such runs{more}"
    )
