"""The ledger of time: what thinking, data, training and evaluation took, and what is left.

The totals are written with every event of the journal, and every few seconds beside it
(``memory.budget.heartbeat``), so a resumed run goes on from the last of them: time while nothing ran is
not counted, and time already spent is.

    ledger = Ledger.attach(journal)
    with ledger.measure("train"):
        ...
    ledger.remaining_seconds
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from memory.budget.heartbeat import last_beat
from memory.journal.log import Journal

Clock = Literal["think", "data", "train", "evaluate"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)


_State = tuple[dict[str, float], tuple[tuple[Clock, float], ...]]
"""Totals, and the nested clocks, the innermost last, each with the time from which it counts."""


@dataclass(frozen=True)
class Budget:
    """What a run may spend."""

    seconds: float
    """Wall-clock time, from the first second to the last, while the run is alive."""


class Ledger:
    """Counts wall-clock seconds against a budget.

    Clocks nest: the inner one runs and the outer one waits, so that no second is
    counted twice. One thread measures; any thread may read.
    """

    def __init__(
        self,
        budget: Budget,
        spent: dict[str, float] | None = None,
        now: Callable[[], float] = time.monotonic,
        began: float | None = None,
    ) -> None:
        spent = spent or {}
        self.budget = budget
        self.goes_on = bool(spent)
        """Whether it goes on from the totals of an earlier process."""
        self._now = now
        self._started = (now() if began is None else began) - spent.get("elapsed", 0.0)
        self._paused_at: float | None = None
        self._state: _State = {clock: spent.get(clock, 0.0) for clock in CLOCKS}, ()
        """Exchanged as one, so that whoever reads it from another thread counts no second twice."""

    @classmethod
    def attach(
        cls, journal: Journal, now: Callable[[], float] = time.monotonic, began: float | None = None
    ) -> Ledger:
        """A ledger that goes on from the last totals and writes its own with every event.

        Args:
            journal: of the run.
            now: monotonic seconds.
            began: when the command that opened the run began, by ``now``; what it did before counts.
        """
        beat, written = last_beat(journal.path.parent), journal.clocks
        spent = beat if beat.get("elapsed", 0.0) > written.get("elapsed", 0.0) else written
        ledger = cls(Budget(journal.info.budget_seconds), spent, now, began)
        journal.clock_source = ledger.snapshot
        return ledger

    @contextmanager
    def measure(self, clock: Clock) -> Iterator[None]:
        """Count the seconds of the block towards ``clock``, also when it raises."""
        outer, now = self._state[1], self._now()
        self._state = self._counted(now), (*outer, (clock, now))
        try:
            yield
        finally:
            end = self._now()
            self._state = self._counted(end), (*outer[:-1], (outer[-1][0], end)) if outer else ()

    def _counted(self, now: float) -> dict[str, float]:
        """The totals, the running clock's time included."""
        totals, running = self._state
        if not running:
            return dict(totals)
        clock, since = running[-1]
        return totals | {clock: totals[clock] + now - since}

    def pause(self) -> bool:
        """Stop counting: a person is asked. No ``measure`` may be under way.

        Returns:
            False when it had stopped already.
        """
        if self._paused_at is not None:
            return False
        self._paused_at = self._now()
        return True

    def go_on(self) -> None:
        """Count again, from where ``pause`` stopped; nothing happens when it did not."""
        if self._paused_at is not None:
            self._started += self._now() - self._paused_at
            self._paused_at = None

    def _present(self) -> float:
        return self._now() if self._paused_at is None else self._paused_at

    @property
    def elapsed_seconds(self) -> float:
        """Time the run has been alive, before a kill and after it; waiting for a person is not counted."""
        return self._present() - self._started

    @property
    def remaining_seconds(self) -> float:
        """What is left of the budget; never below zero."""
        return max(0.0, self.budget.seconds - self.elapsed_seconds)

    def grant(self, seconds: float) -> None:
        """More time than the budget has, for this process."""
        self.budget = Budget(self.budget.seconds + seconds)

    def spent(self) -> dict[str, float]:
        """Seconds by clock, the running one included; ``other`` is what no clock counted."""
        now = self._present()
        totals = self._counted(now)
        totals["other"] = max(0.0, now - self._started - sum(totals.values()))
        return totals

    def snapshot(self) -> dict[str, float]:
        """``spent`` and ``elapsed``, to the millisecond: what the journal keeps."""
        totals = self.spent()
        totals["elapsed"] = sum(totals.values())
        return {clock: round(seconds, 3) for clock, seconds in totals.items()}
