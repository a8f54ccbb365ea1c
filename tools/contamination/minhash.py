"""Near duplicates of long texts: the same numbers, most of the word pairs, no new word but misspelt ones.

``near`` (``tasks.repeats.similarity``) forgives one word in fifteen; a long text that was re-typed or
retouched in many places is still a copy. Two texts of ``LONG`` words are one when all of these hold:

| condition | a copy | another question |
|---|---|---|
| the same numbers in the same order | "2 valves" doubled: "2 2 valves" | "3 valves" |
| a Jaccard similarity of word pairs of ``SIMILAR`` at least | one word in eight dropped | another table |
| no content word more that any item has, but for doubled ones | "haz a rotor" | "a casing" for "a rotor" |
| ``OWN`` common word pairs of their own, where many items have the same numbers | | a short template |
| options keep their letters | "A. 10 B. 20" | "A. 20 B. 10" |
| no new passage of more than ``RUN`` word pairs, in either | | a second question about one table |

Candidates are the items of equal numbers; where these are many, MinHash LSH finds them (A. Broder, 1997,
"On the resemblance and containment of documents"; the datasketch package).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from itertools import groupby, pairwise

from tasks.repeats.signature import FUNCTION_WORDS, Signature, word_hash
from tasks.repeats.similarity import EXCHANGED, Index
from tasks.repeats.template import Template

LONG = 40
"""Words."""
SIMILAR = 0.5
"""Of the word pairs that either text has, the share that both have."""
TEMPLATE = 0.02
"""A pair of words in more than this share of the items, and in more than three, is the template's."""
OWN = 25
"""Common pairs beyond the template's: with fewer, a single other word makes another question."""
LABELS = 0.7
"""Share of the options' letters that must stand before the same word; in another order they do not."""
RUN = 6
"""Neighbouring pairs in a row that only one of the texts may have: more is a question of its own."""
ONE = word_hash("1")
"""In prose ``one`` is hardly a number (``one or more``), and a typist may drop it."""


class NearDuplicates:
    """Long items that can be asked which of them a text nearly repeats.

    Args:
        items: (name, signature) of every item.
        shared: what the items share, which tells none of them from another.
    """

    def __init__(self, items: Sequence[tuple[str, Signature]], shared: Template | None = None) -> None:
        self._shared = shared or Template(signature for _, signature in items)
        self._known = frozenset(word for _, signature in items for word in signature.words)
        self._index = Index(_numbers)
        self._names: list[str] = []
        seen = Counter(pair for _, signature in items for pair in signature.pairs)
        most = max(3.0, TEMPLATE * len(items))
        self._template = frozenset(pair for pair, count in seen.items() if count > most)
        for name, signature in items:
            if len(signature.words) >= LONG:
                self._index.add(signature)
                self._names.append(name)

    def __len__(self) -> int:
        """Items long enough to be found."""
        return len(self._names)

    def find(self, row: Signature) -> str | None:
        """The item that ``row`` nearly repeats, or None."""
        if not self._names or len(row.words) < LONG:
            return None
        crowded = self._index.crowded(row)
        for place in sorted(self._index.near(row)):
            item = self._index[place]
            if crowded and len((item.pairs & row.pairs) - self._template) < OWN:
                continue
            if _is_copy(item, row, self._known) and not self._shared.another_question(item, row, EXCHANGED):
                return self._names[place]
        return None


def _numbers(text: Signature) -> tuple[int, ...]:
    """In the order of the text, repeats in a row once."""
    numbers = frozenset(text.numbers) - {ONE}
    return tuple(number for number, _ in groupby(word for word in text.words if word in numbers))


def _is_copy(item: Signature, row: Signature, known: Container[int]) -> bool:
    if len(item.pairs & row.pairs) < SIMILAR * len(item.pairs | row.pairs):
        return False
    for word in row.counts - item.counts:
        pair = hash((word, word))
        doubled = pair in row.pairs and pair not in item.pairs
        if word in known and word not in FUNCTION_WORDS and not doubled:
            return False
    return _labels_kept(item, row) and max(longest_new(row, item), longest_new(item, row)) <= RUN


def _labels_kept(item: Signature, row: Signature) -> bool:
    labels = {word_hash(letter) for letter, _ in item.options}
    starts = [hash(pair) in row.pairs for pair in pairwise(item.words) if pair[0] in labels]
    return sum(starts) >= LABELS * len(starts)


def longest_new(text: Signature, other: Signature) -> int:
    """The longest run of word pairs of ``text`` that ``other`` does not have."""
    longest = run = 0
    known = other.pairs
    for pair in map(hash, pairwise((0, *text.words, 0))):
        run = 0 if pair in known else run + 1
        longest = max(longest, run)
    return longest
