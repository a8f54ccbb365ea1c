"""Entity renaming: the same question with its names, letters or column names changed.

Two texts match when they are the same word by word but for identifiers, exchanged one for one, with every
number and molecule in its place. That alone is common ("Ann has 7 pens and buys 5"), so a match needs
``BITS`` of evidence that it is no coincidence:

| evidence | bits |
|---|---|
| a number | -log2 of its share among the numbers of its template, smoothed by ``PRIOR`` |
| n items share the template | -log2(n): each is a chance to match |

12 bits: about one clean row in 4,096 of the same template matches by chance. Two small numbers never get
there.

Not covered: identifiers that have another number of words (runs of capitals count as one), and lower-case
words that occur once, since a word exchanged in prose asks something else.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tasks.repeats.signature import FUNCTION_WORDS, NUMBER_WORDS, text_hash, with_digits, word_hash
from tools.contamination.smiles import looks_like_smiles

BITS = 12.0
"""Evidence from which a match is no coincidence."""
PRIOR = 50.0
"""Weight, in numbers, of the prior over numbers: each digit more is ten times rarer."""
SEVERAL = 3
"""Items of one template from which its constants show."""
CONSTANT = 0.8
"""A number in more than this share of the items (and in more than three) is the template's."""

_CHUNK = re.compile(r"[^\s\"'`‘’“”{},;<>|$!?。，；：、？！（）]+|[\"“”\n!?。？！：]")
_PIECE = re.compile(
    r"[A-Za-z]{1,3}\d[\w/-]*|\d+(?:[./,:]\d+)*|[^\W\d_㐀-鿿豈-﫿]+|[㐀-鿿豈-﫿]|[+*/^=%×÷√-]|[.:]$"
)
_ENDS = frozenset(".:!?。？！：\n")
_QUOTES = frozenset('"“”')


class Token(NamedTuple):
    """One word as this rule reads it."""

    text: str
    """Case-folded; a number without its separators; a molecule as written."""
    fixed: bool
    """A number, a molecule or an operator: it must be the same."""
    number: bool
    named: bool
    """It is written as an identifier: a capital, a code, a letter, a quoted cell."""
    opener: bool
    """A capital that tells nothing, since it opens a sentence."""


class _Item(NamedTuple):
    name: str
    tokens: tuple[Token, ...]
    renamable: frozenset[str]


def tokens_of(text: str) -> tuple[Token, ...]:
    """The words of a text. Runs of capitalised words, such as ``New York``, are one."""
    plain = with_digits(unicodedata.normalize("NFKC", text))
    tokens: list[Token] = []
    opens, quoted, end, run_end = True, False, 0, -1
    for found in _CHUNK.finditer(plain):
        chunk = found.group()
        opens = opens or "\n" in plain[end : found.start()]
        end = found.end()
        if len(chunk) == 1 and (chunk in _ENDS or chunk in _QUOTES):
            quoted = quoted != (chunk in _QUOTES)
            opens = chunk in _ENDS
            continue
        bare = chunk.rstrip(".:")
        if looks_like_smiles(bare):
            tokens.append(Token(bare, True, False, False, False))
            opens = len(bare) < len(chunk)
            continue
        for piece in _PIECE.finditer(chunk):
            word = piece.group()
            if word in (".", ":"):
                opens = True
                continue
            if word == "s" and chunk == "s":
                if tokens and tokens[-1].opener:  # Ann's: a name, though it opens the sentence
                    tokens[-1] = tokens[-1]._replace(named=True)
                continue
            token = _read(word, opens, quoted)
            start = found.start() + piece.start()
            joins = token.named and word[:1].isupper() and len(word) > 1 and start == run_end + 1
            if joins and not quoted and plain[run_end] == " " and tokens[-1].named:
                tokens[-1] = tokens[-1]._replace(text=f"{tokens[-1].text} {token.text}")
            else:
                tokens.append(token)
            run_end = start + len(word) if token.named and word[:1].isupper() else -1
            opens = False
    return tuple(tokens)


def _read(word: str, opens: bool, quoted: bool) -> Token:
    low = word.casefold()
    low = NUMBER_WORDS.get(low, low)
    if low[0].isdigit():
        return Token(low.replace(",", ""), True, True, False, False)
    if not low[0].isalpha():
        return Token(low, True, False, False, False)
    if word_hash(low) in FUNCTION_WORDS:
        return Token(low, False, False, quoted, False)  # a table cell may be "total"
    if len(word) == 1:
        return Token(low, False, False, word.isascii(), False)
    capital = word[0].isupper()
    code = any(map(str.isdigit, low))
    return Token(low, False, False, code or quoted or (capital and not opens), capital and opens)


class Renamed:
    """Items that can be asked which of them a text repeats under other names.

    Args:
        items: (name, text) of every item.
    """

    def __init__(self, items: Sequence[tuple[str, str]]) -> None:
        texts = [tokens_of(text) for _, text in items]
        renamable = [_renamable(tokens) for tokens in texts]
        numbers = [[token.text for token in tokens if token.number] for tokens in texts]
        shapes = [_shape(tokens, may) for tokens, may in zip(texts, renamable, strict=True)]
        bits = _chance_bits(shapes, numbers, _constants(numbers))
        self._known: dict[int, list[_Item]] = {}
        for place, (name, _) in enumerate(items):
            item = _Item(name, texts[place], renamable[place])
            if item.renamable and bits[place] >= BITS:
                self._known.setdefault(_key(item.tokens), []).append(item)

    def __len__(self) -> int:
        """Items with enough evidence to be found."""
        return sum(map(len, self._known.values()))

    def find(self, text: str) -> str | None:
        """The item that the text repeats under other names, or None."""
        if not self._known:
            return None
        tokens = tokens_of(text)
        for item in self._known.get(_key(tokens), ()):
            if _same(item, tokens):
                return item.name
        return None


def _same(item: _Item, row: Sequence[Token]) -> bool:
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    changed = 0
    for old, new in zip(item.tokens, row, strict=True):
        if (
            there.setdefault(old.text, new.text) != new.text
            or back.setdefault(new.text, old.text) != old.text
        ):
            return False
        if old.text != new.text:
            if old.text not in item.renamable or new.fixed or word_hash(new.text) in FUNCTION_WORDS:
                return False
            changed += 1
    return 0 < changed <= 0.7 * len(row)


def _key(tokens: Sequence[Token]) -> int:
    return text_hash(" ".join([str(len(tokens)), *(token.text for token in tokens if token.fixed)]))


def _shape(tokens: Sequence[Token], renamable: frozenset[str]) -> int:
    """The template: the words without numbers and identifiers."""
    masked = ("#" if t.number else "@" if t.text in renamable else t.text for t in tokens)
    return text_hash(" ".join(masked))


def _renamable(tokens: Sequence[Token]) -> frozenset[str]:
    """What may be exchanged: identifiers, and nouns that the text uses again."""
    counts = Counter(token.text.removesuffix("s") for token in tokens if not token.fixed)
    found = set()
    for token in tokens:
        repeated = counts[token.text.removesuffix("s")] > 1 and len(token.text) > 2
        plain = repeated and token.text.isascii() and word_hash(token.text) not in FUNCTION_WORDS
        if token.named or plain:
            found.add(token.text)
    return frozenset(found)


def _constants(numbers: Sequence[Sequence[str]]) -> frozenset[str]:
    """The numbers that belong to the template."""
    seen = Counter(number for some in numbers for number in set(some))
    most = max(3.0, CONSTANT * len(numbers))
    return frozenset(number for number, count in seen.items() if count > most)


def _chance_bits(
    shapes: Sequence[int], numbers: Sequence[Sequence[str]], common: frozenset[str]
) -> list[float]:
    """For each item, how unlikely it is that another of its template has the same numbers in place.

    Numbers in ``common`` tell nothing where a template has too few items to show its constants.
    """
    everywhere = Counter(number for some in numbers for number in some)
    total = everywhere.total()
    members: dict[int, list[Sequence[str]]] = {}
    for shape, some in zip(shapes, numbers, strict=True):
        members.setdefault(shape, []).append(some)
    free = {shape: _free_places(some) for shape, some in members.items()}
    own = {shape: Counter(n for some in group for n in some) for shape, group in members.items()}
    found = []
    for shape, some in zip(shapes, numbers, strict=True):
        counts = own[shape]
        shares = {number: _share(number, everywhere[number], total) for number in some}
        # Within its template a number may be much commoner than in all items together.
        weights = {n: (counts[n] + PRIOR * share) / (counts.total() + PRIOR) for n, share in shares.items()}
        told = [some[place] for place in free[shape]]
        bits = -sum(math.log2(weights[n]) for n in told if len(members[shape]) >= SEVERAL or n not in common)
        found.append(bits - math.log2(len(members[shape])))
    return found


def _free_places(members: Sequence[Sequence[str]]) -> list[int]:
    """Places of a template's numbers that are neither constant nor always equal to an earlier place."""
    columns = list(zip(*members, strict=True))
    if len(members) >= SEVERAL:
        places = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    else:
        places = list(range(len(columns)))
    return [place for place in places if columns[place] not in columns[:place]]


def _share(number: str, count: int, everything: int) -> float:
    """Share of a number among all, smoothed: each digit more is ten times rarer."""
    prior = 0.5 * 10.0 ** -sum(map(str.isdigit, number))
    return (count + PRIOR * prior) / (everything + PRIOR)
