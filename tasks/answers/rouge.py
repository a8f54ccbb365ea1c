"""ROUGE-L of two texts: the share of words that they have in common, in order."""

from __future__ import annotations

from tasks.splits import fingerprint


def rouge_l(said: str, gold: str, longest: int) -> float:
    """F of ROUGE-L, 0.0 to 1.0, over lower-case words and numbers; equal texts of any length give 1.0.

    Tokens and F are those of the ``rouge-score`` package. The longest common subsequence is that of
    ``rapidfuzz``: the package's own takes the product of the lengths in interpreted steps, and loading its
    scorer takes seconds.

    Args:
        said: the answer.
        gold: the reference; against one without a word everything scores 0.0.
        longest: characters of either text that are read.
    """
    from rapidfuzz.distance import LCSseq
    from rouge_score.scoring import fmeasure
    from rouge_score.tokenize import tokenize

    said, gold = said[:longest], gold[:longest]
    if gold and fingerprint(said) == fingerprint(gold):
        return 1.0
    words, right = tokenize(said, None), tokenize(gold, None)
    if not words or not right:
        return 0.0
    shared = LCSseq.similarity(words, right)
    return float(fmeasure(shared / len(words), shared / len(right)))
