"""Tally of a table's rows: how many are used, how many are set aside and why, with one example a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tasks.formats.conversation import Conversation, SetAside


@dataclass
class Tally:
    """Counts that grow row by row."""

    used: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By reason: the place of the first such row, counted from one, and what was seen in it."""
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def set_aside(self) -> int:
        """Rows that are not used."""
        return self.reasons.total()

    def add(self, place: int, found: Conversation | SetAside) -> None:
        """Count one row; ``place`` counts from zero."""
        if isinstance(found, Conversation):
            self.used += 1
            self.formats[found.format] += 1
            self.notes.update(found.notes)
            return
        self.reasons[found.reason] += 1
        self.examples.setdefault(found.reason, (place + 1, found.detail))

    def withdraw(self, place: int, format: str, aside: SetAside) -> None:
        """Set aside a row that was counted as used; ``place`` counts from zero."""
        self.used -= 1
        self.formats[format] -= 1
        self.formats = +self.formats
        self.add(place, aside)

    def summary(self) -> str:
        """One line: rows used, and rows set aside by reason with the first row of each."""
        line = f"{self.used:,} rows used"
        for reason, count in self.reasons.most_common():
            place, detail = self.examples[reason]
            seen = f": {detail}" if detail else ""
            line += f"; {count:,} set aside, {reason} (row {place:,}{seen})"
        return line
