"""Ranking of lessons: how similarity, metadata and effect come to one score."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TypeVar

from memory.experience.catalogue import Entry
from memory.experience.effect import LEAST_ERROR

SAME_TASK, SAME_DOMAIN, OTHER = 1.0, 0.6, 0.3
"""How much of a lesson's similarity counts, by where it was learned."""
SAME_FORM = 0.15
"""What the same kind of metric adds to that elsewhere, and the same kind of answer: with both, a task of
another domain is as near as one of the same domain."""
SURE_POINTS = 10.0
"""A sure effect of so many points weighs 0.82, of twice as many 0.93."""
UNTOLD_ERROR = 5.0
"""Points; of a lesson that does not say how sure its effect is."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Where:
    """Where a lesson was learned or a question is asked."""

    task: str | None = None
    domain: str | None = None
    metric: str = ""
    """Kind of the metric; empty where it is not known."""
    answer: str = ""
    """Kind of the answers; the same."""


def where_of(entry: Entry) -> Where:
    """Where a lesson was learned."""
    place = entry.place
    return Where(entry.task, entry.domain, place.metric if place else "", place.answer if place else "")


def score(similarity: _T, nearness: _T, effect: _T, trust: _T) -> _T:
    """The ranking of a lesson for a question: similarity x nearness x effect x trust, each from 0.0 to 1.0.

    Args:
        similarity: cosine of the lesson's text to the question, by the vectors that Chroma keeps.
        nearness: how much its task and domain, metric and kind of answers have to do with the question's
            (``nearness``).
        effect: how large an effect it shows for sure (``effect_weight``).
        trust: what confirmations and contradictions by later runs leave of it
            (``memory.experience.trust``).

    Works on numbers and, element by element, on arrays. A factor and no term: what is unlike, foreign or
    refuted cannot be made up for by the others.
    """
    return similarity * nearness * effect * trust  # type: ignore[operator, no-any-return]


def nearness(lesson: Where, question: Where) -> float:
    """How much of a lesson counts for a question: 1.0 on the same task, 0.3 to 0.6 elsewhere."""
    if lesson.task == question.task:
        return SAME_TASK
    if question.domain is not None and lesson.domain == question.domain:
        return SAME_DOMAIN
    alike = (lesson.metric == question.metric != "") + (lesson.answer == question.answer != "")
    return OTHER + SAME_FORM * alike


def effect_weight(entry: Entry) -> float:
    """0.5 for an effect that chance may explain, towards 1.0 the larger the part that is sure.

    A loss counts like a gain: what to avoid is worth knowing as well. It is bounded, for a lesson may say
    anything of itself.
    """
    sure = max(0.0, abs(entry.gain) - 1.96 * max(entry.effect_error or UNTOLD_ERROR, LEAST_ERROR))
    return 1.0 - 0.5 * exp(-sure / SURE_POINTS)
