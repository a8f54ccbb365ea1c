"""Outlooks: what a candidate is expected to gain, how surely, and in how many seconds.

Everything is counted in shares of what is left to gain (100 less the incumbent's score), so that an
experiment at 20 says something about one at 80. A candidate begins with a prior: the forecast's where there
is one, else the gain that its rule names, of which a part is believed. What earlier experiments of the run
came to by the same kind of move is then added by the rule of the normal distribution with known variance.
Moves from the base, from the incumbent's line and from other branches are different kinds: how far one leads
depends on where it starts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, Protocol

from memory.journal.log import BASE
from memory.records import Experiment, Plan
from roles.plan_context import PlannerContext
from roles.source_looks import is_look
from tools.checks.repeated_failure import mendable
from tools.dojo import Dojo

BELIEVED: dict[str, float] = {"improve": 1.0, "repair": 1.0, "combine": 0.5, "ablate": 0.3, "draft": 0.3}
"""Of the gain that a rule names, by move: the rest is hope. Set by hand on the simulated worlds 0 to 39 of
``tests.bench.search``, and tried on no others, nor on a real run."""
PRIOR_SD = 0.05
"""Share of what is left to gain by which a rule's guess of a mean is off."""
SPREAD = 0.1
"""Share of what is left to gain by which experiments of one kind differ, measurement included."""
STANDARD = NormalDist()


class Forecast(Protocol):
    """What a learned model says of a plan before it is run."""

    @property
    def gain(self) -> float:
        """Points over the weights that training goes on from."""
        ...

    @property
    def sd(self) -> float:
        """Standard deviation of the gain, in points."""
        ...

    @property
    def seconds(self) -> float:
        """Wall-clock of the whole experiment."""
        ...


Forecaster = Callable[[Dojo, Plan], Forecast | None]
"""None where it knows too little to say anything."""


def no_forecast(dojo: Dojo, plan: Plan) -> Forecast | None:
    """No learned model: the prior is the rule's own guess."""
    return None


@dataclass(frozen=True)
class Outlook:
    """A belief about one candidate's mean gain over the incumbent, in points."""

    mean: float
    sd: float
    """Of the mean."""
    spread: float
    """Standard deviation of one outcome around the mean."""
    seconds: float
    seen: int
    """Experiments of its kind in this run."""

    def drawn(self, draws: random.Random) -> float:
        """Expected improvement per second, were the mean one draw of the belief (Thompson 1933)."""
        return improvement(draws.gauss(self.mean, self.sd), self.spread) / self.seconds

    @property
    def gain(self) -> float:
        """Expected improvement in points, all that is not known counted as spread."""
        return improvement(self.mean, math.hypot(self.sd, self.spread))

    def text(self) -> str:
        """``+3.1 +/- 2.0 points in 31 s, 4 of its kind tried``."""
        tried = f"{self.seen} of its kind tried" if self.seen else "none of its kind tried"
        return f"{self.mean:+.1f} +/- {self.sd:.1f} points in {self.seconds:.0f} s, {tried}"


def improvement(mean: float, sd: float) -> float:
    """Expected positive part of a normal gain: what does not improve is not kept, and costs nothing but time
    (expected improvement, Jones et al. 1998)."""
    if sd <= 0.0:
        return max(mean, 0.0)
    ratio = mean / sd
    return mean * STANDARD.cdf(ratio) + sd * STANDARD.pdf(ratio)


def outlook(context: PlannerContext, plan: Plan, forecast: Forecaster) -> Outlook:
    """The belief about a candidate.

    Args:
        context: what the Planner has in front of it.
        plan: the candidate, with its move.
        forecast: the learned model, or ``no_forecast``.
    """
    score, line = context.champion_score, (context.initial_checkpoint, *context.line)
    room = max(100.0 - score, 1.0)
    found = forecast(context.dojo, plan)
    if found is not None:
        behind = score - context.score_of(plan.init_from)
        prior, prior_sd, seconds = (found.gain - behind) / room, max(found.sd / room, 1e-3), found.seconds
    else:
        believed = BELIEVED.get(plan.move, 0.5) * plan.expected_gain
        prior, prior_sd, seconds = believed / room, PRIOR_SD, plan.max_seconds
    kind = (plan.move, start_kind(plan, line))
    alike = [e for e in context.history if not is_look(e) and (e.plan.move, start_kind(e.plan, line)) == kind]
    precision = prior_sd**-2 + len(alike) * SPREAD**-2
    total = prior * prior_sd**-2 + sum(map(share_gained, alike)) * SPREAD**-2
    return Outlook(
        mean=room * total / precision,
        sd=room * precision**-0.5,
        spread=room * SPREAD,
        seconds=max(seconds, 1.0),
        seen=len(alike),
    )


def start_kind(plan: Plan, line: Collection[str]) -> Literal["base", "line", "branch"]:
    """Where a plan's training starts."""
    if plan.init_from == BASE:
        return "base"
    return "line" if plan.init_from in line else "branch"


def share_gained(experiment: Experiment) -> float:
    """The share of what was left to gain that an experiment gained over the incumbent of its time, within -1
    and 1; 0.0 where it came to no score, for the incumbent stayed and the time was spent."""
    comparison, evaluation = experiment.comparison, experiment.evaluation
    if comparison is None or evaluation is None or mendable(experiment):
        return 0.0
    before = evaluation.paired_score.value - comparison.delta
    return min(max(comparison.delta / max(100.0 - before, 1.0), -1.0), 1.0)
