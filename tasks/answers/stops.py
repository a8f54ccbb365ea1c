"""Stop strings: texts at which an answer ends, because its scorer reads nothing beyond them."""

from __future__ import annotations

from collections.abc import Sequence


def first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of them begins; None where there is none, or a thought is still open before it.

    A scorer takes thoughts out before it looks for stop strings, so that those inside do not count.
    """
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    if not places or text.find("<think>", 0, min(places)) >= 0:
        return None
    return min(places)


def cut_at_stop(text: str, stops: Sequence[str]) -> str:
    """The text before its first stop string."""
    place = first_stop(text, stops)
    return text if place is None else text[:place]
