"""Baselines without a model: the commonest right answer given to every item, and answers drawn by chance.

A score says little without them: where 95 of 100 answers are "no", a model that always says "no" scores 95.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memory.claim import chance_text, majority_text
from tasks.answers.equality import answer_text
from tasks.base import ItemScore, Sample, TaskSpec
from tasks.errors import ExperimentFailed
from tasks.splits import answer_of, seeded
from tools.evaluation.paired_test import compare
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
    """Scores on one split, in the metric's unit; None where there is no such level, and then why."""

    answer: str
    """The commonest right answer of validation."""
    majority: float | None
    """What it scores when every item gets it."""
    chance: float | None
    """What a label drawn evenly scores; where the answers are open, the right answer of another item."""
    undefined: Mapping[str, str] = field(default_factory=dict)
    """``majority`` and ``chance``: why there is none."""
    items: tuple[Mapping[str, Any], ...] = ()
    """The commonest answer as a reply to every item, scored: what a champion is tested against."""

    def text(self) -> str:
        """One sentence."""
        return f"On the sealed test {majority_text(self.facts())}, and chance {chance_text(self.facts())}."

    def facts(self) -> dict[str, Any]:
        """As the journal keeps it."""
        majority = {"answer": self.answer, "score": self.majority}
        return {"majority": majority, "chance": self.chance, "undefined": dict(self.undefined)}


def baselines(
    spec: TaskSpec, validation: Sequence[Sample], samples: Sequence[Sample], chance: float | str | None = None
) -> Baselines:
    """The baselines on ``samples``.

    Args:
        spec: its scorer, its aggregate and the form of its answers.
        validation: where the commonest answer is counted: what is read off the test would be no baseline.
        samples: the items that are scored.
        chance: what chance scores where that was measured before, or why there is no such level.

    Raises:
        InputError: the answers are code, and no sandbox works here.
    """
    golds = [answer_of(sample) for sample in validation]
    if not golds or not samples:
        return _none("there are no items")
    different = len({answer_text(gold) for gold in golds})
    if spec.domain != "custom" and different > FEW_LABELS:
        return _none(f"{different} different answers")
    if chance is None:
        chance = _chance(spec, golds, samples)
    level, why = (None, {"chance": chance}) if isinstance(chance, str) else (chance, {})
    commonest = commonest_of(golds)
    shown = " ".join(commonest.split())[:SHOWN]
    if spec.judge is not None and different == len(golds):  # it would be paid for, and say nothing
        return Baselines(shown, None, level, why | {"majority": "no right answer comes twice"})
    try:
        item_scores = _given(spec, samples, [commonest] * len(samples))
    except ExperimentFailed as failed:  # a judge's cap is used up
        return Baselines(shown, None, level, why | {"majority": failed.message})
    if not any(item_score.scored for item_score in item_scores):
        return _none("nothing could be scored")
    items = tuple(_item(*pair) for pair in zip(samples, item_scores, strict=True))
    return Baselines(shown, spec.aggregate(samples, item_scores).value, level, why, items)


def levels_of(
    spec: TaskSpec,
    validation: Sequence[Sample],
    samples: Sequence[Sample],
    items: Sequence[Mapping[str, Any]] | Literal[False],
    chance: float | str | None = None,
) -> tuple[str, dict[str, Any]]:
    """A sentence on the baselines, and all that the journal keeps of them.

    Args:
        spec: as for ``baselines``.
        validation: as for ``baselines``.
        samples: the items of the sealed test.
        items: the champion's scored replies, in the same order; False where the base model is the champion.
        chance: as for ``baselines``.

    Raises:
        InputError: the answers are code, and no sandbox works here.
    """
    found = baselines(spec, validation, samples, chance)
    facts: dict[str, Any] = found.facts()
    if items is not False:
        facts["one_answer"] = one_answer(items, samples)
        facts["commonest"] = commonest_reply(items)
        facts["against_majority"] = against_majority(found, items, "the champion", spec, samples)
    return found.text(), facts


def _none(why: str) -> Baselines:
    return Baselines("", None, None, {"majority": why, "chance": why})


def against_majority(
    found: Baselines, items: Sequence[Mapping[str, Any]], name: str, spec: TaskSpec, samples: Sequence[Sample]
) -> dict[str, float] | None:
    """The paired test of a model's scored replies against the commonest answer alone; None without one.

    Returns:
        ``delta``, ``low``, ``high`` in points (positive is better than that answer), and ``p_value``.
    """
    if found.majority is None:
        return None
    tested = compare(items, found.items, name, "the commonest answer", spec, samples)
    return {"delta": tested.delta, "low": tested.low, "high": tested.high, "p_value": tested.p_value}


def commonest_of(texts: Sequence[str]) -> str:
    """The commonest of some answers, in the spelling that comes first; the first of equally common ones."""
    counts = Counter(map(answer_text, texts))
    most = max(counts.values())
    return next(text for text in texts if counts[answer_text(text)] == most)


def _chance(spec: TaskSpec, golds: Sequence[str], samples: Sequence[Sample]) -> float:
    pool = list(spec.labels) or list(golds)
    random = seeded("chance", spec.id)
    draws = 1 if spec.script is not None else DRAWS
    scores = [
        spec.aggregate(samples, _given(spec, samples, random.choices(pool, k=len(samples)))).value
        for _ in range(draws)
    ]
    return sum(scores) / len(scores)


def _given(spec: TaskSpec, samples: Sequence[Sample], answers: Sequence[str]) -> list[ItemScore]:
    return score_answers(spec, samples, [spec.render(answer, "") for answer in answers])


def _item(sample: Sample, item_score: ItemScore) -> dict[str, Any]:
    """A prediction's line, as far as a paired test reads it."""
    return {
        "id": sample.id,
        "right": item_score.right,
        "value": item_score.value,
        "parsed": item_score.parsed,
        "error": item_score.error,
        "scored": item_score.scored,
    }


def one_answer(items: Sequence[Mapping[str, Any]], samples: Sequence[Sample]) -> dict[str, Any] | None:
    """``commonest_reply`` where it is nearly all replies and the right answers are not; else None."""
    if len({answer_text(answer_of(sample)) for sample in samples}) < 2:
        return None
    said = commonest_reply(items)
    return said if said is not None and said["share"] >= NEARLY_ALL else None


def commonest_reply(items: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """``{"answer", "share"}``: what a model says most often, to which share of the items; None for silence.

    Args:
        items: the scored replies, with ``parsed``, what each was understood to say.
    """
    said = [str(item["parsed"]) for item in items if item.get("parsed") is not None]
    if not said:
        return None
    answer = commonest_of(said)
    share = sum(answer_text(text) == answer_text(answer) for text in said) / len(items)
    return {"answer": " ".join(answer.split())[:SHOWN], "share": share}
