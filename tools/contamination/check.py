"""Decontaminator: finds the training rows that are a validation or test item in disguise.

| rule | what it finds | threshold | module |
|---|---|---|---|
| ``near`` | case, marks, numerals; a filler swapped, a clause moved | 1 word in 15 | ``tasks.repeats`` |
| ``framed`` | another instruction or system turn around it, or none | every word | ``framed`` |
| ``reordered`` | options or table rows in another order, letters given anew | equal bags | ``reordered`` |
| ``smiles`` | a molecule in another writing, also with a light edit | equal SMILES | ``smiles`` |
| ``overlap`` | an item inside a longer text (n-gram overlap) | 60% of own 13-grams | ``ngrams`` |
| ``minhash`` | a long text with words dropped, doubled, misspelt | half of the word pairs | ``minhash`` |
| ``entity-renamed`` | names, letters, columns exchanged consistently | 12 bits of evidence | ``renamed`` |
| ``gold`` | a distinctive reference of 20 words or more, alone or inside | 80% of 13-grams | ``ngrams`` |

Each rule is kept for what it alone finds among planted leaks of published rows, 1.2 to 7.8 percent of all
(``python -m tools.bench.contamination --marginal``). ``entity-renamed`` finds 0.6 percent and is kept because
one kind of leak, new names beside four numbers, would lose 26 points without it. ``framed`` is not in these
figures: the leaks planted there keep their instructions.

Not covered: a free paraphrase, a translation, changed numbers; new names where there are one or two small
numbers or none (a templated data set is full of such pairs); two disguises at once, but for ``smiles`` or a
left-out instruction with another; a shorter reference answer. Rows of a templated data set share most of
their words, so only word runs that a single item holds count as distinctive.

The decontaminator keeps hashes, signatures and, for ``entity-renamed``, words in memory; it writes none,
and no role is handed it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

from tasks.base import Sample
from tasks.repeats.groups import near_groups
from tasks.repeats.signature import NGRAM, Signature, sign, text_hash
from tasks.repeats.similarity import EXCHANGED, Index, anchored, names_in, same_question
from tasks.repeats.template import Template
from tasks.splits import answer_of, question_of
from tools.contamination.framed import Framed
from tools.contamination.minhash import NearDuplicates
from tools.contamination.ngrams import LongGolds, Overlap
from tools.contamination.renamed import Renamed
from tools.contamination.reordered import order_free
from tools.contamination.slots import Slots
from tools.contamination.smiles import canonical_text
from tools.sealed_test import SealedTest

Rule = Literal["near", "framed", "reordered", "smiles", "overlap", "minhash", "entity-renamed", "gold"]
RULES: tuple[Rule, ...] = get_args(Rule)
SHARED_PART: Mapping[Rule, str] = {
    "near": "the question but for a light edit; words of the common template were not counted",
    "framed": "the question, under another instruction or none",
    "reordered": "the question with its options or table rows in another order",
    "smiles": "the question with its molecules in another writing",
    "overlap": "the question, inside a longer text",
    "minhash": "most of a long question; words of the common template were not counted",
    "entity-renamed": "the question under other names",
    "gold": "the reference answer, a long text that is no standard reply",
}
"""What a row has in common with the item, by rule; the text itself may be sealed and is not quoted."""
STANDARD_QUESTIONS = 4
"""Different questions with the reference of one item as their target: a standard reply, no leak. Copies of
one question, edited or not, count once: a leaked item may come several times."""
MOST_QUESTIONS = 200
"""Questions of one reply that are held against each other."""
FRAMED_ROWS = 500
"""Rows in which frames are looked for; of more, those with the smallest hashes, in any order."""
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
        (f"{split}:{sha256(sample.id.encode()).hexdigest()[:12]}", question_of(sample), answer_of(sample))
        for sample in samples
    ]


class Decontaminator:
    """Knows the guarded items by their hashes, and finds rows that match one.

    Args:
        items: (``split:hash``, prompt, reference answer) of validation and test; see ``guarded``.
        rows: (prompt, answer) of all that may be trained on, in any order; they tell which references are
            standard replies, and which instructions stand around rows.
    """

    def __init__(self, items: Sequence[Item], rows: Iterable[tuple[str, str]] = ()) -> None:
        self._checked: dict[int, Match | None] = {}
        self._names = frozenset(name for name, _, _ in items)
        self._common = _common_sentences([prompt for _, prompt, _ in items])
        prompts = [(name, prompt) for name, prompt, _ in items]
        self._texts = _Texts([(name, self._variants(prompt)) for name, prompt in prompts])
        molecules = [(name, form) for name, prompt in prompts if (form := canonical_text(prompt))]
        self._molecules = _Texts([(name, self._variants(form)) for name, form in molecules])
        self._reordered: dict[int, str] = {}
        for name, prompt in prompts:
            for variant in self._variants(prompt):
                if (mark := order_free(variant)) is not None:
                    self._reordered.setdefault(mark, name)
        self._renamed = Renamed(prompts)
        self._golds = LongGolds((name, sign(gold)) for name, _, gold in items)
        self._standard, trained = _read(rows, self._golds)
        self._framed = Framed(prompts, trained)
        self._slots = Slots([sign(prompt) for prompt in trained])
        self._asked = {name: (sign(prompt), frozenset(sign(gold).words)) for name, prompt, gold in items}
        lines = (f"{name} {text_hash(prompt)} {text_hash(gold)}" for name, prompt, gold in items)
        parts = [*RULES, *lines, "standard replies", *sorted(self._standard)]
        parts += ["frames", *map(str, self._framed.marks())]
        parts += ["slots", *map(str, self._slots.marks())]
        self._digest = sha256("\n".join(parts).encode()).hexdigest()

    @classmethod
    def build(
        cls, validation: Iterable[Sample], test: SealedTest, rows: Iterable[tuple[str, str]] = ()
    ) -> Decontaminator:
        """The decontaminator of a run; the sealed test is lent for the time of signing it."""
        items = guarded("validation", validation)
        return test.use(lambda samples: cls([*items, *guarded("test", samples)], rows))

    def __len__(self) -> int:
        return len(self._names)

    def digest(self) -> str:
        """SHA-256 over items, rules' names, standard replies and frames: all that ``check`` depends on."""
        return self._digest

    def check(self, prompt: str, answer: str = "") -> Match | None:
        """The first rule by which a row matches an item, or None; remembered, since rows come again.

        Args:
            prompt: what the model would be trained to read.
            answer: what it would be trained to write; an item may hide there too.
        """
        key = text_hash(f"{prompt}\x1f{answer}")
        if key not in self._checked:
            self._checked[key] = next(self.matches(prompt, answer), None)
        return self._checked[key]

    def matches(self, prompt: str, answer: str = "") -> Iterator[Match]:
        """Every match, found as it is asked for, cheap rules first; a rule may come more than once."""
        variants = self._variants(prompt)
        for match in self._texts.same(variants):
            if not self._asks_another(match.item, prompt, answer):
                yield match
        if (name := self._framed.find(prompt)) and not self._asks_another(name, prompt, answer):
            yield Match("framed", name)
        for variant in variants if self._reordered else ():
            mark = order_free(variant)
            if mark in self._reordered:
                yield Match("reordered", self._reordered[mark])
        form = canonical_text(prompt) if len(self._molecules) else None
        if form is not None:
            for found in self._molecules.same(self._variants(form)):
                yield Match("smiles", found.item)
        if name := self._renamed.find(prompt):
            yield Match("entity-renamed", name)
        for match in self._texts.resembling(variants):
            if not self._asks_another(match.item, prompt, answer):
                yield match
        if len(answer) >= NGRAM:  # a shorter one cannot hold an item
            written = sign(answer)
            if (name := self._golds.find(written)) and name not in self._standard:
                yield Match("gold", name)
            if name := self._texts.overlap.find(written):
                yield Match("overlap", name)

    def _asks_another(self, item: str, prompt: str, answer: str) -> bool:
        """Whether a row fills a slot otherwise than the item, and answers something else."""
        asked, gold = self._asked[item]
        if not answer.strip() or not gold or gold <= sign(answer).vocabulary:
            return False
        return self._slots.exchanged(asked, sign(prompt))

    def _variants(self, text: str) -> list[str]:
        """The whole text, and what is left of it without the template's own sentences."""
        if not self._common:
            return [text]
        rest = "".join(part for part in _sentences(text) if text_hash(part.strip()) not in self._common)
        if rest == text or len(rest.split()) < 2 or len(sign(rest).words) < 4:
            return [text]
        return [text, rest]


class _Texts:
    """The items' texts, each in one variant or two, and the rules that compare text with text."""

    def __init__(self, items: Sequence[tuple[str, Sequence[str]]]) -> None:
        self._known_names = names_in([sign(variants[0]) for _, variants in items])
        self._index = Index()
        self._names: list[str] = []
        self._normal: dict[int, list[int]] = {}
        for name, variants in items:
            for signature in self._signed(variants):
                position = self._index.add(signature)
                self._names.append(name)
                for mark in {signature.normal, signature.squeezed}:
                    self._normal.setdefault(mark, []).append(position)
        self._words = frozenset(word for held in self._index for word in held.words)
        self._template = Template(sign(variants[0]) for _, variants in items)
        self._rests = frozenset(sign(rest).normal for _, variants in items for rest in variants[1:])
        self.overlap = Overlap(self._index, self._names, self._words, self._template)
        self._near = NearDuplicates([*zip(self._names, self._index, strict=True)], self._template)

    def __len__(self) -> int:
        return len(self._names)

    def same(self, variants: Sequence[str]) -> Iterator[Match]:
        """The items that one of the variants is, word for word or lightly edited."""
        for row in self._signed(variants):
            for position in (*self._normal.get(row.normal, ()), *self._normal.get(row.squeezed, ())):
                if same_question(self._index[position], row, self._words):
                    yield Match("near", self._names[position])
            for position in self._index.candidates(row):
                item = self._index[position]
                if same_question(item, row, self._words) and not self._template.another_question(
                    item, row, EXCHANGED, rest=item.normal in self._rests
                ):
                    yield Match("near", self._names[position])

    def resembling(self, variants: Sequence[str]) -> Iterator[Match]:
        """The items that one of the variants holds, or that it resembles as a whole."""
        for row in self._signed(variants):
            if name := self.overlap.find(row):
                yield Match("overlap", name)
            if name := self._near.find(row):
                yield Match("minhash", name)

    def _signed(self, variants: Sequence[str]) -> list[Signature]:
        return [anchored(sign(variant), self._known_names) for variant in variants]


def _read(rows: Iterable[tuple[str, str]], golds: LongGolds) -> tuple[frozenset[str], list[str]]:
    """The items whose references many questions of the rows have as target, and some of the rows."""
    asked: dict[str, dict[int, str]] = {}
    some: dict[int, str] = {}
    for prompt, answer in rows:
        if len(golds) and len(answer) >= NGRAM and (name := golds.find(sign(answer))):
            asked.setdefault(name, {})[sign(prompt).normal] = prompt
        some[text_hash(prompt)] = prompt
        if len(some) > 2 * FRAMED_ROWS:
            some = {mark: some[mark] for mark in sorted(some)[:FRAMED_ROWS]}
    standard = (name for name, prompts in asked.items() if _different(prompts) >= STANDARD_QUESTIONS)
    return frozenset(standard), [some[mark] for mark in sorted(some)[:FRAMED_ROWS]]


def _different(prompts: Mapping[int, str]) -> int:
    """How many of the prompts, by the hash of each, are no copy of another."""
    if len(prompts) < STANDARD_QUESTIONS:
        return len(prompts)
    some = [prompts[mark] for mark in sorted(prompts)[:MOST_QUESTIONS]]
    return len(set(near_groups(some, answers=[""] * len(some))))


def _sentences(text: str) -> list[str]:
    return [part for part in _SENTENCE.findall(text) if part]


def _common_sentences(prompts: Sequence[str]) -> frozenset[int]:
    """Hashes of the sentences of three words or more that many prompts share."""
    if len(prompts) < 10:
        return frozenset()
    seen = Counter(part.strip() for prompt in prompts for part in set(_sentences(prompt)))
    least = max(5, COMMON_SHARE * len(prompts))
    return frozenset(text_hash(s) for s, count in seen.items() if count >= least and len(sign(s).words) >= 3)
