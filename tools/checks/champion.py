"""The rules of the incumbent, from which the search goes on, and of the candidate that it ends with.

The incumbent changes by a paired test on the search items, in the challenger's favour, at a one-sided
level of 0.2: inside the loop a missed improvement costs as much as a false one, so the level is loose.
Nothing is claimed by it: among twenty models that are no better than the base it finds an "improvement"
in most runs (``tests.bench.claims``). What a run claims is tested on items kept apart
(``tools.evaluation.confirmation``).
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import Comparison, Experiment, Outcome, Verdict

KEEP_LEVEL = 0.2


def replaces_incumbent(comparison: Comparison) -> bool:
    """Whether the evidence favours the challenger."""
    return comparison.delta > 0 and comparison.p_value / 2 <= KEEP_LEVEL


def gate_words(comparison: Comparison) -> str:
    """Whether the challenger may be kept, and why, in one line."""
    may = "yes" if replaces_incumbent(comparison) else "no"
    sign = ">" if comparison.delta > 0 else "<="
    level = "<=" if comparison.p_value / 2 <= KEEP_LEVEL else ">"
    return (
        f"may it be kept: {may} (difference {comparison.delta:+.1f} {sign} 0, one-sided "
        f"p {comparison.p_value / 2:.2g} {level} {KEEP_LEVEL:g})"
    )


def outcome_of(experiment: Experiment) -> Outcome:
    """What an experiment came to: kept when the paired test allows it and no verdict refuses it."""
    comparison = experiment.comparison
    if experiment.failure is not None or comparison is None:
        return "failed"
    refused = _refused(experiment.verdict)
    return "kept" if replaces_incumbent(comparison) and not refused else "discarded"


def candidate_of(experiments: Sequence[Experiment]) -> Experiment | None:
    """The one model that is tested for what the run claims; None where nothing scored above the base.

    The best on the search items, kept or not, unless the Evaluator refused it. A good model that came
    after a lucky one often misses the level of the paired test against it; of twenty models of which one is
    better by 10 points, choosing the best finds it more often than taking the incumbent
    (``tests.bench.claims``). The first of equals is taken.
    """
    above: dict[str, float] = {}
    found: Experiment | None = None
    for experiment in experiments:
        comparison = experiment.comparison
        if experiment.failure is not None or comparison is None:
            continue
        # On the same items differences add up: over the incumbent, and the incumbent over the base.
        above[experiment.id] = comparison.delta + above.get(comparison.champion, 0.0)
        best = above[found.id] if found else 0.0
        # A playbook's "discard" repeats the paired test; one in spite of the test is a refusal.
        refused = replaces_incumbent(comparison) and _refused(experiment.verdict)
        if above[experiment.id] > best + 1e-9 and not refused:
            found = experiment
    return found


def _refused(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.verdict != "keep"
