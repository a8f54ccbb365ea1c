"""Finding: what one check did, and each difference that it found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One check of a run."""

    check: str
    """Its name, a word or two."""
    told: str
    """What was done, with counts."""
    differences: tuple[str, ...] = ()
    """A line each, beginning with what differs."""
    unchecked: tuple[str, ...] = ()
    """What could not be looked at here, and why, a line each."""


def short(value: object, most: int = 60) -> str:
    """A value as a line shows it: one line, cut."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
