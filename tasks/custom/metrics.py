"""Five metrics that a task folder may choose from, each as a reader of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tasks.answers import extract as read
from tasks.answers.metrics import token_f1
from tasks.base import ItemScore
from tasks.splits import fingerprint

_MARKED = re.compile(r"(?i:answer|答案)[ \t*_]{0,6}[:：][ \t]*([^\n]{1,2000})")


@dataclass(frozen=True)
class AnswerReader:
    """How answers are written, read and compared under one metric."""

    answer_format: str
    read: Callable[[str], str | None]
    """The answer in a model's text; None when there is none."""
    gold: Callable[[str], str | None]
    """The answer in a reference or a training target of any style; None when there is none."""
    value: Callable[[str, str], float]
    """``value(said, gold)``: 0.0 to 1.0."""
    render: Callable[[str, str], str]

    def scorer(self, gold: str, answer: str) -> ItemScore:
        """The item_score on a model's text. Never raises."""
        said = self.read(answer)
        if said is None:
            return ItemScore(False, 0.0, None, "unparseable")
        value = self.value(said, gold)
        return ItemScore(
            value >= 1.0, value, said[:300], "" if value >= 1.0 else "partly_right" if value > 0 else "wrong"
        )


def reader_for(metric: str, *, field: str | None, letters: str, tolerance: float) -> AnswerReader:
    """The reader of a metric; raises KeyError for a metric that is not in the list of ``task.toml``."""
    key = field or "answer"
    choose = partial(read.choice_letter, letters=letters)
    return {
        "exact_match": AnswerReader(
            "the answer alone, or worked steps and then a line `Answer: ...`",
            _marked,
            _marked,
            _same,
            _render_marked,
        ),
        "token_f1": AnswerReader(
            "the answer alone, or worked steps and then a line `Answer: ...`",
            _marked,
            _marked,
            token_f1,
            _render_marked,
        ),
        "choice_letter": AnswerReader(
            f"one letter of {letters}, after worked steps as a line `Answer: X`",
            choose,
            choose,
            _equal,
            _render_marked,
        ),
        "number": AnswerReader(
            "a number, after worked steps as a line `Answer: N`",
            _number,
            _number,
            partial(_near, tolerance=tolerance),
            _render_marked,
        ),
        "json_field": AnswerReader(
            f'JSON {{"{key}": "..."}}, worked steps before it',
            partial(read.json_field, keys=(key,)),
            partial(_field_or_text, key),
            _same,
            partial(_render_json, key),
        ),
    }[metric]


def _marked(text: str) -> str | None:
    """What follows the last ``Answer:`` on its line, else the whole text."""
    text = read.without_thinking(text)
    found = [m.group(1).strip().strip("*_`").strip() for m in _MARKED.finditer(text)]
    found = [line for line in found if line]
    return (found[-1] if found else text.strip()) or None


def _number(text: str) -> str | None:
    """The number that is marked as the answer, else the last one."""
    text = read.without_thinking(text)
    for match in reversed(list(_MARKED.finditer(text))[-read.CANDIDATES :]):
        marked = read.canonical_number(match.group(1)) or read.last_number(match.group(1))
        if marked is not None:
            return marked
    return read.canonical_number(text) or read.last_number(text)


def _field_or_text(key: str, text: str) -> str | None:
    """A reference may be the JSON object or its bare value."""
    found = read.json_field(text, (key,))
    return found if found is not None else _marked(text)


def _same(said: str, gold: str) -> float:
    numbers = read.canonical_number(said), read.canonical_number(gold)
    if numbers[0] is not None and numbers[1] is not None:
        return _equal(*numbers)
    return (
        _equal(fingerprint(said), fingerprint(gold))
        if fingerprint(gold)
        else _equal(said.strip(), gold.strip())
    )


def _equal(said: str | None, gold: str | None) -> float:
    return float(said == gold)


def _near(said: str, gold: str, tolerance: float) -> float:
    # A relative hair on top, so that 0.3 is within 0.1 of 0.2 in binary arithmetic too.
    distance = abs(float(said) - float(gold))
    return float(said == gold or distance <= tolerance * (1 + 1e-9))


def _render_marked(answer: str, reasoning: str) -> str:
    return f"{reasoning.strip()}\nAnswer: {answer}" if reasoning.strip() else answer


def _render_json(key: str, answer: str, reasoning: str) -> str:
    head = f"{reasoning.strip()} " if reasoning.strip() else ""
    return head + json.dumps({key: answer}, ensure_ascii=False)
