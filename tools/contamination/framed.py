"""Framed questions: the same one with an instruction around it in one text, and none or another in the other.

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

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tasks.repeats.frame import Frame
from tasks.repeats.signature import Signature, sign

FEWEST_WORDS = 4
"""Words of a question (characters of Chinese): a shorter one may stand under any instruction."""
FEWEST_KANA = 8
"""The same for Japanese, whose kana are read as one word from one Chinese character to the next."""
ONE_TEMPLATE = 0.5
"""Share of the shorter frame's words that the other has, from which they are one frame with a slot."""
_NO_CODES = sign("").codes
_KANA = re.compile(r"[\u3041-\u30ff]")


class _Item(NamedTuple):
    name: str
    text: Signature
    head: int
    tail: int
    """Words of the frame, at the beginning and at the end."""
    place: int
    """Where its rarest words stand."""
    says_enough: bool
    """It is no greeting."""


class _Run(NamedTuple):
    """Words that an item and a row share: from ``start`` on and up to ``end`` in either."""

    start: int
    end: int
    row_start: int
    row_end: int


class Framed:
    """Items that can be asked which of them a text asks under another frame.

    Args:
        items: (name, prompt) of every item.
        rows: prompts that may be trained on; they tell what stands around rows.
    """

    def __init__(self, items: Sequence[tuple[str, str]], rows: Sequence[str] = ()) -> None:
        self._items_frame = Frame(list({sign(prompt).words for _, prompt in items}))
        self._rows_frame = Frame(list({sign(prompt).words for prompt in rows}))
        seen = Counter(mark for _, prompt in items for mark in sign(prompt).pairs | sign(prompt).vocabulary)
        self._marks: dict[int, list[_Item]] = {}
        for name, prompt in items:
            text = sign(prompt)
            head, tail = self._ends(text)
            own = text.words[head : len(text.words) - tail]
            if not own:
                continue
            marks = [hash(pair) for pair in pairwise(own)] or list(own)
            place, mark = min(enumerate(marks), key=lambda one: seen[one[1]])
            item = _Item(name, text, head, tail, head + place, _says_enough(prompt))
            self._marks.setdefault(mark, []).append(item)
        self._known = frozenset(self._marks)

    def marks(self) -> list[int]:
        """A number for each frame of the rows: with the items, all that ``find`` depends on."""
        return self._rows_frame.marks()

    def find(self, prompt: str) -> str | None:
        """The item that a row asks with its prompt, or None."""
        row = sign(prompt)
        met = (self._known & row.pairs) | (self._known & row.vocabulary)
        if not met or not _says_enough(prompt):
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
        whole = run.row_end - run.row_start == size or (
            item.says_enough and run.end - run.start == len(words)
        )
        if run.end - run.start < FEWEST_WORDS and not whole:
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


def _says_enough(prompt: str) -> bool:
    return len(sign(prompt).words) >= FEWEST_WORDS or len(_KANA.findall(prompt)) >= FEWEST_KANA


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
