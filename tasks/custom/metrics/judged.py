"""Answers that a language model judges: the whole reply counts, and what it is worth is decided elsewhere."""

from __future__ import annotations

from tasks.answers.extract import without_thinking
from tasks.custom.metrics.reader import AnswerReader, Said


def judged_reader() -> AnswerReader:
    """``judge``: the reply as it stands, its thinking left out."""

    def whole(text: str) -> str | None:
        return without_thinking(text).strip() or None

    def read(text: str) -> Said | None:
        found = whole(text)
        return None if found is None else Said(found, found)

    return AnswerReader(
        "the whole reply, as a person would read it",
        read,
        whole,
        lambda said, gold: 0.0,
        lambda answer, reasoning: f"{reasoning.strip()}\n{answer}" if reasoning.strip() else answer,
    )
