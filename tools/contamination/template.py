"""Template of a corpus: the runs of words that many of its texts share, which say nothing about any one.

An instruction, a worked format or a signature may be ten times as long as the question beside it. Measured
against the whole text, every question then differs from every other by a trifle. Here the words under a
shared run are found wherever they stand, so several templates may be mixed, and the difference of two texts
is measured against what is left of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tools.contamination.signature import FUNCTION_WORDS, Signature

RUN = 5
"""Words in a row (characters of Chinese) that are a run; a stock phrase is shorter."""
FEWEST = 5
"""Texts that must share a run."""
SHARE = 0.05
"""And the share of all texts, so that a question with several edited copies is no template."""
EDGE = 0.5
"""Where a run has less than this share of an overlapping run's texts, one of its words is the question's."""
DOMINANT = 0.5
"""Share of a text's words from which its template outweighs the rest."""
SHORT = 5
"""Words beside the template; with so few, a function word (``on``, ``off``) is the question."""

EXCHANGED = 0.17
"""Share of an item's own words that an edited copy may have exchanged: one in six."""


class Template:
    """What the texts of a corpus share.

    Args:
        signatures: of the corpus; a text that stands in it twice counts once.
    """

    def __init__(self, signatures: Iterable[Signature]) -> None:
        distinct = {signature.normal: signature for signature in signatures}.values()
        seen = Counter(run for signature in distinct for run in signature.ngrams(RUN))
        least = max(FEWEST, SHARE * len(distinct))
        self._runs = {run: count for run, count in seen.items() if count >= least}
        words = Counter(word for signature in distinct for word in signature.vocabulary)
        self._used = frozenset(word for word, count in words.items() if count > 1)
        self._known: dict[int, tuple[int, ...]] = {}

    def own(self, text: Signature) -> tuple[int, ...]:
        """The words of ``text`` under no shared run, in order."""
        if not self._runs:
            return text.words
        if text.normal not in self._known:
            self._known[text.normal] = tuple(self._own(text.words))
        return self._known[text.normal]

    def outweighs(self, text: Signature) -> bool:
        """Whether more of ``text`` is template than not."""
        return bool(self._runs) and len(self.own(text)) <= (1.0 - DOMINANT) * len(text.words)

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
        lost, gained = own - second.counts, others - first.counts
        size = max(own.total(), others.total())
        if size > SHORT:
            lost, gained = _content(lost), _content(gained)
        changed = min(lost.total(), gained.total())
        if not changed and not (lost or gained):
            # Stock phrases of the corpus, one in the place of the other.
            changed = min(
                _content(first.counts - second.counts).total(), _content(second.counts - first.counts).total()
            )
        if changed > forgiven * size or max(lost.total(), gained.total()) > max(2, size // 3):
            return True
        # A word that no other text has is an editor's; one of the corpus asks for something else.
        used = max(sum(n for word, n in some.items() if word in self._used) for some in (lost, gained))
        return used > (max(1, size // 3) if size > SHORT else 0)

    def _own(self, words: Sequence[int]) -> Iterable[int]:
        counts = [
            self._runs.get(hash(words[place : place + RUN]), 0) for place in range(len(words) - RUN + 1)
        ]
        covered = 0
        for place, word in enumerate(words):
            around = counts[max(0, place - RUN + 1) : place + RUN]
            if place < len(counts) and counts[place] and counts[place] >= EDGE * max(around):
                covered = place + RUN
            if place >= covered:
                yield word


def _content(words: Counter[int]) -> Counter[int]:
    return Counter({word: count for word, count in words.items() if word not in FUNCTION_WORDS})
