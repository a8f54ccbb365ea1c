"""Long texts with words dropped, doubled or misspelt in many places.

``contamination.minhash`` compares what two texts share, so it cannot tell items apart that share most of
their text, such as two claims of one patent application. This rule looks at the differences alone:
the same numbers in the same order, no word added that any item has, few words lost, and no passage
that only one of the texts has. A word exchanged for another of the data's words is another question.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import groupby, pairwise

from tools.contamination.minhash import LONG, RUN, longest_new
from tools.contamination.signature import FUNCTION_WORDS, Signature, word_hash

LOST = 0.1
"""Share of an item's different words that a copy may lack."""
LABELS = 0.7
"""Share of the options' letters that must stand before the same word; in another order they do not."""
BUCKET = 40
"""Up to this many items with equal numbers are compared one by one; more are a template's."""
ONE = word_hash("1")
"""``one`` is no number in prose: ``one or more``."""


class Mistyped:
    """Long items that can be asked which of them a text is, badly typed.

    Args:
        items: (name, signature) of every item.
    """

    def __init__(self, items: Sequence[tuple[str, Signature]]) -> None:
        self._known = frozenset(word for _, signature in items for word in signature.words)
        self._by_numbers: dict[tuple[int, ...], list[tuple[str, Signature]]] = {}
        for name, signature in items:
            if len(signature.words) >= LONG:
                self._by_numbers.setdefault(_numbers(signature), []).append((name, signature))

    def find(self, row: Signature) -> str | None:
        """The item that ``row`` is a mistyped copy of, or None."""
        if len(row.words) < LONG:
            return None
        same = self._by_numbers.get(_numbers(row), ())
        if len(same) > BUCKET:
            return None
        return next((name for name, item in same if _is_copy(item, row, self._known)), None)


def _numbers(text: Signature) -> tuple[int, ...]:
    """In the order of the text, repeats in a row once."""
    numbers = frozenset(text.numbers) - {ONE}
    return tuple(number for number, _ in groupby(word for word in text.words if word in numbers))


def _is_copy(item: Signature, row: Signature, known: Container[int]) -> bool:
    added, lost = row.vocabulary - item.vocabulary, item.vocabulary - row.vocabulary
    if len(lost) > LOST * len(item.vocabulary) or not (item.anchors - {ONE}).isdisjoint(lost):
        return False
    if any(word in known and word not in FUNCTION_WORDS for word in added):
        return False
    return _labels_kept(item, row) and max(longest_new(row, item), longest_new(item, row)) <= RUN


def _labels_kept(item: Signature, row: Signature) -> bool:
    labels = {word_hash(letter) for letter, _ in item.options}
    starts = [hash(pair) in row.pairs for pair in pairwise(item.words) if pair[0] in labels]
    return sum(starts) >= LABELS * len(starts)
