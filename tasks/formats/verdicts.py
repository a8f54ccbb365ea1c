"""Verdicts of readers on a reply, given with one click: thumbs up or down.

Such a column is neither asked nor answered: it says which replies are worth training on.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.conversation import Unreadable
from tasks.formats.profile import Column
from tasks.formats.values import is_missing, text_of

_GOOD = frozenset({"up", "good", "like", "liked", "thumbs up", "thumbs_up", "thumbsup", "positive",
                   "helpful", "accept", "accepted", "\U0001f44d", "+1"})  # fmt: skip
_BAD = frozenset({"down", "bad", "dislike", "disliked", "thumbs down", "thumbs_down", "thumbsdown",
                  "negative", "unhelpful", "not helpful", "reject", "rejected",
                  "\U0001f44e", "-1"})  # fmt: skip
"""What a reader of a reply says of it with one click."""
_CLICKED = frozenset(
    {"thumbs", "thumb", "feedback", "vote", "reaction", "rating", "verdict", "liked", "helpful"}
)
"""Words in the name of a column that holds such a click."""


def is_verdict(name: str, column: Column, rows: Sequence[Row]) -> bool:
    """Whether a column holds what readers said of the answer with one click, both kinds of it."""
    if not columns.words(name) & _CLICKED or not column.labels:
        return False
    said = {text_of(row[name]).strip().casefold() for row in rows if not is_missing(row.get(name))}
    return bool(said & _GOOD) and bool(said & _BAD) and said <= _GOOD | _BAD


def refuse_unwanted(row: Row, verdict: str) -> None:
    """Raises Unreadable for a row whose answer its readers did not like, or did not judge."""
    if not verdict:
        return
    said = text_of(row.get(verdict)).strip()
    if said.casefold() not in _GOOD:
        why = f"its readers did not want the answer ({verdict})"
        raise Unreadable(why if said else f"nobody judged the answer ({verdict})", said)
