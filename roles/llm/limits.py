"""Limits of a decision: how long it may take, how often it may ask, look and mend; and how fast models reply.

A decision takes a share of the time left. A model's own replies set a floor below it: a decision that cannot
hold two of them costs its time and brings nothing. What the run's owner says replaces both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from memory.records import Usage

SECONDS = 300.0
"""Of one decision at most, unless the owner says more or its model replies slowly."""
SHARE = 0.1
"""Of the time left, what one decision may take."""
OWN_SHARE = 0.5
"""Of the time left, at most, where the owner names seconds and no share."""
FLOOR_SHARE = 0.2
"""Of the time left, what two replies of a slow model may come to: one to look, one to decide."""
REPLY_SHARE = 1 / 3
"""Of the time left, what its one reply may come to: what takes more leaves too little to act upon."""
LEAST_SECONDS = 5.0
"""Of one decision, where the owner says nothing."""
GRACE = 0.25
"""Of a decision's time, how much longer a reply under way is waited for: a late one that is valid counts."""
SCRIPT_REPAIRS = 5
"""A recipe may hold a script, which takes more tries than a choice among names."""
RECENT = 5
"""Replies from which a model's speed is told."""


@dataclass(frozen=True)
class Limits:
    """How long and how often a decision may try."""

    calls: int = 12
    """Of the model, repairs included."""
    tool_calls: int = 8
    repairs: int = 3
    wall_seconds: float = SECONDS
    """After which no further call begins."""
    grace: float = GRACE
    """Of ``wall_seconds``: how much longer a call under way may take."""
    reply_chars: int = 40_000
    answer_chars: int = 10_000
    context_tokens: int = 16_000
    """From here on, all tool answers but the last three are cleared."""
    retries: int = 2
    """Of one call, after the HTTP client's own."""
    first_delay_seconds: float = 0.5
    most_delay_seconds: float = 8.0


@dataclass(frozen=True)
class OwnLimits:
    """What the run's owner says about a decision; None leaves it to the rule.

    Args:
        seconds: most of one decision.
        share: most of the time left, 0 to 1.
        calls: of the model, repairs included.
        tools: calls of tools.
        repairs: replies that go back with their error.
    """

    seconds: float | None = None
    share: float | None = None
    calls: int | None = None
    tools: int | None = None
    repairs: int | None = None

    def granted_seconds(self, left: float, reply_seconds: float = 0.0) -> float:
        """What one decision gets of the time left.

        Args:
            left: seconds left for experiments.
            reply_seconds: one reply of the model, as measured; 0 where nothing was.
        """
        if self.seconds is None and self.share is None:
            two = min(2 * reply_seconds, FLOOR_SHARE * left)
            one = reply_seconds if reply_seconds <= REPLY_SHARE * left else 0.0
            return max(LEAST_SECONDS, min(SECONDS, SHARE * left), one, two)
        share = self.share or (SHARE if self.seconds is None else OWN_SHARE)
        return max(0.0, min(self.seconds or SECONDS, share * left))

    def over(self, usual: Limits, left: float, reply_seconds: float, *, script: bool) -> Limits:
        """The limits of the next decision.

        Args:
            usual: what holds where the owner says nothing.
            left: seconds left for experiments.
            reply_seconds: as in ``granted_seconds``.
            script: whether the decision may hold a script.
        """
        return replace(
            usual,
            wall_seconds=self.granted_seconds(left, reply_seconds),
            calls=self.calls or usual.calls,
            tool_calls=usual.tool_calls if self.tools is None else self.tools,
            repairs=(SCRIPT_REPAIRS if script else usual.repairs) if self.repairs is None else self.repairs,
        )


USUAL = Limits()
NOTHING_SAID = OwnLimits()


class Pace:
    """How long models took for their latest replies, and how long one was waited for in vain."""

    def __init__(self, calls: Iterable[Usage] = ()) -> None:
        """Start from the calls that a journal has counted."""
        self._taken: dict[str, deque[float]] = {}
        self._waited: dict[str, float] = {}
        for usage in calls:
            self.replied(usage.model, usage.wall_seconds)

    def replied(self, model: str, seconds: float) -> None:
        """A reply came after so long."""
        self._taken.setdefault(model, deque(maxlen=RECENT)).append(seconds)
        self._waited.pop(model, None)

    def waited(self, model: str, seconds: float) -> None:
        """None came in so long."""
        self._waited[model] = max(seconds, self._waited.get(model, 0.0))

    def reply_seconds(self, model: str) -> float:
        """A usual reply, no less than was waited in vain since the last one; 0 while nothing is known."""
        taken = self._taken.get(model)
        return max(median(taken) if taken else 0.0, self._waited.get(model, 0.0))
