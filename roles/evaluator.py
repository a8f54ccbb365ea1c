"""The Evaluator: the harness measures, the Evaluator says what the measurement means.

It may refuse a challenger that the paired test allows (``tools.checks.champion``), never admit another.
"""

from __future__ import annotations

from memory.records import Comparison, Verdict
from tools.checks.champion import replaces_incumbent
from tools.dojo import Dojo


def assess(dojo: Dojo, comparison: Comparison) -> Verdict:
    """The playbook's verdict: what the paired test says, and nothing more."""
    kept = replaces_incumbent(comparison)
    against = f"{comparison.delta:+.1f} over {comparison.champion}, p={comparison.p_value:.2g}"
    return Verdict(verdict="keep" if kept else "discard", note=f"paired test: {against}")
