"""When to stop, and what to call it."""

from __future__ import annotations

from dataclasses import dataclass

from memory.records import Ending
from roles.method import method_for
from roles.time_split import meaningful_seconds
from tools.checks.judge import judge_holds_another
from tools.dojo import Dojo

SOLVED_LOW = 97.0
"""Lower end of the incumbent's interval from which a rate in percent counts as solved."""


@dataclass(frozen=True)
class Stop:
    """A policy's word that the run should end."""

    reason: str
    """Its own words."""


def ending(
    dojo: Dojo, target: float | None = None, max_experiments: int | None = None
) -> tuple[Ending, str] | None:
    """The run's ending and its reason, or None to go on.

    solved: the target is reached, or the 95% interval lies above 97. out_of_budget: what
    is left, less the reserve for the final test, holds no further experiment, or a cap on money or
    tokens is reached. max_experiments: as many as were asked for are done.
    """
    incumbent = dojo.journal.incumbent_id()
    score = dojo.validation_score(incumbent)
    if target is not None and incumbent != "base":
        reached = score.value >= target if score.higher_is_better else score.value <= target
        if reached:
            return "solved", f"{incumbent} reached the target {target:g} with {score.text()} on validation"
    if target is None and incumbent != "base" and score.higher_is_better and score.low >= SOLVED_LOW:
        return "solved", f"{incumbent} scores {score.text()} on validation"
    if dojo.spending is not None and dojo.spending.exhausted:
        return "out_of_budget", dojo.spending.exhausted
    if not judge_holds_another(dojo):
        return "out_of_budget", "what the judge's cap leaves is kept for the sealed test"
    done = len(dojo.journal.experiments())
    if max_experiments is not None and done >= max_experiments:
        return "max_experiments", f"{done} experiments were asked for, and are done"
    left, needed = dojo.remaining_budget_seconds(), shortest_seconds(dojo)
    if left < needed:
        return (
            "out_of_budget",
            f"{max(left, 0):.0f} s left for experiments, the next needs about {needed:.0f} s",
        )
    return None


def shortest_seconds(dojo: Dojo) -> float:
    """The shortest experiment that is begun: half as long as one that means something, or a little over
    its fixed part."""
    return max(dojo.minimum_experiment_seconds(), meaningful_seconds(dojo, method_for(dojo)) / 2)
