"""Near-duplicate test of two prompts: one rule, used for repeats and for leaks.

Rows are often templated, so plain Jaccard similarity is wrong both ways. A text is read as words (Chinese
character by character), and some of them are *anchors*, which carry the question's identity: numbers, codes
such as SMILES or ``D1``, capitalised names. Two texts are one question when all of these hold:

| condition | the same question | another one |
|---|---|---|
| equal anchors, each beside a word it stood beside | a clause moved | "12 and 7" for "7 and 12" |
| at most one other word in 15 dropped, added, swapped | "14 pens, and 23 more please" | a new clause |
| no content word of the data in another's place | "is selling" for "sells" | "methyl" for "hydroxyl" |
| no phrase in another's place | "offers" for "sells" | another question under one long passage |

Function words, and words that the data never uses, count less. Candidates come from buckets of equal
identity; in a bucket of more than ``BUCKET`` texts, MinHash LSH over pairs of content words finds them
(Broder 1997; the datasketch package). A ``Signature`` holds hashes, no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tasks.repeats.signature import FUNCTION_WORDS, Signature

BUCKET = 40
"""Up to this many texts with equal anchors are compared one by one; beyond it, LSH finds candidates."""
SHORT = 40
"""Words; a longer text inside another is found out whatever surrounds it."""
SWAPPED = 1
"""Content words in a row that a light edit exchanges at one place."""
EXCHANGED = 0.17
"""Share of the content words that a light edit may exchange: one in six."""
PERMUTATIONS = 64


def names_in(signatures: Sequence[Signature]) -> frozenset[int]:
    """The anchors of a data set: numbers, codes, and names, which stand as such more often than not.

    What stands in more than half of the texts belongs to the template, not to a question.
    """
    anchors = Counter(anchor for signature in signatures for anchor in signature.anchors)
    plain = Counter(
        word
        for signature in signatures
        if not signature.one_case
        for word in signature.vocabulary - signature.anchors - signature.openers
    )
    most = max(3, len(signatures) / 2)
    return frozenset(anchor for anchor, count in anchors.items() if plain[anchor] < count <= most)


def anchored(signature: Signature, names: frozenset[int]) -> Signature:
    """The signature with the data set's names as its anchors, however they are written in it."""
    return replace(signature, anchors=signature.vocabulary & names)


def similarity(a: Signature, b: Signature) -> float:
    """Share (0.0 to 1.0) of the words that both texts have, a swap counted once, function words forgiven."""
    longest = max(len(a.words), len(b.words))
    lost, gained = (_content(some.counts - other.counts) for some, other in ((a, b), (b, a)))
    return 1.0 - max(lost, gained) / longest if longest else 1.0


def _content(words: Counter[int]) -> int:
    return sum(count for word, count in words.items() if word not in FUNCTION_WORDS)


def same_question(item: Signature, row: Signature, known: Container[int], swaps: bool = False) -> bool:
    """Whether ``row`` is ``item``, lightly edited.

    Args:
        item: the reference.
        row: the text that may be a copy of it.
        known: words of the data; a swap towards one of them makes another question.
        swaps: allow such swaps too (the caller has other evidence, such as equal answers).
    """
    if item.normal == row.normal or item.squeezed == row.squeezed:
        return item.codes == row.codes or item.one_case or row.one_case
    allowed = _allowed_edits(item)
    if len(item.vocabulary - row.vocabulary) > allowed or len(row.vocabulary - item.vocabulary) > allowed:
        return False
    if _reordered(item, row) or len(item.pairs - row.pairs) > 3 + 2 * allowed:
        return False
    missing, extra = item.counts - row.counts, row.counts - item.counts
    fewer, more = missing.total(), extra.total()
    if max(fewer, more) > allowed or len(row.words) < 3:
        return False
    if not item.anchors.isdisjoint(missing) or not row.anchors.isdisjoint(extra):
        return False
    if item.codes != row.codes and not (item.one_case or row.one_case):
        return False
    # Equal numbers and equal options leave hardly any room for another question.
    swaps = swaps or (len(item.numbers) > 1 and item.options == row.options != ())
    lost = _content(missing)
    gained = sum(count for word, count in extra.items() if word not in FUNCTION_WORDS and word in known)
    if max(lost, gained) > max(1, len(item.words) // 15) or (lost and gained and not swaps):
        return False
    swapped = min(_content(missing), _content(extra))
    if swapped and EXCHANGED * _content(item.counts) < swapped:
        return False
    if swapped > SWAPPED and _replaced(item, row, missing, extra):
        return False
    # A word dropped or swapped breaks two neighbourhoods, a word added one, a block moved
    # three; two words that change places break four, and that is another question.
    if len(item.pairs - row.pairs) > 3 + 2 * fewer + max(0, more - fewer):
        return False
    return _anchors_in_place(item, row)


def _allowed_edits(item: Signature) -> int:
    """Words that may be missing, and words that may be added."""
    return max(4, len(item.words) // 12) if len(item.words) > 7 else 1


def contains(item: Signature, row: Signature, known: Container[int]) -> bool:
    """Whether a longer ``row`` has what makes the item: its anchors in place, its content words.

    A short item may not be wrapped in the data's own words: those ask for something else.
    """
    missing = item.counts - row.counts
    if not item.anchors.isdisjoint(missing) or _reordered(item, row):
        return False
    if len(item.words) < SHORT:
        gained = _content(Counter({w: c for w, c in (row.counts - item.counts).items() if w in known}))
        if gained > max(3, len(item.words) // 15):
            return False
    return not _content(missing) and _anchors_in_place(item, row)


def _reordered(item: Signature, row: Signature) -> bool:
    """Options in another order have another letter for their answer."""
    others = dict(row.options)
    return bool(others) and sum(others.get(letter) != text for letter, text in item.options) > 1


def _replaced(item: Signature, row: Signature, missing: Container[int], extra: Container[int]) -> bool:
    """Whether a whole phrase stands in the place of another one: under one passage, another question."""
    return min(longest_stretch(item, missing), longest_stretch(row, extra)) > SWAPPED


def longest_stretch(text: Signature, words: Container[int]) -> int:
    """The most content words in a row that are among ``words``; a doubled one counts once."""
    longest = run = before = 0
    for word in text.words:
        if word not in FUNCTION_WORDS and word != before:
            before = word
            run = run + 1 if word in words else 0
            longest = max(longest, run)
    return longest


def _anchors_in_place(item: Signature, row: Signature) -> bool:
    """Every anchor of the item keeps at least one of its two neighbours."""
    padded = (0, *item.words, 0)
    return all(
        hash((padded[i - 1], word)) in row.pairs or hash((word, padded[i + 1])) in row.pairs
        for i, word in enumerate(padded)
        if word in item.anchors
    )


def numbers_and_anchors(signature: Signature) -> Hashable:
    """What two writings of one question share: numbers with their repeats, and all anchors."""
    return signature.numbers, signature.anchors


class Index:
    """Signatures that can be asked for those that may be the same text as another.

    Args:
        identity: what such a pair must share, to the letter.
    """

    def __init__(self, identity: Callable[[Signature], Hashable] = numbers_and_anchors) -> None:
        self._identity = identity
        self._buckets: dict[Hashable, list[int]] = {}
        self._sketches: dict[Hashable, _Sketches] = {}
        self._signatures: list[Signature] = []
        self._vocabularies: list[frozenset[int]] = []

    def __len__(self) -> int:
        return len(self._signatures)

    def __iter__(self) -> Iterator[Signature]:
        return iter(self._signatures)

    def __getitem__(self, position: int) -> Signature:
        return self._signatures[position]

    def add(self, signature: Signature) -> int:
        """Add one signature; returns its position."""
        position = len(self._signatures)
        self._signatures.append(signature)
        self._vocabularies.append(signature.vocabulary)
        identity = self._identity(signature)
        bucket = self._buckets.setdefault(identity, [])
        bucket.append(position)
        if identity in self._sketches:
            self._sketches[identity].insert(position, signature)
        elif len(bucket) > BUCKET:
            self._sketches[identity] = _Sketches([(p, self._signatures[p]) for p in bucket])
        return position

    def crowded(self, signature: Signature) -> bool:
        """Whether more than ``BUCKET`` texts have this identity."""
        return self._identity(signature) in self._sketches

    def near(self, signature: Signature) -> list[int]:
        """Positions of equal identity; of a large bucket those alone that share many pairs of words."""
        identity = self._identity(signature)
        sketches = self._sketches.get(identity)
        return sketches.query(signature) if sketches else self._buckets.get(identity, [])

    def candidates(self, signature: Signature) -> list[int]:
        """Of ``near``, in order of insertion, those that differ by as many words as an edit may."""
        found = self.near(signature)
        words, known = signature.vocabulary, self._vocabularies
        most = 2 * (_allowed_edits(signature) + 1)
        # Set differences are cheap, and most candidates end here.
        return sorted([position for position in found if len(words ^ known[position]) <= most])


class _Sketches:
    """MinHash LSH over one large bucket: pairs of neighbouring words, the template's own left out.

    Two questions of one template share most of their words; what they share says nothing,
    so words of at least half of the bucket's first texts are skipped, and function words.
    """

    def __init__(self, entries: Sequence[tuple[int, Signature]]) -> None:
        from datasketch import MinHash, MinHashLSH

        seen = Counter(word for _, signature in entries for word in signature.vocabulary)
        self._skipped = FUNCTION_WORDS | {word for word, count in seen.items() if 2 * count >= len(entries)}
        # One blank is copied: making the permutations anew is three times slower.
        self._blank = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int)
        # Low, since one edit of a short text changes a third of its pairs.
        self._lsh = MinHashLSH(threshold=0.3, num_perm=PERMUTATIONS)
        for position, signature in entries:
            self.insert(position, signature)

    def insert(self, position: int, signature: Signature) -> None:
        self._lsh.insert(position, self._sketch(signature))

    def query(self, signature: Signature) -> list[int]:
        return list(self._lsh.query(self._sketch(signature)))

    def _sketch(self, signature: Signature) -> Any:
        content = [word for word in signature.words if word not in self._skipped]
        sketch = self._blank.copy()
        sketch.update_batch([hash(pair) & 0xFFFFFFFF for pair in {*pairwise((0, *content, 0))}])
        return sketch
