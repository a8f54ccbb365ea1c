"""Near duplicates of long texts by MinHash LSH over pairs of neighbouring words.

``near`` (see ``tools.contamination.similarity``) forgives one word in fifteen; a long text re-typed, cut
or retouched in many places is still a copy. Here two texts of ``LONG`` words match when at
least ``SIMILAR`` of their own word pairs are common (Jaccard), all their numbers agree, and
no passage of more than ``RUN`` word pairs is new in either.
Pairs that many items hold are the template's and do not count: without that, any two
questions of a template would be near duplicates.

MinHash: A. Broder, 1997, "On the resemblance and containment of documents"; the datasketch
package keeps the index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tools.contamination.signature import Signature

LONG = 40
"""Words."""
SIMILAR = 0.5
PERMUTATIONS = 64
TEMPLATE = 0.02
"""A pair of words in more than this share of the items, and in more than three, is the template's."""
OWN = 25
"""Pairs of its own that a text must have: fewer, and a single other word decides."""
RUN = 6
"""Neighbouring pairs in a row that only one of the texts may have: more is a question of its own, as
where one table is asked about twice."""


class NearDuplicates:
    """Long items that can be asked which of them a text nearly repeats.

    Args:
        items: (name, signature) of every item.
    """

    def __init__(self, items: Sequence[tuple[str, Signature]]) -> None:
        seen = Counter(pair for _, signature in items for pair in signature.pairs)
        most = max(3.0, TEMPLATE * len(items))
        self._template = frozenset(pair for pair, count in seen.items() if count > most)
        self._kept: list[tuple[str, frozenset[int], Signature]] = []
        for name, signature in items:
            own = signature.pairs - self._template
            if len(signature.words) >= LONG and len(own) >= OWN:
                self._kept.append((name, own, signature))
        self._pairs = frozenset(pair for _, own, _ in self._kept for pair in own)
        self._lsh: Any = None
        if self._kept:
            self._build()

    def __len__(self) -> int:
        """Items long enough to be found."""
        return len(self._kept)

    def find(self, row: Signature) -> str | None:
        """The item that ``row`` nearly repeats, or None."""
        if self._lsh is None or len(row.words) < LONG:
            return None
        own = row.pairs - self._template
        # A text with fewer pairs of the items cannot reach the threshold with any of them:
        # this is exact, and ten times cheaper than a sketch.
        if len(own) < OWN or len(own & self._pairs) < SIMILAR * len(own):
            return None
        for place in sorted(self._lsh.query(self._sketch(own))):
            name, other, item = self._kept[int(place)]
            if item.numbers != row.numbers or len(own & other) < SIMILAR * len(own | other):
                continue
            others = dict(row.options)
            if sum(others.get(letter) != text for letter, text in item.options) > 1:
                continue  # the same options but for two or more, or in another order
            if max(longest_new(row, item), longest_new(item, row)) <= RUN:
                return name
        return None

    def _build(self) -> None:
        from datasketch import MinHash, MinHashLSH

        self._blank = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int)
        # Lower than SIMILAR: a sketch of 64 is off by 0.06, and candidates are checked.
        self._lsh = MinHashLSH(threshold=SIMILAR - 0.15, num_perm=PERMUTATIONS)
        for place, (_, own, _) in enumerate(self._kept):
            self._lsh.insert(place, self._sketch(own))

    def _sketch(self, pairs: frozenset[int]) -> Any:
        sketch = self._blank.copy()
        sketch.update_batch([pair & 0xFFFFFFFF for pair in pairs])
        return sketch


def longest_new(text: Signature, other: Signature) -> int:
    """The longest run of word pairs of ``text`` that ``other`` does not have."""
    longest = run = 0
    known = other.pairs
    for pair in map(hash, pairwise((0, *text.words, 0))):
        run = 0 if pair in known else run + 1
        longest = max(longest, run)
    return longest
