"""Compilation of a model in its training (``torch.compile``): tried where it can pay, kept where it does.

The steps before and after are steps of the training like any other; what a trial costs is the time that
the compiler takes. It is begun only where the steps left, at a likely saving, are worth more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

PLAIN_STEPS, WARMING_STEPS, COMPILED_STEPS = 8, 3, 8
"""Steps that are timed before, in which the compiler works, and that are timed afterwards."""
COMPILE_SECONDS, LIKELY_SAVING = 90.0, 0.15
"""What is assumed of a compiler's time, and of what it saves in each step, before the first trial."""
LEAST_SAVING = 0.03
"""A smaller one is noise."""


class Outcome(NamedTuple):
    """What a trial measured."""

    compile_seconds: float = COMPILE_SECONDS
    saving: float = LIKELY_SAVING
    """Share of a token's time; negative where compiled steps were slower."""


def worth_trying(step_seconds: float, steps_left: int, known: Outcome) -> bool:
    """Whether the steps left would win back the compiler's time."""
    return known.saving >= LEAST_SAVING and known.saving * step_seconds * steps_left > known.compile_seconds


class Trial:
    """One training's trial, told of each step.

    Args:
        compile_model: begins; the next steps run compiled.
        undo: back to the model as it was.
        known: of an earlier trial on the same model in this process; else what is assumed.
    """

    def __init__(
        self, compile_model: Callable[[], None], undo: Callable[[], None], known: Outcome | None = None
    ) -> None:
        self.compile_model, self.undo = compile_model, undo
        self.known = known or Outcome()
        self.outcome: Outcome | None = None
        """Once it is over."""
        self.began = 0
        """After so many steps; 0 while it has not begun."""
        self.times = True
        """Whether the steps in hand are timed: nothing else should be done between them."""
        self._plain = 0.0

    def step(self, ends: Sequence[float], tokens: Sequence[int], horizon: int) -> None:
        """One step has ended.

        Args:
            ends: monotonic time at the end of each step so far.
            tokens: of each.
            horizon: the step at which training ends.
        """
        done = len(ends)
        if done == 1 + PLAIN_STEPS:
            self._plain = _seconds_per_token(ends, tokens, 0, done - 1)
            seconds = (ends[-1] - ends[0]) / PLAIN_STEPS
            if worth_trying(seconds, horizon - done, self.known):
                self.began = done
                self.compile_model()
            self.times = bool(self.began)
        elif self.began and done == self.began + WARMING_STEPS + COMPILED_STEPS:
            warm = self.began + WARMING_STEPS
            expected = self._plain * sum(tokens[self.began : warm])
            spent = ends[warm - 1] - ends[self.began - 1] - expected
            saving = 1 - _seconds_per_token(ends, tokens, warm - 1, done - 1) / self._plain
            self.outcome = Outcome(max(spent, 0.0), saving)
            self.times = False
            if saving < LEAST_SAVING:
                self.undo()

    @property
    def settled(self) -> int:
        """The first step whose end tells the pace of those to come: none before the compiler is done."""
        return self.began + WARMING_STEPS if self.began else 0


def _seconds_per_token(ends: Sequence[float], tokens: Sequence[int], first: int, last: int) -> float:
    """Of the steps after ``first`` up to ``last``."""
    return (ends[last] - ends[first]) / max(sum(tokens[first + 1 : last + 1]), 1)
