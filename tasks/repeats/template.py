"""Template of a corpus: the runs of words that otherwise different texts share, which say nothing about any.

An instruction, a worked format, a passage or a signature may be ten times as long as the question beside it.
Measured against the whole text, every question then differs from every other by a trifle. Here the words
under a template's runs are found wherever they stand, so several templates may be mixed, and the difference
of two texts is measured against what is left of them.

That many texts share a run does not make it a template's: a question with a hundred edited copies is shared
as well. The two are told apart by how the texts go on (successor variety, Z. Harris 1955, "From phoneme to
morpheme"). At the end of an instruction the texts part for good: no way on has half of them. A copy parts
from the others where its own edit is, and the others go on together, to the end of the text. A run is a
template's where the majority's way, to the right or to the left, comes to a place without a majority.

Not told apart: a question whose copies differ in nothing but the words before it or after it, and an
instruction with a question of so few words; courtesies (``Hello``, ``Thanks``) apart, both are templates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from tasks.repeats.signature import FILLERS, FUNCTION_WORDS, Signature

PHRASE = 5
"""Words in a row (characters of Chinese) of a stock phrase; ``COMMON`` texts and ``SHARE`` of all have it."""
COMMON, SHARE = 5, 0.05
BLOCK = 10
"""Words in a row of an instruction or a passage; ``FEWEST`` texts have it."""
FEWEST = 3
MAJORITY = 0.5
"""Share of a run's texts from which they go on together."""
MOST_TEXTS = 20_000
"""Texts that are looked at; of more, so many at equal distances."""
EDGE = 0.5
"""Where a run has less than this share of an overlapping run's texts, one of its words is the question's."""
DOMINANT = 0.5
"""Share of a text's words from which its template outweighs the rest."""
SHORT = 5
"""Words beside the template; with so few, a function word (``on``, ``off``) is the question."""

_START, _END = 1 << 40, 1 << 41
"""Beyond the hashes of words."""


class Template:
    """What the otherwise different texts of a corpus share.

    Args:
        signatures: of the corpus; a text that stands in it twice counts once.
    """

    def __init__(self, signatures: Iterable[Signature]) -> None:
        distinct = list({signature.normal: signature for signature in signatures}.values())
        distinct = distinct[:: max(1, -(-len(distinct) // MOST_TEXTS))]
        texts = [_bounded(signature.words) for signature in distinct]
        common = max(COMMON, SHARE * len(distinct))
        self._runs = ((PHRASE, _open_runs(texts, PHRASE, common)), (BLOCK, _open_runs(texts, BLOCK, FEWEST)))
        words = Counter(word for signature in distinct for word in signature.vocabulary)
        self._used = frozenset(word for word, count in words.items() if count > 1)
        self._shared = any(runs for _, runs in self._runs)
        self._known: dict[int, tuple[int, ...]] = {}

    def own(self, text: Signature) -> tuple[int, ...]:
        """The words of ``text`` under no run of a template, in order."""
        if not self._shared:
            return text.words
        if text.normal not in self._known:
            self._known[text.normal] = tuple(self._own(text.words))
        return self._known[text.normal]

    def outweighs(self, text: Signature) -> bool:
        """Whether more of ``text`` is template than not."""
        return self._shared and len(self.own(text)) <= (1.0 - DOMINANT) * len(text.words)

    def another_question(
        self, first: Signature, second: Signature, forgiven: float, rest: bool = False
    ) -> bool:
        """Whether what the two have beside the template is too different for one question.

        False where the template outweighs neither: then the whole texts are to be compared.

        Args:
            first: one text.
            second: the other.
            forgiven: share (0.0 to 1.0) of a text's own words that may be exchanged.
            rest: the first text is what is left of one without its template.
        """
        if not rest and not (self.outweighs(first) and self.outweighs(second)):
            return False
        own, others = Counter(self.own(first)), Counter(self.own(second))
        size = max(own.total(), others.total())
        # Words that stand nowhere in the other text: few sets to compare, and most pairs end here.
        gone, new = (own.keys() - second.vocabulary, others.keys() - first.vocabulary)
        if min(len(gone - FUNCTION_WORDS), len(new - FUNCTION_WORDS)) > forgiven * size:
            return True
        # A word of the question that the passage above it has as well is still the question's.
        lost, gained = own & (first.counts - second.counts), others & (second.counts - first.counts)
        nothing = FUNCTION_WORDS if size > SHORT else FILLERS
        if not (own.keys() <= nothing or others.keys() <= nothing):
            lost, gained = _without(lost, nothing), _without(gained, nothing)
        # A word that no other text has is an editor's; one of the corpus asks for something else.
        used = max(self._of_corpus(lost), self._of_corpus(gained))
        changed = min(lost.total(), gained.total())
        if not changed:
            # Stock phrases of the corpus, one in the place of the other or of words.
            away = _without(first.counts - second.counts, FUNCTION_WORDS).total()
            come = _without(second.counts - first.counts, FUNCTION_WORDS).total()
            changed = min(away, come, used if lost or gained else away)
        if changed > forgiven * size or max(lost.total(), gained.total()) > max(2, size // 3):
            return True
        return used > (max(1, size // 3) if size > SHORT else 0)

    def _of_corpus(self, words: Counter[int]) -> int:
        return sum(count for word, count in words.items() if word in self._used)

    def _own(self, words: Sequence[int]) -> Iterator[int]:
        bounded = (_START, *words, _END)
        covered = bytearray(len(bounded))
        for length, runs in self._runs:
            counts = [runs.get(run, 0) for run in _runs_of(bounded, length)] if runs else []
            for place, count in enumerate(counts):
                if count and count >= EDGE * max(counts[max(0, place - length + 1) : place + length]):
                    covered[place : place + length] = b"\1" * length
        return (word for word, hidden in zip(words, covered[1:-1], strict=True) if not hidden)


def _bounded(words: Sequence[int]) -> tuple[int, ...]:
    """The words between a beginning and an end, without the courtesies there: ``Please``, ``Thank you``."""
    first, last = 0, len(words)
    while first < last and words[first] in FILLERS:
        first += 1
    while last > first and words[last - 1] in FILLERS:
        last -= 1
    return (_START, *words[first:last], _END)


def _runs_of(words: tuple[int, ...], length: int) -> list[int]:
    return [hash(words[place : place + length]) for place in range(len(words) - length + 1)]


def _open_runs(texts: Sequence[tuple[int, ...]], length: int, least: float) -> dict[int, int]:
    """For each run of a template the texts that have it, ``least`` or more."""
    runs_of = [_runs_of(text, length) for text in texts]
    seen = Counter(run for runs in runs_of for run in set(runs))
    shared = {run: count for run, count in seen.items() if count > 1}
    right: dict[int, Counter[int]] = {}
    left: dict[int, Counter[int]] = {}
    for runs in runs_of:
        for before, run in {*pairwise([_START, *runs])}:
            if run in shared:
                left.setdefault(run, Counter())[before] += 1
        for run, after in {*pairwise([*runs, _END])}:
            if run in shared:
                right.setdefault(run, Counter())[after] += 1
    opened = _leading_apart(right, shared) | _leading_apart(left, shared)
    return {run: count for run, count in shared.items() if count >= least and run in opened}


def _leading_apart(ways: Mapping[int, Counter[int]], shared: Mapping[int, int]) -> set[int]:
    """The runs from which the majority's way comes to a place where the texts part."""
    onward: dict[int, int | None] = {}
    for run, nexts in ways.items():
        step, count = nexts.most_common(1)[0]
        onward[run] = step if count >= MAJORITY * shared[run] else None
    apart: dict[int, bool] = {}
    for run in onward:
        path: list[int] = []
        place: int | None = run
        while place is not None and place in onward and place not in apart:
            apart[place] = False  # a circle parts nowhere
            path.append(place)
            place = onward[place]
        verdict = place is None or apart.get(place, False)
        for passed in path:
            apart[passed] = verdict
    return {run for run, parts in apart.items() if parts}


def _without(words: Counter[int], some: frozenset[int]) -> Counter[int]:
    return Counter({word: count for word, count in words.items() if word not in some})
