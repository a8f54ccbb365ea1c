"""The rules of the incumbent, from which the search goes on, and of the candidate that it ends with.

The incumbent changes by a paired test on the search items, in the challenger's favour, at a one-sided
level of 0.2: inside the loop a missed improvement costs as much as a false one, so the level is loose.
Nothing is claimed by it. With twenty models that are no better than the base, it is wrong in nine
runs of ten; what a run claims is tested on items kept apart (``tools.evaluation.confirmation``).
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import Comparison, Experiment, Outcome, Verdict

KEEP_LEVEL = 0.2


def replaces_incumbent(comparison: Comparison) -> bool:
    """Whether the evidence favours the challenger."""
    return comparison.delta > 0 and comparison.p_value / 2 <= KEEP_LEVEL


def outcome_of(experiment: Experiment) -> Outcome:
    """What an experiment came to: kept when the paired test allows it and no verdict refuses it."""
    comparison = experiment.comparison
    if experiment.failure is not None or comparison is None:
        return "failed"
    refused = _refused(experiment.verdict)
    return "kept" if replaces_incumbent(comparison) and not refused else "discarded"


def candidate_of(experiments: Sequence[Experiment]) -> Experiment | None:
    """The one model of a run that is tested for what the run claims; None where nothing looks better.

    It is the incumbent. Where nothing was kept, it is the best of those that scored above the base: the
    test on the items kept apart needs no promise, and its level would otherwise go unused.
    """
    kept = [experiment for experiment in experiments if experiment.outcome == "kept"]
    if kept:
        return kept[-1]
    above = [(e.comparison.delta, e) for e in experiments if e.comparison is not None and _looks_better(e)]
    return max(above, key=lambda pair: pair[0])[1] if above else None


def _looks_better(experiment: Experiment) -> bool:
    comparison = experiment.comparison
    if experiment.failure is not None or comparison is None or comparison.delta <= 0:
        return False
    # A playbook's "discard" repeats the test; one in spite of the test is a refusal.
    return not (replaces_incumbent(comparison) and _refused(experiment.verdict))


def _refused(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.verdict != "keep"
