"""Runs of 13 words that a text shares with an item (Brown et al. 2020, arXiv 2005.14165, appendix C)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from tasks.repeats.signature import FUNCTION_WORDS, NGRAM, Signature
from tasks.repeats.similarity import EXCHANGED, SHORT, Index, contains
from tasks.repeats.template import Template

OVERLAP = 0.6
"""Share of an item's distinctive 13-word runs from which a text holds the item."""
GOLD_OVERLAP = 0.8
"""The same for a reference answer, whose runs need not be distinctive."""
LONG_GOLD_WORDS = 20
TEMPLATE = 0.02
"""A pair of words in more than this share of the items, and in more than three, is the template's."""
STANDARD = 3
"""Items whose references share a phrase, from which it is a standard reply's."""
PHRASE = 4
"""Words of such a phrase: a name filled in breaks but a few."""
STANDARD_SHARE = 0.6
"""Share of a reference's phrases from which it is a standard reply as a whole."""
COMMON = 20
"""Texts of one decontaminator that may share a run of words before it is the template's."""


class Overlap:
    """Runs of 13 words that a single item holds, and which item that is."""

    def __init__(self, index: Index, names: Sequence[str], known: frozenset[int], template: Template) -> None:
        self._known = known
        self._common = template
        owners: dict[int, str] = {}
        shared: set[int] = set()
        holders = Counter[int]()
        for position, name in enumerate(names):
            grams = index[position].ngrams()
            holders.update(grams)
            for gram in grams:
                if owners.setdefault(gram, name) != name:
                    shared.add(gram)
        self._index = index
        self._names = names
        self._marks = _marks(index, holders)
        pairs = Counter(pair for signature in index for pair in _content_pairs(signature))
        most = max(3.0, TEMPLATE * len(index))
        self._template = frozenset(pair for pair, count in pairs.items() if count > most)
        self._owners = {gram: name for gram, name in owners.items() if gram not in shared}
        self._sizes = Counter(self._owners.values())
        self._smallest: dict[str, int] = {}
        for position, name in enumerate(names):
            held = self._smallest.get(name)
            if held is None or len(index[position].words) < len(index[held].words):
                self._smallest[name] = position

    def find(self, row: Signature) -> str | None:
        """The item that ``row`` holds, or None."""
        if len(row.words) < NGRAM:
            return None
        grams = row.ngrams()
        for position in (place for gram in grams for place in self._marks.get(gram, ())):
            if self._quotes(row, self._index[position]):
                return self._names[position]
        hits = Counter(self._owners[gram] for gram in grams if gram in self._owners)
        for name, count in hits.most_common(3):
            item = self._index[self._smallest[name]]
            if count < OVERLAP * self._size(item, name) or not contains(item, row, self._known):
                continue
            if not self._common.another_question(item, row, EXCHANGED):
                return name
        return None

    def _quotes(self, row: Signature, item: Signature) -> bool:
        """Whether ``row`` quotes the item; what else it says may not go on in a short item's template.

        ``Delete the nitro group`` and ``Delete the nitro group, add a thiol`` are two questions.
        """
        if not _holds(row, item):
            return False
        return len(item.words) >= SHORT or len((row.pairs - item.pairs) & self._template) <= 1

    def _size(self, item: Signature, name: str) -> int:
        return sum(self._owners.get(gram) == name for gram in item.ngrams()) or self._sizes[name]


def _content_pairs(signature: Signature) -> set[int]:
    """Neighbouring words, at least one of which is no function word."""
    return {hash(pair) for pair in pairwise(signature.words) if not FUNCTION_WORDS.issuperset(pair)}


def _marks(index: Index, holders: Mapping[int, int]) -> dict[int, list[int]]:
    """For each text its rarest run of words: a text that has all of its words has this run.

    A run that more than ``COMMON`` texts hold marks none: a text without a rarer one is a template.
    """
    marks: dict[int, list[int]] = {}
    for position, signature in enumerate(index):
        grams = signature.ngrams()
        rarest = min(grams, key=lambda gram: (holders[gram], gram), default=None)
        if rarest is not None and holders[rarest] <= COMMON:
            marks.setdefault(rarest, []).append(position)
    return marks


def _holds(text: Signature, item: Signature) -> bool:
    """Whether ``text`` has the item's words one after the other."""
    length = len(item.words)
    starts = (place for place, word in enumerate(text.words) if word == item.words[0])
    return any(text.words[start : start + length] == item.words for start in starts)


class LongGolds:
    """Reference answers of 20 words or more, found whole or inside a longer text.

    Case, white space, punctuation and the way numbers are written do not matter. Short
    answers are skipped: that a row's answer is 42, too, says nothing. So are standard replies, most of whose
    phrases stand in the references of ``STANDARD`` items or more, whatever name is filled in.
    """

    def __init__(self, golds: Iterable[tuple[str, Signature]]) -> None:
        self._whole: dict[int, str] = {}
        self._kept: list[tuple[str, Signature, int]] = []
        self._holders: dict[int, list[int]] = {}
        held = list(golds)
        seen = Counter(phrase for _, gold in held for phrase in gold.ngrams(PHRASE))
        for name, gold in held:
            if len(gold.words) < LONG_GOLD_WORDS or gold.squeezed in self._whole:
                continue
            phrases = gold.ngrams(PHRASE)
            if sum(seen[phrase] >= STANDARD for phrase in phrases) >= STANDARD_SHARE * len(phrases):
                continue
            self._whole[gold.squeezed] = name
            grams = gold.ngrams()
            for gram in grams:
                self._holders.setdefault(gram, []).append(len(self._kept))
            self._kept.append((name, gold, len(grams)))

    def __len__(self) -> int:
        """References that can be found."""
        return len(self._kept)

    def find(self, answer: Signature) -> str | None:
        """The item whose reference answer ``answer`` holds, or None."""
        if answer.squeezed in self._whole:
            return self._whole[answer.squeezed]
        if not self._kept or len(answer.words) < LONG_GOLD_WORDS:
            return None
        holders = self._holders
        hits = Counter(place for gram in answer.ngrams() if gram in holders for place in holders[gram])
        for place, count in hits.most_common(3):
            name, gold, size = self._kept[place]
            if count >= GOLD_OVERLAP * size and not Counter(gold.numbers) - Counter(answer.numbers):
                return name
        return None
