"""Imagined journal: a run's journal as it would go on, in memory alone.

Whoever asks what would be decided next, if an experiment came to nothing, asks with this one in the place of
the journal. Nothing of it reaches the disk.
"""

from __future__ import annotations

from typing import Any

from memory.journal.chain import Chain
from memory.journal.events import Event, Kind, plain
from memory.journal.log import Journal
from memory.recipe import Record


class Imagined(Journal):
    """The events of a journal, to which others are added that did not happen.

    Args:
        journal: what happened.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal.path, list(journal.events), None, Chain())
        self.clock_source = journal.clock_source

    def append(self, kind: Kind, data: Record | dict[str, Any], experiment: str | None = None) -> bool:
        """Add one event, as of now; the first of a kind stands, as in the journal."""
        if self._has(kind, experiment):
            return False
        content = plain(data.model_dump(mode="json") if isinstance(data, Record) else data)
        clocks = self.clock_source() if self.clock_source else None
        event = Event(len(self.events), "", kind, experiment, content, clocks)
        self.events.append(event)
        self._take_in(event)
        return True
