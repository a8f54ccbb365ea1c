"""Signature of a text: hashes of its words, and which of them carry its identity.

Numbers, codes such as SMILES or ``D1``, and capitalised names are *anchors*. English is read word by word,
Chinese character by character. Punctuation that structures prose is skipped, signs that compute (``+``,
``=``, ``#`` in a SMILES) are kept. The words of each language that tell nothing are in
``words/<language>.toml``.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tasks.splits import fingerprint

_CHUNK = re.compile(r"[^\s\"'`{},;:!?|<>~$。、·“”‘’…—]+")
_CODE = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9=#()\[\]@/\\+])[BCNOPSFIHKLRbcnopsfihklr0-9@+\-\[\]()=#/\\%.]+")
_PIECES = re.compile(r"\d+(?:\.\d+)?|[^\W\d_㐀-鿿豈-﫿]+|[㐀-鿿豈-﫿]|[+*/^=%×÷√]|-(?=\d)|(?<=\d)-")
_OPERATORS = frozenset("+*/^=%×÷√")
_OPTION = re.compile(r"(?:^|(?<=[\s(]))([A-Ha-h])[.)、:．]\s*(.*?)(?=\s+[A-Ha-h][.)、:．]|\n|$)")
_SENTENCE_ENDS = frozenset(".:?!\n。")
NGRAM = 13
"""Words in a row that count as overlap: 13, as in Brown et al. 2020 (arXiv 2005.14165, appendix C)."""


def word_hash(word: str) -> int:
    """32 bits; equal in every process, unlike ``hash``."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def text_hash(text: str) -> int:
    """64 bits of BLAKE2b."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


_WORDS = {
    language: tomllib.loads(
        (Path(__file__).parent / "words" / f"{language}.toml").read_text(encoding="utf-8")
    )
    for language in ("en", "zh")
}
FILLERS = frozenset(word_hash(word) for words in _WORDS.values() for word in words["filler"].split())
FUNCTION_WORDS = FILLERS | {
    word_hash(word) for words in _WORDS.values() for word in words["function"].split()
}
_TENS, _SCALES = _WORDS["en"]["tens"].split(), _WORDS["en"]["scales"]
_VALUES = {word: value for value, word in enumerate(_WORDS["en"]["units"].split())} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
NUMBER_WORDS = {word: str(value) for word, value in _VALUES.items() if value <= 20}
_ONE, _MORE = ("|".join(sorted(words, key=len, reverse=True)) for words in (_VALUES, [*_VALUES, *_SCALES]))
_SPELLED = re.compile(rf"\b(?:{_ONE})(?:(?:[ -]|[ -]and[ -])(?:{_MORE}))*\b", re.IGNORECASE)
_NO_ONE = re.compile(r"\bno one\b", re.IGNORECASE)
_COMPOUND = re.compile("|".join([*_TENS, *_SCALES]), re.IGNORECASE)


def with_digits(text: str) -> str:
    """The text with its English numbers of two words and more, and the round tens, as digits.

    ``two hundred and five`` is 205; what is no single number, as ``two three``, is left as it is. Measured
    instead: text2num 3.1 also reads ordinals and plurals, so that a misspelt ``third`` is another number, and
    finds 2.8 points fewer of the retouched long texts.
    """
    if "o one" in text:
        text = _NO_ONE.sub("nobody", text)
    # The search is an order of magnitude cheaper than the rewriting, and most texts end here.
    return _SPELLED.sub(_digits, text) if _COMPOUND.search(text) else text


def _digits(found: re.Match[str]) -> str:
    value = _value([word for word in re.split(r"[ -]", found.group().casefold()) if word != "and"])
    return found.group() if value is None else str(value)


def _value(words: Sequence[str]) -> int | None:
    total = part = 0
    room = 1_000_000  # a further word must be smaller than this
    for word in words:
        if word in _VALUES:
            if _VALUES[word] >= room:
                return None
            part += _VALUES[word]
            room = 10 if word in _TENS else 1
        elif word == "hundred" and 0 < part < 100:
            part, room = 100 * part, 100
        elif word != "hundred" and part:
            total, part, room = total + part * _SCALES[word], 0, _SCALES[word]
        else:
            return None
    return total + part


@dataclass(frozen=True)
class Signature:
    """One text as hashes. The order of ``words`` is the order of the text."""

    normal: int
    """Hash of ``tasks.splits.fingerprint``."""
    squeezed: int
    """Hash of the words run together: blind to white space where words meet, too."""
    words: tuple[int, ...]
    anchors: frozenset[int]
    """Words that carry identity: numbers, codes, names."""
    openers: frozenset[int]
    """Capitals that tell nothing, at the start of a sentence or in a passage all in capitals: names,
    if the data uses them as names elsewhere."""
    numbers: tuple[int, ...]
    """Sorted words that hold a digit, with repeats."""
    codes: int
    """Hash of the ring-bearing SMILES with their case kept: ``c1ccccc1`` is not ``C1CCCCC1``."""
    options: tuple[tuple[str, int], ...]
    """Lettered options, each with the hash of its text; empty for fewer than two."""
    one_case: bool
    """The text is all upper or all lower case, so that case tells nothing."""

    @cached_property
    def counts(self) -> Counter[int]:
        """How often each word occurs."""
        return Counter(self.words)

    @cached_property
    def vocabulary(self) -> frozenset[int]:
        """The words, each once."""
        return frozenset(self.words)

    @cached_property
    def pairs(self) -> frozenset[int]:
        """Hashes of neighbouring words; 0 stands before the first and after the last."""
        padded = (0, *self.words, 0)
        return frozenset(map(hash, pairwise(padded)))

    def ngrams(self, n: int = NGRAM) -> set[int]:
        """Hashes of all runs of ``n`` words; empty for shorter texts."""
        return {hash(self.words[i : i + n]) for i in range(len(self.words) - n + 1)}


class _Word(NamedTuple):
    """One word as it was read."""

    text: str
    hash: int
    numeric: bool
    """It holds a digit."""
    operator: bool
    """It computes: 5 + 3 and 5 * 3 are different questions."""
    code: str
    """The word itself when it is a SMILES with ring digits, whose case matters."""
    capital: bool
    """It begins with a capital and is no function word."""
    shouted: bool
    """It holds a capital after its first letter, as CCO does, and is no function word."""
    upper: bool
    """All capitals, more than one letter."""


@lru_cache(maxsize=30_000)
def sign(text: str) -> Signature:
    """Read a text into its signature. Kept for a while: every experiment of a run meets the same rows."""
    plain = with_digits(unicodedata.normalize("NFKC", text).strip())
    one_case = plain in (plain.lower(), plain.upper())
    words: list[_Word] = []
    anchors: set[int] = set()
    openers: set[int] = set()
    end = 0
    for found in _CHUNK.finditer(plain):
        opens = end == 0 or not _SENTENCE_ENDS.isdisjoint(plain[end - 1 : found.start()])
        end = found.end()
        for word in _read(found.group()):
            words.append(word)
            if (
                word.numeric
                or word.operator
                or (not one_case and (word.shouted or (word.capital and not opens)))
            ):
                anchors.add(word.hash)
            elif opens and word.capital and not one_case:
                openers.add(word.hash)
            opens = False
    loud = _loud(words)
    return Signature(
        normal=text_hash(fingerprint(text)),
        squeezed=text_hash("".join([word.text for word in words])),
        words=tuple([word.hash for word in words]),
        anchors=frozenset(anchors - loud),
        openers=frozenset(openers | (loud & anchors)),
        numbers=tuple(sorted([word.hash for word in words if word.numeric])),
        codes=text_hash(" ".join(sorted([word.code for word in words if word.code]))),
        options=_options(plain),
        one_case=one_case,
    )


def _options(text: str) -> tuple[tuple[str, int], ...]:
    found = {
        letter.lower(): text_hash("".join(rest.casefold().split())) for letter, rest in _OPTION.findall(text)
    }
    return tuple(sorted(found.items())) if {"a", "b"} <= found.keys() else ()


def _loud(words: Sequence[_Word]) -> set[int]:
    """The words of passages in capitals: three or more in a row, numbers and letters between them."""
    found: set[int] = set()
    run: list[int] = []
    for word in (*words, None):
        if word is not None and (word.upper or (run and (word.numeric or len(word.text) == 1))):
            run += [word.hash] if word.upper else []
            continue
        if len(run) >= 3:
            found.update(run)
        run = []
    return found


@lru_cache(maxsize=50_000)
def _read(chunk: str) -> tuple[_Word, ...]:
    """The words of a run of characters without white space; templated data repeats most of them."""
    words = []
    for word in _split(chunk.strip(".")):
        low = word.casefold()
        low = NUMBER_WORDS.get(low, low)
        mark = word_hash(low)
        numeric = any(map(str.isdigit, low))
        is_code = not word.isalpha() and _CODE.fullmatch(word) is not None and numeric
        content = mark not in FUNCTION_WORDS
        words.append(
            _Word(
                text=low,
                hash=mark,
                numeric=numeric,
                operator=low in _OPERATORS,
                code=word if is_code else "",
                capital=content and word[0].isupper(),
                shouted=content and word[1:] != word[1:].lower(),
                upper=word.isupper() and len(word) > 1,
            )
        )
    return tuple(words)


def _split(chunk: str) -> Sequence[str]:
    if chunk.isalpha() and chunk.isascii():
        return (chunk,)
    if chunk.startswith("(") and chunk.endswith(")") and "(" not in chunk[1:]:
        chunk = chunk[1:-1]
    return (chunk,) if _CODE.fullmatch(chunk) else _PIECES.findall(chunk)
