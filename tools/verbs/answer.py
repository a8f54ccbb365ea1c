"""Answer of a verb: bounded text for a reader, the same as plain values for a program, and what is left.

A verb that is refused says so in one line, and nothing has happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memory.journal.events import plain
from tools.chat.untrusted_text import visible
from tools.toolkit.answers import bounded

FACTS_CHARACTERS = 12_000
"""Of the plain values as JSON; longer lists are thinned before, and what is longer still is left out."""
REFUSAL_CHARACTERS = 700
MOST_LISTED = 60
"""Entries of one list or mapping."""


@dataclass(frozen=True)
class Told:
    """What a verb found or did."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON-plain: numbers, ids and names. Rows, cards and logs stand in ``text`` alone, fenced."""


@dataclass(frozen=True)
class Answer:
    """What the referee says to a call."""

    verb: str
    ok: bool
    text: str
    """For a reader; the last line says what is left. Of a refusal: one line."""
    facts: Mapping[str, Any]
    standing: Mapping[str, Any]
    """``tools.verbs.standing.Standing`` as plain values."""

    def __str__(self) -> str:
        return self.text

    def plain(self) -> dict[str, Any]:
        """JSON-plain: ``verb``, ``ok``, ``text``, ``facts`` and ``standing``."""
        return {
            "verb": self.verb,
            "ok": self.ok,
            "text": self.text,
            "facts": dict(self.facts),
            "standing": dict(self.standing),
        }


def bounded_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values with long lists cut; only their names, where they are too long all the same."""
    cut = plain({name: _cut(value) for name, value in facts.items()})
    text = json.dumps(cut, ensure_ascii=False, default=str)
    if len(text) > FACTS_CHARACTERS:
        return {"left_out": sorted(cut)[:MOST_LISTED]}
    told: dict[str, Any] = json.loads(text)
    return told


def _cut(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _cut(each) for name, each in list(value.items())[:MOST_LISTED]}
    if isinstance(value, list | tuple):
        step = max(1, -(-len(value) // MOST_LISTED))
        return [_cut(each) for each in value[::step]]
    return value


def refusal(reason: object) -> str:
    """One line that says why nothing was done; what no reader sees stands in it by its code."""
    line = " ".join(visible(str(reason)).split())
    return "refused: " + (line if len(line) <= REFUSAL_CHARACTERS else f"{line[: REFUSAL_CHARACTERS - 1]}…")


def with_left(text: str, left: str) -> str:
    """The text, bounded, and behind it the line that says what is left."""
    return f"{bounded(text)}\n{left}"
