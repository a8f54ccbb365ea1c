"""Strict readings of BioProBench answers, beside our own: what the answer marks say, to the letter.

The released evaluators of these four tasks were not measured, so nothing here claims their numbers: kept are
the answer marks, the metrics by their usual definitions, and the names below. No credit is given for an
answer without both marks, which counts as wrong (``failed`` is the share of such answers).

* PQA ``accuracy``; ERR ``accuracy``, ``precision``, ``recall``, ``f1`` (of True), in percent;
* ORD ``exact_match`` in percent and ``kendall_tau`` (-1 to 1, over readable orders; None without one);
* GEN ``rouge_l``, the F of ROUGE-L, in percent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import combinations

from tasks.answers.rouge import rouge_l
from tasks.base import Metrics, Sample, ScriptResult

_MARKED = re.compile(r"\[ANSWER_START\]((?:(?!\[ANSWER_START\]).){0,40000}?)\[ANSWER_END\]", re.DOTALL)
_WINDOW = 100_000
_LONGEST = 40_000
Results = Sequence[ScriptResult | None]


def between_marks(answer: str) -> str | None:
    """The text of the first closed pair of marks behind the last ``</think>``."""
    text = answer[-_WINDOW:].rpartition("</think>")[2]
    found = _MARKED.search(text)
    return found.group(1).strip() if found else None


def pqa(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """The option's own text between the marks."""
    said = [between_marks(answer) for answer in answers]
    right = sum(text == sample.gold for text, sample in zip(said, samples, strict=True))
    return {"accuracy": _percent(right, len(said)), "failed": _failed(said)}


def err(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """True or False, in any case, between the marks."""
    said = [(between_marks(answer) or "").capitalize() for answer in answers]
    known = [text if text in ("True", "False") else None for text in said]
    pairs = list(zip(known, (sample.gold for sample in samples), strict=True))
    hit = sum(text == gold == "True" for text, gold in pairs)
    precision = _percent(hit, sum(text == "True" for text, _ in pairs))
    recall = _percent(hit, sum(gold == "True" for _, gold in pairs))
    both = precision + recall
    return {
        "accuracy": _percent(sum(text == gold for text, gold in pairs), len(pairs)),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / both if both else 0.0,
        "failed": _failed(known),
    }


def order(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """A JSON list of every step's number between the marks."""
    said = [
        _permutation(between_marks(answer), len(sample.meta["steps"]))
        for answer, sample in zip(answers, samples, strict=True)
    ]
    gold = [json.loads(sample.gold) for sample in samples]
    taus = [_tau(found, right) for found, right in zip(said, gold, strict=True) if found is not None]
    return {
        "exact_match": _percent(
            sum(found == right for found, right in zip(said, gold, strict=True)), len(said)
        ),
        "kendall_tau": sum(taus) / len(taus) if taus else None,
        "failed": _failed(said),
    }


def gen(subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Results) -> Metrics:
    """ROUGE-L between the marked text and the reference."""
    said = [between_marks(answer) for answer in answers]
    values = [
        rouge_l(text, str(sample.gold), _LONGEST) if text else 0.0
        for text, sample in zip(said, samples, strict=True)
    ]
    return {"rouge_l": 100 * sum(values) / max(1, len(values)), "failed": _failed(said)}


def _permutation(text: str | None, count: int) -> list[int] | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(type(place) is int for place in found):
        return None
    return found if sorted(found) == list(range(count)) else None


def _tau(said: Sequence[int], gold: Sequence[int]) -> float:
    """Kendall's tau of two orders of the same steps, 1.0 when they are equal."""
    rank = {place: number for number, place in enumerate(said)}
    pairs = [rank[first] < rank[second] for first, second in combinations(gold, 2)]
    return (2 * sum(pairs) - len(pairs)) / len(pairs) if pairs else 1.0


def _failed(said: Sequence[object]) -> float:
    return _percent(sum(found is None for found in said), len(said))


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
