"""The Evaluator: the harness measures, the Evaluator decides whether the challenger replaces the champion.

The rule: a paired test on the same items, in the challenger's favour, at a one-sided
level of 0.2. Inside the loop a missed improvement costs as much as a false one, so the
level is loose; the claim that the user reads is made on the sealed test, two-sided, at 0.05.
"""

from __future__ import annotations

from memory.records import Comparison, Evaluation, Verdict
from tools.dojo import Dojo

KEEP_LEVEL = 0.2


def evaluate(dojo: Dojo, experiment: str) -> tuple[Evaluation, Comparison]:
    """Score the experiment on validation and compare it with the champion.

    Raises:
        ExperimentFailed: the model could not be loaded or did not answer in time.
    """
    evaluation = dojo.evaluate(experiment)
    comparison = dojo.compare(experiment, dojo.journal.champion_id())
    return evaluation, comparison


def replaces_champion(comparison: Comparison) -> bool:
    """Whether the evidence favours the challenger."""
    return comparison.delta > 0 and comparison.p_value / 2 <= KEEP_LEVEL


def admitted(comparison: Comparison, verdict: Verdict | None) -> bool:
    """Whether the challenger becomes champion: the paired test must allow it, and no verdict refuse it."""
    return replaces_champion(comparison) and (verdict is None or verdict.verdict == "keep")


def assess(comparison: Comparison) -> Verdict:
    """The playbook's verdict: what the paired test says, and nothing more."""
    kept = replaces_champion(comparison)
    against = f"{comparison.delta:+.1f} over {comparison.champion}, p={comparison.p_value:.2g}"
    return Verdict(verdict="keep" if kept else "discard", note=f"paired test: {against}")
