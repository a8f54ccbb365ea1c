"""Interval around a forecast: conformal, over held-out runs.

Experiments of one run are alike, so they are not so many independent witnesses: what can be exchanged is the
run. Each past run gets the same weight, shared out among its experiments, and one more run's weight lies at
infinity, for the run to come (hierarchical conformal prediction, Lee, Barber and Willett 2023,
arXiv:2306.06342; Dunn, Wasserman and Ramdas 2022, arXiv:1809.07441). With too few runs for the level the
width is therefore infinite, and the interval is all that a score can do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

LEVEL = 0.8
"""Share of experiments whose gain an interval is to hold. At 0.95 nineteen runs are needed for a finite one,
at this level four."""


def half_width(errors: Sequence[float], runs: Sequence[str], level: float = LEVEL) -> float:
    """The error that a share ``level`` of the experiments of a further run stays within; may be infinite.

    Args:
        errors: absolute errors of forecasts of held-out experiments, in any unit.
        runs: of each, the run that was held out.
        level: 0.0 to 1.0.
    """
    sizes = Counter(runs)
    share = 1.0 / (len(sizes) + 1)
    reached = 0.0
    for error, run in sorted(zip(errors, runs, strict=True)):
        reached += share / sizes[run]
        if reached >= level - 1e-9:
            return error
    return math.inf
