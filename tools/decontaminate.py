"""Decontamination: no training row may be a validation or test item in disguise.

Covered, each with the rule's name as it appears in a ``Match``:

* ``exact``: the same text;
* ``normalised``: the same but for case, white space, punctuation, full-width forms;
* ``near``: the same question, lightly edited (see ``tools.similarity``): a filler word
  swapped, a word dropped or added, a clause moved, the published instruction left out;
* ``overlap``: most of an item's distinctive 13-word runs, with all its numbers and names,
  inside a longer text (after Brown et al. 2020, arXiv 2005.14165, appendix C);
* ``gold``: a long reference answer, word for word.

Not covered: a free paraphrase, a translation, a question whose numbers were changed, and
one whose options were put in another order (both have another answer). A templated data
set shares most words between any two of its rows, so only runs of words that a single
item holds count as distinctive.

The guard keeps hashes and signatures, no text: what it holds cannot be read by a role.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

from tasks.base import Sample
from tools.seal import SealedTest
from tools.signature import NGRAM, Signature, sign, text_hash
from tools.similarity import Index, anchored, contains, names_in, same_question

Rule = Literal["exact", "normalised", "near", "overlap", "gold"]

OVERLAP = 0.6
"""Share of an item's distinctive 13-word runs from which a text holds the item."""
LONG_GOLD_WORDS = 20
COMMON_SHARE = 0.2
"""A sentence in this share of the items or more belongs to the template, not to the item."""

_SENTENCE = re.compile(r"[^\n.?!。？！]*(?:[.?!](?!\s)[^\n.?!。？！]*)*(?:[.?!。？！]+|\n|$)\s*")


class Match(NamedTuple):
    """Why a row may not be trained on."""

    rule: Rule
    item: str
    """The item as ``split:hash``, such as ``test:3f9a0c11d2e4``."""


Item = tuple[str, str, str]
"""(id with its split in front, prompt, reference answer)."""


def guarded(split: Literal["validation", "test"], samples: Iterable[Sample]) -> list[Item]:
    """The items of one split in the form that ``Decontaminator`` takes."""
    return [
        (f"{split}:{sha256(sample.id.encode()).hexdigest()[:12]}", sample.prompt, str(sample.gold))
        for sample in samples
    ]


class Decontaminator:
    """Knows the guarded items by their hashes, and finds rows that match one.

    Args:
        items: (``split:hash``, prompt, reference answer) of validation and test; see ``guarded``.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        lines = (f"{name} {text_hash(prompt)} {text_hash(gold)}" for name, prompt, gold in items)
        self._digest = sha256("\n".join(lines).encode()).hexdigest()
        self._checked: dict[int, Match | None] = {}
        self._common = _common_sentences([prompt for _, prompt, _ in items])
        self._index = Index()
        self._names: list[str] = []
        self._exact: dict[int, str] = {}
        self._normal: dict[int, list[int]] = {}
        self._golds: dict[int, str] = {}
        self._known_names = names_in([sign(prompt) for _, prompt, _ in items])
        for name, prompt, gold in items:
            for signature in self._views(prompt):
                self._exact.setdefault(signature.exact, name)
                position = self._index.add(signature)
                self._names.append(name)
                for mark in {signature.normal, signature.squeezed}:
                    self._normal.setdefault(mark, []).append(position)
            answer = sign(gold)
            if len(answer.words) >= LONG_GOLD_WORDS:
                self._golds.setdefault(answer.squeezed, name)
        self._words = frozenset(word for held in self._index for word in held.words)
        self._overlap = _Overlap(self._index, self._names, self._words)

    @classmethod
    def build(cls, validation: Iterable[Sample], test: SealedTest) -> Decontaminator:
        """The guard of a run; the sealed test is lent for the time of signing it."""
        items = guarded("validation", validation)
        return test.lend(lambda samples: cls([*items, *guarded("test", samples)]))

    def __len__(self) -> int:
        return len(set(self._names))

    def digest(self) -> str:
        """SHA-256 over the items: changes when what is guarded changes."""
        return self._digest

    def check(self, prompt: str, answer: str = "") -> Match | None:
        """The first rule by which a row matches an item, or None; remembered, since rows come again.

        Args:
            prompt: what the model would be trained to read.
            answer: what it would be trained to write; an item may hide there too.
        """
        key = text_hash(f"{prompt}\x1f{answer}")
        if key not in self._checked:
            self._checked[key] = self._check(prompt, answer)
        return self._checked[key]

    def _check(self, prompt: str, answer: str) -> Match | None:
        for signature in self._views(prompt):
            found = self._match(signature)
            if found:
                return found
        if len(answer) < NGRAM:
            return None  # too short to hold an item
        written = sign(answer)
        if written.squeezed in self._golds:
            return Match("gold", self._golds[written.squeezed])
        name = self._overlap.find(written)
        return Match("overlap", name) if name else None

    def _match(self, row: Signature) -> Match | None:
        if row.exact in self._exact:
            return Match("exact", self._exact[row.exact])
        for position in (*self._normal.get(row.normal, ()), *self._normal.get(row.squeezed, ())):
            if same_question(self._index[position], row, self._words):
                return Match("normalised", self._names[position])
        for position in self._index.candidates(row):
            if same_question(self._index[position], row, self._words):
                return Match("near", self._names[position])
        name = self._overlap.find(row)
        return Match("overlap", name) if name else None

    def _views(self, text: str) -> list[Signature]:
        """The whole text, and what is left of it without the template's own sentences."""
        whole = anchored(sign(text), self._known_names)
        if not self._common:
            return [whole]
        rest = "".join(part for part in _sentences(text) if text_hash(part.strip()) not in self._common)
        if rest == text or len(rest.split()) < 2:
            return [whole]
        core = anchored(sign(rest), self._known_names)
        return [whole, core] if len(core.words) >= 4 else [whole]


class _Overlap:
    """Runs of 13 words that a single item holds, and which item that is."""

    def __init__(self, index: Index, names: Sequence[str], known: frozenset[int]) -> None:
        self._known = known
        owners: dict[int, str] = {}
        shared: set[int] = set()
        for position, name in enumerate(names):
            for gram in index[position].ngrams():
                if owners.setdefault(gram, name) != name:
                    shared.add(gram)
        self._index = index
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
        hits = Counter(self._owners[gram] for gram in row.ngrams() if gram in self._owners)
        for name, count in hits.most_common(3):
            item = self._index[self._smallest[name]]
            if count >= OVERLAP * self._size(item, name) and contains(item, row, self._known):
                return name
        return None

    def _size(self, item: Signature, name: str) -> int:
        return sum(self._owners.get(gram) == name for gram in item.ngrams()) or self._sizes[name]


def _sentences(text: str) -> list[str]:
    return [part for part in _SENTENCE.findall(text) if part]


def _common_sentences(prompts: Sequence[str]) -> frozenset[int]:
    """Hashes of the sentences of three words or more that many prompts share."""
    if len(prompts) < 10:
        return frozenset()
    seen = Counter(part.strip() for prompt in prompts for part in set(_sentences(prompt)))
    least = max(5, COMMON_SHARE * len(prompts))
    return frozenset(text_hash(s) for s, count in seen.items() if count >= least and len(sign(s).words) >= 3)
