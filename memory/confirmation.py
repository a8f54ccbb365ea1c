"""Confirmation record: what the items kept apart say of the model that a search ended with."""

from __future__ import annotations

from memory.recipe import Record
from memory.records import Comparison
from tasks.base import Score

NO_GAIN = "no gain could be confirmed"


class Look(Record):
    """One look at the confirmation items: the first so many of them."""

    items: int
    level: float
    """What this look may use of the run's level, one-sided."""
    comparison: Comparison
    """The candidate against the base."""


class Confirmation(Record):
    """Whether the candidate is better than the base on items that the search never saw."""

    candidate: str
    looks: tuple[Look, ...]
    """In order; empty where no items could be kept apart, or the time held none of them."""
    confirmed: bool
    items: int | None = None
    """Of the items kept apart, as many as the time held; None in runs of earlier versions."""
    of: int | None = None
    """How many are kept apart; None in runs of earlier versions."""
    base: Score | None = None
    """The base model's score on the items that were looked at."""
    score: Score | None = None
    """The candidate's, on the same items."""

    def text(self) -> str:
        """The result in words, with its evidence."""
        if not self.looks:
            return f"{NO_GAIN}; {self._why_untested()}"
        found = self.looks[-1].comparison
        one_sided = found.p_value / 2 if found.delta > 0 else 1 - found.p_value / 2
        verdict = "confirmed" if self.confirmed else "not confirmed"
        headline = "" if self.confirmed else f"{NO_GAIN}; best candidate "
        spread = f"{found.delta:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
        return (
            f"{headline}{self.candidate} {verdict}: {spread} over the base on "
            f"{found.n} items kept apart, one-sided p={one_sided:.2g}"
        )

    def _why_untested(self) -> str:
        if self.of is None:
            return f"{self.candidate} was not tested: validation has too few items, or no time was left"
        if self.of == 0:
            return f"validation has too few items to test {self.candidate} on"
        return f"the time left did not hold a test of {self.candidate} on the {self.of} items kept apart"
