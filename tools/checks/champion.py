"""The champion's rule: a paired test on the same items, in the challenger's favour, at a one-sided
level of 0.2.

Inside the loop a missed improvement costs as much as a false one, so the level is loose; the claim
that the user reads is made on the sealed test, two-sided, at 0.05.
"""

from __future__ import annotations

from memory.records import Comparison, Experiment, Outcome

KEEP_LEVEL = 0.2


def replaces_champion(comparison: Comparison) -> bool:
    """Whether the evidence favours the challenger."""
    return comparison.delta > 0 and comparison.p_value / 2 <= KEEP_LEVEL


def outcome_of(experiment: Experiment) -> Outcome:
    """What an experiment came to: kept when the paired test allows it and no verdict refuses it."""
    comparison, verdict = experiment.comparison, experiment.verdict
    if experiment.failure is not None or comparison is None:
        return "failed"
    refused = verdict is not None and verdict.verdict != "keep"
    return "kept" if replaces_champion(comparison) and not refused else "discarded"
