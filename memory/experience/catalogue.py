"""Catalogue of a lesson book: of every lesson what finding it takes, and where its line stands."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import isfinite

from memory.lesson import Place, Tried
from memory.records import Lesson


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson of the book, without its text: a hundred thousand of them fit in memory."""

    id: str
    task: str
    domain: str
    outcome: str
    base_model: str
    edition: str
    created: str
    gain: float
    subject: str
    """Equal for lessons that speak of the same thing; see ``current``."""
    document: bytes
    """Digest of the text by which the lesson is found."""
    effect: float = 0.0
    """Points over what it was compared with; the gain where the lesson does not say."""
    effect_error: float = 0.0
    """Standard error of that; 0.0 where it is not known."""
    confirms: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    place: Place | None = None
    tried: Tried | None = None
    start: int = 0
    """Offset of its line in the book, in bytes."""
    length: int = 0
    """Length of its line in bytes, without the newline."""

    @property
    def run(self) -> str:
        """The run that taught it."""
        return self.id.rpartition("/")[0]


@dataclass(frozen=True)
class LessonFilter:
    """Which lessons are meant; an empty field excludes none."""

    task: str = ""
    domain: str = ""
    outcome: str = ""
    """``kept`` or ``discarded``."""
    base_model: str = ""
    edition: str = ""
    not_run: str = ""
    """Lessons of this run are not meant."""

    def matches(self, entry: Entry) -> bool:
        """Whether a lesson is meant."""
        if self.not_run and entry.run == self.not_run:
            return False
        return all(
            not wanted or wanted == held
            for wanted, held in (
                (self.task, entry.task),
                (self.domain, entry.domain),
                (self.outcome, entry.outcome),
                (self.base_model, entry.base_model),
                (self.edition, entry.edition),
            )
        )

    def __bool__(self) -> bool:
        return self != LessonFilter()


def document(lesson: Lesson) -> str:
    """The text by which a lesson is found: where it was learned, then what it says."""
    features = " ".join(f"{name} {value}" for name, value in sorted(lesson.features.items()))
    return f"{lesson.task} {lesson.domain}\n{lesson.text}\n{features}"


def digest(text: str) -> bytes:
    """16 bytes that stand for a text."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def entry_of(lesson: Lesson, start: int = 0, length: int = 0) -> Entry:
    """A lesson's entry."""
    subject = lesson.id
    if lesson.settings:
        settings = tuple(sorted(lesson.settings.items()))
        data: tuple[object, ...] = (lesson.operations, tuple(script.code for script in lesson.scripts))
        data += (tuple(sorted(lesson.weights.items())),) if lesson.weights else ()
        subject = digest(repr((lesson.task, lesson.features.get("base_model"), settings, data))).hex()
    effect, low, high = lesson.effect or (lesson.gain, lesson.gain, lesson.gain)
    return Entry(
        lesson.id,
        sys.intern(lesson.task),  # a few texts, many times over
        sys.intern(lesson.domain),
        sys.intern(lesson.outcome),
        sys.intern(str(lesson.features.get("base_model", ""))),
        sys.intern(str(lesson.features.get("edition", ""))),
        lesson.created,
        lesson.gain if isfinite(lesson.gain) else 0.0,
        subject,
        digest(document(lesson)),
        effect if isfinite(effect) else 0.0,
        abs(high - low) / (2 * 1.96) if isfinite(high - low) else 0.0,
        lesson.confirms,
        lesson.contradicts,
        _shared(lesson.place) if lesson.place else None,
        lesson.tried,
        start,
        length,
    )


@lru_cache(maxsize=4096)
def _shared(place: Place) -> Place:
    """One object for equal places: a few, many times over."""
    return place


def current(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Entries by id, without those that a later one overtakes.

    Two lessons of the same task and base model about the same settings and operations speak of the
    same thing: the later one knows better, whether it confirms or contradicts.
    """
    latest: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.created):
        latest[entry.subject] = entry
    return {entry.id: entry for entry in latest.values()}
