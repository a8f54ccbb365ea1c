"""When are two prompts the same question? One rule, used for repeats and for leaks.

Training rows are often templated: ``14 pens and 23 more`` and ``14 pens and 25 more``
share nine words of ten and are different questions, while ``14 pens, and 23 more
please`` is the first one again. Plain Jaccard similarity gets both wrong. So a text is
read as words, and some of its words are *anchors*, which carry the question's identity:
numbers, codes such as SMILES or ``D1``, and capitalised names. Two texts are the same
question when

* their anchors agree, each beside a word that it stood beside before, so that 12 and 7
  may not change places while a whole clause may move;
* the other words differ by one in fifteen at most, dropped, added or swapped (function
  words, and words that the data never uses, count less), and no swap puts one content
  word of the data in another's place (``methyl`` for
  ``hydroxyl`` is another question, ``sells`` for ``is selling`` is not).

Chinese is read character by character. Nothing here keeps text: a ``Signature`` holds
hashes. Candidates come from buckets of equal numbers and, where a bucket is large, from
MinHash LSH over word 3-grams (Broder 1997; the datasketch package).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from tasks.splits import fingerprint

_CHUNK = re.compile(r"[^\s\"'`{},;:!?|<>~$。、·“”‘’…—]+")
_CODE = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9=#()\[\]@/\\+])[BCNOPSFIHKLRbcnopsfihklr0-9@+\-\[\]()=#/\\%.]+")
_PIECES = re.compile(r"\d+(?:\.\d+)?|[^\W\d_㐀-鿿豈-﫿]+|[㐀-鿿豈-﫿]|[+*/^=%×÷√]|-(?=\d)|(?<=\d)-")
_SENTENCE_ENDS = frozenset(".:?!\n。")
_NUMERALS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen twenty"""
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_NUMERALS.split())}
_FUNCTION_WORDS = """
a an the this that these those of to in on at by for from with as is are was were be been it its and or
then so now also just please kindly what which how who when where there here do does did can could will
would should must may if you your we our i my me us they their he she his her into within per each any
all total altogether exactly simply very following given question answer
many much number have has had
的 了 是 在 和 与 及 请 把 将 为 有 一 下 列 以 哪 个 项 么 呢 吗 这 那 其 中
"""

BUCKET = 40
"""Up to this many texts with equal numbers are compared one by one; beyond it, LSH finds candidates."""
PERMUTATIONS = 64
NGRAM = 13
"""Words in a row that count as overlap: 13, as in Brown et al. 2020 (arXiv 2005.14165, appendix C)."""


def _word_hash(word: str) -> int:
    """32 bits; equal in every process, unlike ``hash``."""
    return zlib.crc32(word.encode())


def text_hash(text: str) -> int:
    """64 bits of BLAKE2b."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


FUNCTION_WORDS = frozenset(_word_hash(word) for word in _FUNCTION_WORDS.split())


@dataclass(frozen=True)
class Signature:
    """One text as hashes. The order of ``words`` is the order of the text."""

    exact: int
    """Hash of the text without its outer white space."""
    normal: int
    """Hash of ``tasks.splits.fingerprint``."""
    squeezed: int
    """Hash of the words run together: blind to white space where words meet, too."""
    words: tuple[int, ...]
    anchors: frozenset[int]
    """Words that carry identity: numbers, codes, names."""
    numbers: tuple[int, ...]
    """Sorted words that hold a digit, with repeats."""
    codes: int
    """Hash of the ring-bearing SMILES with their case kept: ``c1ccccc1`` is not ``C1CCCCC1``."""
    one_case: bool
    """The text is all upper or all lower case, so that case tells nothing."""

    @cached_property
    def counts(self) -> Counter[int]:
        """How often each word occurs."""
        return Counter(self.words)

    @cached_property
    def pairs(self) -> frozenset[int]:
        """Hashes of neighbouring words; 0 stands before the first and after the last."""
        padded = (0, *self.words, 0)
        return frozenset(map(hash, pairwise(padded)))

    def ngrams(self, n: int = NGRAM) -> set[int]:
        """Hashes of all runs of ``n`` words; empty for shorter texts."""
        return {hash(self.words[i : i + n]) for i in range(len(self.words) - n + 1)}


def sign(text: str) -> Signature:
    """Read a text into its signature."""
    plain = unicodedata.normalize("NFKC", text).strip()
    one_case = plain in (plain.lower(), plain.upper())
    words: list[str] = []
    anchors: set[str] = set()
    codes: list[str] = []
    end = 0
    for found in _CHUNK.finditer(plain):
        starts_sentence = end == 0 or not _SENTENCE_ENDS.isdisjoint(plain[end - 1 : found.start()])
        end = found.end()
        for word in _words(found.group().strip(".")):
            low = word.casefold()
            if not word.isalpha() and _CODE.fullmatch(word) and any(map(str.isdigit, word)):
                codes.append(word)
            low = _NUMBER_WORDS.get(low, low)
            words.append(low)
            if any(map(str.isdigit, low)) or (not one_case and _is_name(word, starts_sentence)):
                anchors.add(low)
            starts_sentence = False
    hashes = tuple(map(_word_hash, words))
    return Signature(
        exact=text_hash(plain),
        normal=text_hash(fingerprint(text)),
        squeezed=text_hash("".join(words)),
        words=hashes,
        anchors=frozenset(map(_word_hash, anchors)),
        numbers=tuple(sorted(h for h, w in zip(hashes, words, strict=True) if any(map(str.isdigit, w)))),
        codes=text_hash(" ".join(sorted(codes))),
        one_case=one_case,
    )


def _words(chunk: str) -> Sequence[str]:
    if chunk.isalpha() and chunk.isascii():
        return (chunk,)
    if chunk.startswith("(") and chunk.endswith(")") and "(" not in chunk[1:]:
        chunk = chunk[1:-1]
    return (chunk,) if _CODE.fullmatch(chunk) else _PIECES.findall(chunk)


def _is_name(word: str, starts_sentence: bool) -> bool:
    """A code in capitals, such as CCO, or a capitalised word inside a sentence."""
    if word[1:] != word[1:].lower():
        return True
    return not starts_sentence and word[0].isupper() and _word_hash(word.lower()) not in FUNCTION_WORDS


def jaccard(a: Signature, b: Signature) -> float:
    """Weighted Jaccard similarity of the words, 0.0 to 1.0."""
    union = sum((a.counts | b.counts).values())
    return sum((a.counts & b.counts).values()) / union if union else 1.0


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
    missing, extra = item.counts - row.counts, row.counts - item.counts
    edits = (sum(missing.values()), sum(extra.values()))
    allowed = max(3, len(item.words) // 8) if len(item.words) > 7 else 1
    if max(edits) > allowed or len(row.words) < 3:
        return False
    if not item.anchors.isdisjoint(missing) or not row.anchors.isdisjoint(extra):
        return False
    if item.codes != row.codes and not (item.one_case or row.one_case):
        return False
    lost = sum(count for word, count in missing.items() if word not in FUNCTION_WORDS)
    gained = sum(count for word, count in extra.items() if word not in FUNCTION_WORDS and word in known)
    if max(lost, gained) > max(1, len(item.words) // 15) or (lost and gained and not swaps):
        return False
    # Moving one block breaks three neighbourhoods, changing two words' places breaks four.
    if len(item.pairs - row.pairs) > 3 + 2 * sum(edits):
        return False
    return _anchors_in_place(item, row)


def _anchors_in_place(item: Signature, row: Signature) -> bool:
    """Every anchor of the item keeps at least one of its two neighbours."""
    padded = (0, *item.words, 0)
    return all(
        hash((padded[i - 1], word)) in row.pairs or hash((word, padded[i + 1])) in row.pairs
        for i, word in enumerate(padded)
        if word in item.anchors
    )


class Index:
    """Signatures that can be asked for those that may be the same question as another."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, ...], list[int]] = {}
        self._lsh: dict[tuple[int, ...], Any] = {}
        self._signatures: list[Signature] = []

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
        bucket = self._buckets.setdefault(signature.numbers, [])
        bucket.append(position)
        if signature.numbers in self._lsh:
            self._lsh[signature.numbers].insert(position, _minhash(signature))
        elif len(bucket) > BUCKET:
            self._lsh[signature.numbers] = _lsh((p, self._signatures[p]) for p in bucket)
        return position

    def candidates(self, signature: Signature) -> list[int]:
        """Positions in order of insertion; all of them hold the same numbers as ``signature``."""
        lsh = self._lsh.get(signature.numbers)
        if lsh is None:
            return self._buckets.get(signature.numbers, [])
        return sorted(lsh.query(_minhash(signature)))


def _lsh(entries: Iterable[tuple[int, Signature]]) -> Any:
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=0.4, num_perm=PERMUTATIONS)
    for position, signature in entries:
        lsh.insert(position, _minhash(signature))
    return lsh


_blank: Any = None


def _minhash(signature: Signature) -> Any:
    """MinHash of the word 3-grams. A copy of one blank: making permutations anew is three times slower."""
    global _blank
    if _blank is None:
        from datasketch import MinHash

        _blank = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int)
    sketch = _blank.copy()
    sketch.update_batch([gram & 0xFFFFFFFF for gram in signature.ngrams(3) or set(signature.words)])
    return sketch
