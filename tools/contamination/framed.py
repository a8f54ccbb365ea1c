"""Framed questions: the same question with an instruction around it in one text, and none or another in the other.

The longest run of words that a row and an item share is one question when all of these hold:

| condition | the same question | another one |
|---|---|---|
| whatever else the item says is a frame, and whatever else the row says is one | an instruction | a clause |
| the two frames are not one with another word in a slot | another's instruction | "into French" |
| what only the row has is no frame of the items | a row's own frame | another task, another passage |
| it has ``FEWEST_WORDS`` words or more | | ``hello`` |

A frame (``tasks.repeats.frame``) is what many items, or many of the rows that may be trained on, begin or end
with. The question itself must be the same word by word; case, marks and numerals do not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tasks.repeats.frame import Frame
from tasks.repeats.signature import Signature, sign

FEWEST_WORDS = 4
"""Words of a question (characters of Chinese): a shorter one may stand under any instruction."""
ONE_TEMPLATE = 0.5
"""Share of the shorter frame's words that the other has, from which they are one frame, filled differently."""
_NO_CODES = sign("").codes


class _Item(NamedTuple):
    name: str
    text: Signature
    head: int
    tail: int
    """Words of the frame, at the beginning and at the end."""
    place: int
    """Where its rarest words stand."""


class _Run(NamedTuple):
    """Words that an item and a row share: from ``start`` on and up to ``end`` in either."""

    start: int
    end: int
    row_start: int
    row_end: int


class Framed:
    """Items that can be asked which of them a text asks under another frame.

    Args:
        items: (name, signature of the prompt) of every item.
        rows: signatures of prompts that may be trained on; they tell what stands around rows.
    """

    def __init__(self, items: Sequence[tuple[str, Signature]], rows: Sequence[Signature] = ()) -> None:
        self._items_frame = Frame(list({text.words for _, text in items}))
        self._rows_frame = Frame(list({text.words for text in rows}))
        seen = Counter(mark for _, text in items for mark in text.pairs | text.vocabulary)
        self._marks: dict[int, list[_Item]] = {}
        for name, text in items:
            head, tail = self._ends(text)
            own = text.words[head : len(text.words) - tail]
            if len(text.words) < FEWEST_WORDS or not own:
                continue
            marks = [hash(pair) for pair in pairwise(own)] or list(own)
            place, mark = min(enumerate(marks), key=lambda one: seen[one[1]])
            self._marks.setdefault(mark, []).append(_Item(name, text, head, tail, head + place))
        self._known = frozenset(self._marks)

    def marks(self) -> list[int]:
        """A number for each frame of the rows: with the items, all that ``find`` depends on."""
        return self._rows_frame.marks()

    def find(self, row: Signature) -> str | None:
        """The item that ``row`` asks, or None."""
        if len(row.words) < FEWEST_WORDS:
            return None
        met = (self._known & row.pairs) | (self._known & row.vocabulary)
        if not met:
            return None
        ends = self._ends(row)
        for item in (item for mark in sorted(met) for item in self._marks[mark]):
            if any(self._same(item, row, ends, run) for run in _runs(item, row)):
                return item.name
        return None

    def _ends(self, text: Signature) -> tuple[int, int]:
        """Words at either end that are a frame of the items or of the rows."""
        (head, tail), (other_head, other_tail) = (
            frame.ends(text.words) for frame in (self._items_frame, self._rows_frame)
        )
        return max(head, other_head), max(tail, other_tail)

    def _same(self, item: _Item, row: Signature, ends: tuple[int, int], run: _Run) -> bool:
        words, size = item.text.words, len(row.words)
        if run.end - run.start < FEWEST_WORDS:
            return False
        if run.start > item.head or len(words) - run.end > item.tail:
            return False
        if run.row_start > ends[0] or size - run.row_end > ends[1]:
            return False
        if row.codes not in (item.text.codes, _NO_CODES) and not (row.one_case or item.text.one_case):
            return False
        around = {*words[: run.start], *words[run.end :]}
        others = {*row.words[: run.row_start], *row.words[run.row_end :]}
        if not others:
            return True
        if around and len(around & others) > ONE_TEMPLATE * min(len(around), len(others)):
            return False
        head, tail = self._items_frame.ends(row.words)
        return run.row_start > head or size - run.row_end > tail


def _runs(item: _Item, row: Signature) -> Iterator[_Run]:
    """The longest shared run around each place of the row that has the item's rarest words."""
    words, others = item.text.words, row.words
    for place, word in enumerate(others):
        if word != words[item.place]:
            continue
        start = end = 0
        while start < min(item.place, place) and words[item.place - start - 1] == others[place - start - 1]:
            start += 1
        most = min(len(words) - item.place, len(others) - place)
        while end < most and words[item.place + end] == others[place + end]:
            end += 1
        yield _Run(item.place - start, item.place + end, place - start, place + end)
