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
    """In order; empty where no items could be kept apart."""
    confirmed: bool
    base: Score | None = None
    """The base model's score on the items that were looked at."""
    score: Score | None = None
    """The candidate's, on the same items."""

    def text(self) -> str:
        """The result in words, with its evidence."""
        if not self.looks:
            return f"{NO_GAIN}; validation has too few items to test {self.candidate} on"
        found = self.looks[-1].comparison
        one_sided = found.p_value / 2 if found.delta > 0 else 1 - found.p_value / 2
        verdict = "confirmed" if self.confirmed else "not confirmed"
        headline = "" if self.confirmed else f"{NO_GAIN}; best candidate "
        spread = f"{found.delta:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
        return (
            f"{headline}{self.candidate} {verdict}: {spread} over the base on "
            f"{found.n} items kept apart, one-sided p={one_sided:.2g}"
        )
