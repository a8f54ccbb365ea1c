"""Parsing of the released chemistry evaluators: thinking, fences, JSON.

Known defects, kept: only closed ``<think>`` pairs go; the first fence pair counts, so
that nested fences leave an empty text; a JSON error of another kind than a syntax
error is not caught and ends the whole subset.
"""

from __future__ import annotations

import json
from typing import Any

from tasks.base import SubsetLost

READ_CHARACTERS = 40_000
"""More than the released answer budget of 1,024 tokens can hold."""


def without_pairs(text: str) -> str:
    """The text without closed ``<think>`` pairs, the shortest first."""
    parts: list[str] = []
    while True:
        before, opening, rest = text.partition("<think>")
        _, closing, after = rest.partition("</think>")
        if not opening or not closing:
            return "".join([*parts, text])
        parts.append(before)
        text = after


def unfenced(text: str) -> str:
    """What stands in the first fence pair, else the text."""
    for fence in ("```json", "```"):
        _, opening, rest = text.partition(fence)
        if opening:
            inside, closing, _ = rest.partition("```")
            return inside.strip() if closing else text
    return text


def cleaned(answer: str) -> str:
    """The text that is searched for an answer."""
    return unfenced(without_pairs(answer[:READ_CHARACTERS].strip()))


def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a cleaned text is; None when it is no JSON, or JSON of another type.

    Raises SubsetLost for a number of more than 4,300 digits and for nesting that is too deep.
    """
    try:
        value = json.loads(text.replace("\n    ", "").replace("\n", ""))
    except json.JSONDecodeError:
        return None
    except (ValueError, RecursionError) as error:
        raise SubsetLost(type(error).__name__) from error
    return value if isinstance(value, dict) else None


def as_rdkit_reads(text: str) -> str:
    """The part of a text that RDKit takes for SMILES: what follows a space is a name to it."""
    return next(iter(text.split()), "")
