"""Told records: a journal's events by kind, for whoever tells the run sentence by sentence."""

from __future__ import annotations

from memory.journal.events import Event, Kind
from memory.journal.log import BASE, Journal
from memory.records import Experiment

CHOICE = frozenset({"candidate_chosen", "champion_chosen", "run_ended"})
"""The events with which a search is over."""

BESIDE = frozenset({"note", "approval", "decision"})
"""The events that are no stages and say something about the work at hand."""


class ToldRecords:
    """The journal with its events at hand."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._first: dict[tuple[str, str | None], Event] = {}
        for event in journal.events:
            self._first.setdefault((event.kind, event.experiment), event)
        self.ids = tuple(
            dict.fromkeys(
                event.experiment for event in journal.events if event.experiment not in (None, BASE)
            )
        )
        """Every experiment that any event names, in order of first mention."""

    def event(self, kind: Kind, experiment: str | None = None) -> Event | None:
        """The event of this kind that counts: the first one."""
        return self._first.get((kind, experiment))

    def of_kind(self, kind: Kind) -> tuple[Event, ...]:
        """Every event of a kind, in order."""
        return tuple(event for event in self.journal.events if event.kind == kind)

    def finished(self) -> tuple[Experiment, ...]:
        """The experiments that have ended and were planned."""
        found = (self.journal.experiment(str(event.experiment)) for event in self.of_kind("finished"))
        return tuple(experiment for experiment in found if experiment is not None)

    def beside(self, experiment: str | None) -> tuple[Event, ...]:
        """Events that are no stages and belong here: those filed under the experiment, and those of the run
        that were written while it was under way.

        Args:
            experiment: an id; ``base`` for what came before the first plan, None for what came after the
                search.
        """
        found: list[Event] = []
        current: str | None = BASE
        for event in self.journal.events:
            if event.kind == "plan":
                current = event.experiment
            elif event.kind in CHOICE:
                current = None
            if event.kind in BESIDE and (event.experiment or current) == experiment:
                found.append(event)
        return tuple(found)
