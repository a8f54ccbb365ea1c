r"""Released evaluator of AIME: math-verify over the whole output, every box merged.

The released cascade asks a language model about the answers that this rule refuses;
that second opinion is not re-created here, so on outputs without a box the printed
numbers may be higher. Known defects, kept: two different boxes are never right, not
even with the right one last; a box inside ``<think>`` counts like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.base import Metrics, Sample, ScriptResult

_COSTLY = re.compile(r"\^\s{0,9}\{{0,9}[^{}^$]{0,40}\^|\^\s{0,9}\{?\s{0,9}\d{3}|[\d})]\s{0,9}!")
"""Towers of powers, large exponents and factorials: a computer algebra system would work them out."""
MAX_DEPTH = 50
READ_CHARACTERS = 40_000
"""More than the released answer budget of 8,192 tokens can hold of ordinary text."""


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``accuracy`` of the rule, in percent."""
    right = [_right(answer, str(sample.gold)) for sample, answer in zip(samples, answers, strict=True)]
    return {"accuracy": 100 * sum(right) / max(1, len(right))}


def _right(answer: str, gold: str) -> bool:
    answer = answer[-READ_CHARACTERS:]
    if _COSTLY.search(answer) or _deepest(answer) > MAX_DEPTH:
        return False
    import logging

    from latex2sympy2_extended import NormalizationConfig
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    # No timeouts: they work in the main thread alone, and what is read is bounded above. The library
    # says so at every call.
    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)
    merged = NormalizationConfig(
        nits=False, malformed_operators=False, basic_latex=True, boxed="all", units=True
    )
    reading = LatexExtractionConfig(normalization_config=merged, boxed_match_priority=0)
    said = parse(answer, [reading], extraction_mode="first_match", parsing_timeout=None)
    meant = parse(f"${gold}$", [LatexExtractionConfig(), ExprExtractionConfig()], parsing_timeout=None)
    return bool(verify(meant, said, timeout_seconds=None))


def _deepest(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(character, 0)
        deepest = max(deepest, depth)
    return deepest
