"""Lengths of answers in tokens, held against what an answer may take when the model is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

SAMPLE = 400
"""Answers that are counted at most, evenly over the rows."""


def answer_lengths(answers: Sequence[str], count_tokens: Callable[[str], int], most: int) -> str:
    """One line: the middle, the 95th percentile, the longest, and how many are longer than an answer may be.

    Args:
        answers: of training rows, steps included.
        count_tokens: tokens of a text, by the base model's tokenizer.
        most: tokens that an answer may take when the task is asked.

    Returns:
        Empty where there are no answers.
    """
    if not answers:
        return ""
    some = answers[:: -(-len(answers) // SAMPLE)]
    lengths = sorted(count_tokens(text) for text in some)
    over = sum(length > most for length in lengths)
    high = lengths[min(len(lengths) - 1, int(0.95 * len(lengths)))]
    fits = (
        f"all fit into the {most} that an answer may take"
        if not over
        else f"{over / len(lengths):.0%} are LONGER than the {most} that an answer may take: "
        "a model that learns them is cut before its answer"
    )
    spread = (
        f"{median(lengths):.0f} tokens in the middle, {high} at the 95th percentile, {lengths[-1]} at most"
    )
    return f"answers: {spread}; {fits}"
