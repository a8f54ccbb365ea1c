"""Released evaluators of TableBench but for visualization: exact match, first number, ROUGE-L.

All read what follows the FIRST ``Final Answer:`` of the raw output, up to the end of its line, or the
whole output where there is none. Known defects, kept:

* an echoed instruction, a value inside ``<think>`` or a first, corrected answer decides; a full-width
  colon is not seen;
* exact match turns all punctuation into spaces: signs, percent and currency signs are lost, ``12,5`` is
  ``12.5``, but ``1,234.5`` is not ``1234.5``;
* the subsets with a tolerance compare the first number alone; where either side has none, the texts, so
  that a closing ``**`` makes a right word wrong;
* ROUGE-L is that of the ``rouge`` package 1.0.1: over distinct words, at most 99.9999995, and 0 where its
  recursion goes too deep, as on an identical text of 1,000 words or more without a full stop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tasks.base import Metrics, Sample, ScriptResult

READ_CHARACTERS = 40_000
"""More than the released answer budget of 4,096 tokens can hold of ordinary text."""
RECURSION_STEPS = 940
"""Python stops at 1,000 nested calls; the rest is the evaluator's own stack."""
TOLERANCE = 0.10
ACCEPTABLE = 50
"""``correct_count`` of the ROUGE subset counts the answers above this, in percent."""

_FIRST = re.compile(r"Final Answer:\s*(.+?)(?:\n|$)", re.IGNORECASE | re.DOTALL)
_PUNCTUATION = re.compile(r"[^\w\s]")
_NUMBER = re.compile(r"-?\d+\.?\d*")


def exact_match(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``exact_match`` and ``accuracy`` (the same, in percent) and ``correct_count``.

    Fact checking, numerical reasoning and the subset of impact analysis.
    """
    share, count = _share(_words_agree, samples, answers)
    return {"exact_match": share, "accuracy": share, "correct_count": count}


def within_ten_percent(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``accuracy`` and ``EM_with_error_10`` (the same, in percent) and ``correct_count``."""
    share, count = _share(_first_numbers_agree, samples, answers)
    return {"accuracy": share, "EM_with_error_10": share, "correct_count": count}


def rouge(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``ROUGE-L`` and ``accuracy`` (the same mean, in percent) and ``correct_count``."""
    scores = [
        100 * rouge_l(stated(answer).lower() or "empty", str(sample.gold).strip().lower() or "empty")
        for sample, answer in zip(samples, answers, strict=True)
    ]
    mean = sum(scores) / max(1, len(scores))
    return {"ROUGE-L": mean, "accuracy": mean, "correct_count": float(sum(s > ACCEPTABLE for s in scores))}


def _share(
    agree: Callable[[str, str], bool], samples: Sequence[Sample], answers: Sequence[str]
) -> tuple[float, float]:
    """(percent, count) of the items on which both sides, read in the same way, agree."""
    count = sum(
        agree(stated(answer), stated(str(sample.gold)))
        for sample, answer in zip(samples, answers, strict=True)
    )
    return 100 * count / max(1, len(answers)), float(count)


def stated(text: str) -> str:
    """What the first ``Final Answer:`` states; the whole text where there is none."""
    match = _FIRST.search(text[:READ_CHARACTERS])
    return (match.group(1) if match else text[:READ_CHARACTERS]).strip()


def _words_agree(said: str, gold: str) -> bool:
    return _words(said) == _words(gold)


def _words(text: str) -> list[str]:
    return _PUNCTUATION.sub(" ", text.lower()).split()


def _first_numbers_agree(said: str, gold: str) -> bool:
    number, right = _first_number(said), _first_number(gold)
    if number is None or right is None:
        return said.lower() == gold.lower()
    if right == 0:
        return abs(number) < 1e-6
    return abs(number - right) / abs(right) <= TOLERANCE


def _first_number(text: str) -> float | None:
    found = _NUMBER.search(text.replace(",", "").replace("%", ""))
    return float(found.group()) if found else None


# -- ROUGE-L as the package ``rouge`` 1.0.1 has it ---------------------------------------------------


def rouge_l(said: str, gold: str) -> float:
    """F of the distinct words of ``gold`` that its longest common subsequences with ``said`` hold.

    0.0 to 0.999999995. Both texts are cut into sentences at every full stop; the subsequences of all
    pairs of sentences are united. 0.0 where the package fails: no words, or too deep a recursion.
    """
    said_sentences, gold_sentences = _sentences(said), _sentences(gold)
    if not said_sentences or not gold_sentences:
        return 0.0
    union: set[str] = set()
    for right in gold_sentences:
        for sentence in dict.fromkeys(said_sentences):
            common = _common(right.split(" "), sentence.split(" "))
            if common is None:
                return 0.0
            union.update(common)
    precision = len(union) / len({word for sentence in said_sentences for word in sentence.split(" ")})
    recall = len(union) / len({word for sentence in gold_sentences for word in sentence.split(" ")})
    return 2 * precision * recall / (precision + recall + 1e-8)


def _sentences(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split(".") if part]


def _common(gold: Sequence[str], said: Sequence[str]) -> set[str] | None:
    """The words of one longest common subsequence; None where following it takes too many steps."""
    lengths = [[0] * (len(said) + 1)]
    for word in gold:
        above, row = lengths[-1], [0]
        for place, other in enumerate(said):
            row.append(above[place] + 1 if word == other else max(above[place + 1], row[place]))
        lengths.append(row)
    i, j = len(gold), len(said)
    words: set[str] = set()
    for _ in range(RECURSION_STEPS):
        if i == 0 or j == 0:
            return words
        if gold[i - 1] == said[j - 1]:
            words.add(gold[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words if i == 0 or j == 0 else None
