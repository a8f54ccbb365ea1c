"""Baselines without a model: the commonest right answer given to every item, and answers drawn by chance.

A score says little without them: where 95 of 100 answers are "no", a model that always says "no" scores 95.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.answers.equality import answer_text
from tasks.base import Sample, TaskSpec
from tasks.splits import answer_of, seeded
from tools.evaluation.score_answers import score_answers

FEW_LABELS = 10
"""Different answers in validation up to which a task that is no user's own gets baselines as well."""
DRAWS = 5
"""Random draws that chance is the mean of; one where each answer has to be run."""
NEARLY_ALL = 0.9
"""Share of replies from which a champion is said to give one answer."""
SHOWN = 60


@dataclass(frozen=True)
class Baselines:
    """Scores on one split, in the metric's unit."""

    answer: str
    """The commonest right answer of validation."""
    majority: float
    """What it scores when every item gets it."""
    chance: float
    """What a label drawn evenly scores; where the answers are open, the right answer of another item."""

    def text(self) -> str:
        """One sentence."""
        alone = f"the commonest answer alone ({self.answer!r}) would score {self.majority:.1f}"
        return f"On the sealed test {alone}, and chance {self.chance:.1f}."

    def facts(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {"majority": {"answer": self.answer, "score": self.majority}, "chance": self.chance}


def baselines(spec: TaskSpec, validation: Sequence[Sample], samples: Sequence[Sample]) -> Baselines | None:
    """The baselines on ``samples``; None for a benchmark with many different answers.

    Args:
        spec: its scorer, its aggregate and the form of its answers.
        validation: where the commonest answer is counted: what is read off the test would be no baseline.
        samples: the items that are scored.

    Raises:
        InputError: the answers are code, and no sandbox works here.
    """
    golds = [answer_of(sample) for sample in validation]
    if not golds or not samples:
        return None
    if spec.domain != "custom" and len({answer_text(gold) for gold in golds}) > FEW_LABELS:
        return None
    commonest = commonest_of(golds)
    majority = _scored(spec, samples, [commonest] * len(samples))
    return Baselines(" ".join(commonest.split())[:SHOWN], majority, _chance(spec, golds, samples))


def commonest_of(texts: Sequence[str]) -> str:
    """The commonest of some answers, in the spelling that comes first; the first of equally common ones."""
    counts = Counter(map(answer_text, texts))
    most = max(counts.values())
    return next(text for text in texts if counts[answer_text(text)] == most)


def _chance(spec: TaskSpec, golds: Sequence[str], samples: Sequence[Sample]) -> float:
    pool = list(spec.labels) or list(golds)
    random = seeded("chance", spec.id)
    draws = 1 if spec.script is not None else DRAWS
    scores = [_scored(spec, samples, random.choices(pool, k=len(samples))) for _ in range(draws)]
    return sum(scores) / len(scores)


def _scored(spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str]) -> float:
    replies = [spec.render(answer, "") for answer in answers]
    return spec.aggregate(samples, score_answers(spec, samples, replies)).value


def one_answer(items: Sequence[Mapping[str, Any]], samples: Sequence[Sample]) -> dict[str, Any] | None:
    """``{"answer", "share"}`` where nearly all replies say the same and the right answers do not; else None.

    Args:
        items: the scored replies, with ``parsed``, what each was understood to say.
        samples: their items, in the same order.
    """
    said = [str(item["parsed"]) for item in items if item.get("parsed") is not None]
    if len({answer_text(answer_of(sample)) for sample in samples}) < 2 or not said:
        return None
    answer = commonest_of(said)
    share = sum(answer_text(text) == answer_text(answer) for text in said) / len(items)
    return {"answer": " ".join(answer.split())[:SHOWN], "share": share} if share >= NEARLY_ALL else None
