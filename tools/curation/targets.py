"""What a training target consists of: the answer, the worked part before it, the task's format."""

from __future__ import annotations

import json
import re
from typing import Any

from tasks.base import TaskSpec
from tasks.splits import fingerprint

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？；\n]")
_MINIMUM_WORKED = 6
"""Characters; less before an answer is no solution."""


def answer_key(spec: TaskSpec, target: str) -> str:
    """The answer inside a target in a form that can be compared; targets without one by their text."""
    answer = spec.extract(target)
    text = target if answer is None else answer
    return fingerprint(text) or text.strip()


def rationale_of(spec: TaskSpec, target: str) -> str:
    """The worked solution that a target holds before its answer; empty when there is none."""
    answer = spec.extract(target)
    if answer is None:
        return ""
    text = target.strip()
    bare = spec.render(answer, "").strip()
    if text.endswith(bare):
        lead = text[: -len(bare)]
    elif text.startswith("{"):
        lead = _longest_field(text, answer)
    else:
        lead = _sentences_before(text, answer)
    lead = lead.strip()
    return lead if len(lead) >= _MINIMUM_WORKED else ""


def in_format(spec: TaskSpec, target: str) -> bool:
    """Whether a target is written in the task's own format, as it stands.

    It ends as the task would end it, or is a JSON object with the task's keys.
    """
    answer = spec.extract(target)
    if answer is None:
        return False
    bare, text = spec.render(answer, "").strip(), target.strip()
    if text.endswith(bare):
        return True
    wanted, found = _fields(bare), _fields(text)
    return bool(wanted) and wanted.keys() <= found.keys()


def formatted(spec: TaskSpec, target: str) -> str:
    """The target in the task's own format, its worked part kept; unchanged where no answer is found."""
    answer = spec.extract(target)
    if answer is None or in_format(spec, target):
        return target
    return spec.render(answer, rationale_of(spec, target))


def _fields(text: str) -> dict[str, Any]:
    """A text that is one JSON object; empty for any other."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _longest_field(text: str, answer: str) -> str:
    texts = [value for value in _fields(text).values() if isinstance(value, str) and value != answer]
    return max(texts, key=len, default="")


def _sentences_before(text: str, answer: str) -> str:
    """Whole sentences before the last place where the answer stands."""
    place = text.rfind(answer)
    head = text[:place] if place >= 0 else text
    ends = [found.end() for found in _SENTENCE_END.finditer(head)]
    if place < 0 and ends and ends[-1] >= len(head):
        ends.pop()  # the answer is in the last sentence, in other words
    return head[: ends[-1]] if ends else ""
