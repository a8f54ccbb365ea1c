"""Texts as answers: equal ones, and metrics that give part of the mark for shared words or characters."""

from __future__ import annotations

from collections.abc import Callable

from tasks.answers.equality import same_answer
from tasks.answers.metrics import token_f1
from tasks.answers.rouge import rouge_l
from tasks.custom.metrics.reader import PLAIN_FORMAT, AnswerReader, Said, marked, render_marked, said_text
from tasks.splits import fingerprint

LONGEST = 20_000
"""Characters of a text that are compared."""


def exact_reader() -> AnswerReader:
    """``exact_match``: the same answer, as ``tasks.answers.equality`` has it."""
    return _reader(lambda said, gold: float(same_answer(said, gold)))


def overlap_reader(metric: str) -> AnswerReader:
    """``token_f1``, ``rouge_l`` or ``chrf``."""
    compare = {"token_f1": token_f1, "rouge_l": _rouge_l, "chrf": chrf}[metric]
    return _reader(compare, lambda one, other: fingerprint(one) == fingerprint(other))


def _reader(
    compare: Callable[[str, str], float], alike: Callable[[str, str], bool] = same_answer
) -> AnswerReader:
    return AnswerReader(
        PLAIN_FORMAT,
        said_text,
        marked,
        lambda said, gold: _compared(compare, said, gold),
        render_marked,
        alike=alike,
    )


def _compared(compare: Callable[[str, str], float], said: Said, gold: str) -> float:
    return 1.0 if same_answer(said.text, gold) else compare(said.text[:LONGEST], gold[:LONGEST])


def _rouge_l(said: str, gold: str) -> float:
    return rouge_l(said, gold, LONGEST)


def chrf(said: str, gold: str) -> float:
    """ChrF of two texts, 0.0 to 1.0 (Popović 2015: n-grams of up to 6 characters, beta 3, spaces left out);
    computed by nltk."""
    from nltk.translate.chrf_score import sentence_chrf

    said, gold = said.strip(), gold.strip()
    if not said or not gold:
        return float(said == gold)
    return float(sentence_chrf(gold, said, max_len=min(6, len("".join(gold.split())))))
