"""The silent baseline: an Evaluator and a Diagnostician that say nothing, to see what theirs are worth."""

from __future__ import annotations

from collections.abc import Mapping

from memory.records import Comparison, Diagnosis, Experiment, Verdict
from tools.dojo import Dojo


class Silent:
    """Refuses nothing and finds nothing; the harness's own tests stand."""

    def assess(self, dojo: Dojo, comparison: Comparison) -> Verdict:
        """What the paired test allows is kept."""
        return Verdict(verdict="keep", note="")

    def diagnose(self, dojo: Dojo, experiment: Experiment, audit: Mapping[str, float]) -> Diagnosis:
        """No cause, and no sources doubted."""
        return Diagnosis(cause="none", evidence=(), next_move="tune")
