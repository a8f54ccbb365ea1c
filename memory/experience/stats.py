"""Statistics of a lesson book: how much it holds, of which tasks, how old, where it contradicts itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.experience.catalogue import Entry, current
from memory.experience.trust import REFUTED, trust_in


@dataclass(frozen=True)
class TaskCounts:
    """The lessons of one task."""

    task: str
    domain: str
    lessons: int
    kept: int
    discarded: int
    unknown: int
    """Lessons that do not say what became of the experiment."""
    oldest: str
    """ISO 8601, UTC."""
    newest: str


@dataclass(frozen=True)
class Contradiction:
    """Two lessons on the same settings, data, task and base model: one gained, the other did not."""

    earlier: str
    later: str
    earlier_gain: float
    """Points."""
    later_gain: float


@dataclass(frozen=True)
class BookStats:
    """A whole book."""

    lessons: int
    overtaken: int
    """Lessons that a later one on the same subject overtakes: kept, and not recalled."""
    tasks: tuple[TaskCounts, ...]
    """Largest first."""
    contradictions: tuple[Contradiction, ...]
    confirmed: int = 0
    """Lessons that later runs bear out and none refutes."""
    disputed: int = 0
    """Lessons that later runs refute, more of them or fewer."""
    refuted: int = 0
    """Of these, those that gained something and are no advice any more."""


def stats_of(entries: Sequence[Entry]) -> BookStats:
    """Statistics of some lessons."""
    trust = trust_in(entries, datetime.now(UTC))
    tasks: dict[str, list[Entry]] = {}
    subjects: dict[str, list[Entry]] = {}
    for entry in entries:
        tasks.setdefault(entry.task, []).append(entry)
        subjects.setdefault(entry.subject, []).append(entry)
    counts = [_counts(task, held) for task, held in tasks.items()]
    return BookStats(
        lessons=len(entries),
        overtaken=len(entries) - len(current(entries)),
        tasks=tuple(sorted(counts, key=lambda count: (-count.lessons, count.task))),
        contradictions=tuple(found for held in subjects.values() for found in _contradictions(held)),
        confirmed=sum(each.confirmations > 0 and not each.contradictions for each in trust.values()),
        disputed=sum(each.contradictions > 0 for each in trust.values()),
        refuted=sum(entry.gain > 0 and trust[entry.id].weight < REFUTED for entry in entries),
    )


def _counts(task: str, entries: list[Entry]) -> TaskCounts:
    outcomes = [entry.outcome for entry in entries]
    days = [entry.created for entry in entries]
    return TaskCounts(
        task=task,
        domain=", ".join(sorted({entry.domain for entry in entries})),
        lessons=len(entries),
        kept=outcomes.count("kept"),
        discarded=outcomes.count("discarded"),
        unknown=outcomes.count(""),
        oldest=min(days),
        newest=max(days),
    )


def _contradictions(entries: list[Entry]) -> list[Contradiction]:
    """The latest lesson of a subject against each earlier one that says the opposite."""
    *earlier, latest = sorted(entries, key=lambda entry: entry.created)
    return [
        Contradiction(entry.id, latest.id, entry.gain, latest.gain)
        for entry in earlier
        if (entry.gain > 0) != (latest.gain > 0)
    ]
