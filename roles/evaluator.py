"""The Evaluator: the harness measures, the Evaluator says what the measurement means.

It may refuse a challenger that the paired test allows (``tools.checks.champion``), never admit another.
"""

from __future__ import annotations

from memory.records import Comparison, Verdict
from tools.checks.champion import replaces_incumbent
from tools.dojo import Dojo


def assess(dojo: Dojo, comparison: Comparison) -> Verdict:
    """The playbook's verdict: what the paired test and the forgetting budget say, and nothing more."""
    forgotten = dojo.journal.forgetting(comparison.challenger)
    kept = replaces_incumbent(comparison) and not (forgotten and forgotten.beyond)
    note = f"paired test: {comparison.delta:+.1f} over {comparison.champion}, p={comparison.p_value:.2g}"
    if forgotten:
        note += f"; beside the task: {forgotten.text()}"
    return Verdict(verdict="keep" if kept else "discard", note=note)
