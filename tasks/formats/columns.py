"""Columns by the names that public data sets give them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.base import Row

PROMPT = ("prompt", "question", "instruction", "query", "problem", "input", "user", "human", "source", "src")
ANSWER = (
    "completion", "answer", "final_answer", "answers", "output", "response", "target", "reply", "assistant",
    "gold", "label", "result", "tgt",
)  # fmt: skip
REASONING = ("reasoning", "rationale", "solution", "explanation", "cot", "chain_of_thought", "thought",
             "reasoning_content")  # fmt: skip
CONTEXT = ("context", "passage", "paragraph", "document", "article", "story")
SYSTEM = ("system", "system_prompt", "system_message")
TEXT = ("text", "sentence", "content", "document", "review", "comment", "tweet", "utterance", "body")
LABEL = ("label", "labels", "category", "class", "intent", "sentiment", "topic", "gold_label")
TOOLS = ("tools", "functions")
CHATS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "prompt")
CHOICES = ("choices", "options", "endings", "mc_answers")
KEY = (
    "answerKey",
    "answer_key",
    "answer_idx",
    "correct_answer",
    "correct",
    "answer",
    "label",
    "gold",
    "target",
)
PAIRS = (
    ("chosen", "rejected"), ("chosen_response", "rejected_response"), ("preferred", "dispreferred"),
    ("preferred", "rejected"), ("chosen", "reject"), ("preferred_output", "non_preferred_output"),
)  # fmt: skip


@functools.lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A column's name in one spelling: ``answerKey``, ``Answer Key`` and ``answer-key`` are one."""
    return re.sub(r"[\s\-_.]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).casefold().strip("_")


def named(row: Row | Iterable[str], names: Sequence[str], taken: Sequence[str] = ()) -> str:
    """The column whose name ranks first among ``names``; "" when there is none. ``taken`` are passed over."""
    return _named(tuple(name for name in row if isinstance(name, str)), tuple(names), tuple(taken))


@functools.lru_cache(maxsize=4096)
def _named(held: tuple[str, ...], names: tuple[str, ...], taken: tuple[str, ...]) -> str:
    """Cached, as the rows of a table share their columns: spelling them anew takes a millisecond a row."""
    spelt: dict[str, str] = {}
    for name in held:
        if name not in taken:
            spelt.setdefault(plain(name), name)
    return next((spelt[plain(name)] for name in names if plain(name) in spelt), "")


def value(row: Row, names: Sequence[str], taken: Sequence[str] = ()) -> Any:
    """The value of the first such column; None when there is none."""
    return row.get(named(row, names, taken))
