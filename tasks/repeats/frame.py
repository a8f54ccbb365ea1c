"""Frame of a corpus: the words that many of its texts begin or end with, an instruction or a system turn.

``tasks.repeats.template`` finds what is shared wherever it stands. It also takes a question's own stock
phrases for a template, which is harmless where both texts have them. Where a text with its template is held
against one without, only what leads up to an end of the text may be left out, and a label of one word may.

A beginning is a frame where ``SHARED`` of the texts have it, whatever its length (``Question:``), or where
``COMMON`` of them do and it has ``BLOCK`` words or more: several tasks may be mixed. The same holds for ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tasks.repeats.template import BLOCK

SHARED = 0.9
"""Share of the texts that have a frame of few words: the last words of some questions are common, too."""
COMMON = 0.2
"""Share of the texts that have a frame of ``BLOCK`` words or more."""
FEWEST = 5
"""Texts that have a frame, whatever their share."""


class Frame:
    """The beginnings and the ends that many texts of a corpus share.

    Args:
        texts: the words of each text, as hashes; no text twice.
    """

    def __init__(self, texts: Sequence[tuple[int, ...]]) -> None:
        self._heads = dict(_beginnings(texts))
        self._tails = dict(_beginnings([text[::-1] for text in texts]))

    def marks(self) -> list[int]:
        """A sorted number for each beginning and end; equal frames have equal ones, in every process."""
        return sorted(mark for marks in (self._heads, self._tails) for mark, whole in marks.items() if whole)

    def ends(self, words: Sequence[int]) -> tuple[int, int]:
        """How many of the first and of the last words are the frame's; the two may overlap."""
        return _covered(words, self._heads), _covered(words[::-1], self._tails)


def _beginnings(texts: Sequence[tuple[int, ...]]) -> Iterator[tuple[int, bool]]:
    """The hash of each beginning that may lead to a frame, and whether it is one."""
    least, most = max(FEWEST, COMMON * len(texts)), max(FEWEST, SHARED * len(texts))
    groups, length = {0: texts}, 0
    while groups:
        longer: dict[int, list[tuple[int, ...]]] = {}
        for mark, some in groups.items():
            for text in some:
                if len(text) > length:
                    longer.setdefault(hash((mark, text[length])), []).append(text)
        length += 1
        groups = {mark: some for mark, some in longer.items() if len(some) >= least}
        for mark, some in groups.items():
            yield mark, len(some) >= most or length >= BLOCK


def _covered(words: Sequence[int], marks: Mapping[int, bool]) -> int:
    mark = covered = 0
    for place, word in enumerate(words, start=1):
        mark = hash((mark, word))
        if mark not in marks:
            break
        covered = place if marks[mark] else covered
    return covered
