"""Slots of a data set: places between the same two words that its rows fill with different words.

``Translate ... into Danish.`` and ``... into Welsh.`` differ by one word, as a light edit does. It is a slot
where rows fill it with the same word again and again; an editor's word stands there once. A row whose slot is
filled otherwise than the item's, and whose answer is another one too, asks another question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tasks.repeats.signature import FUNCTION_WORDS, Signature

FILLED = 3
"""Texts that fill a place with the same word."""


class Slots:
    """What stands where, in the texts of a data set.

    Args:
        texts: signatures of prompts; a text that comes twice counts once.
    """

    def __init__(self, texts: Iterable[Signature]) -> None:
        distinct = {text.normal: text for text in texts}.values()
        filled = Counter(mark for text in distinct for mark in {hash(place) for place in _places(text)})
        self._fillers = frozenset(mark for mark, count in filled.items() if count >= FILLED)

    def marks(self) -> list[int]:
        """A sorted number for each filled slot: all that ``exchanged`` depends on."""
        return sorted(self._fillers)

    def exchanged(self, item: Signature, row: Signature) -> bool:
        """Whether a word that often fills a slot stands in ``row`` where ``item`` has another one."""
        lost, gained = item.counts - row.counts, row.counts - item.counts
        there = {(before, after) for before, word, after in _places(item) if word in lost}
        return any(
            word in gained and (before, after) in there and hash((before, word, after)) in self._fillers
            for before, word, after in _places(row)
        )


def _places(text: Signature) -> Iterator[tuple[int, int, int]]:
    """(word before, word, word after) of every word that says something; 0 stands beyond the ends."""
    padded = (0, *text.words, 0)
    for before, word, after in zip(padded, padded[1:], padded[2:], strict=False):
        if word not in FUNCTION_WORDS:
            yield before, word, after
