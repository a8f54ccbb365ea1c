"""Released evaluator of FinanceIQ: the last capital letter of the whole output, in any alphabet.

Known defects, kept: a closing English word or ``GDP`` decides; a full-width letter or a
Roman numeral is a capital that equals none of A to D; a lower-case letter is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.base import Metrics, Sample, ScriptResult


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``accuracy`` in percent."""
    right = [last_capital(answer) == sample.gold for sample, answer in zip(samples, answers, strict=True)]
    return {"accuracy": 100 * sum(right) / max(1, len(right))}


def last_capital(text: str) -> str:
    """The last upper-case character; empty when there is none."""
    return next((character for character in reversed(text) if character.isupper()), "")
