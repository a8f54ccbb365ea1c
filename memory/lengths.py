"""Lengths record: how long rows and answers may be in a run, and what was measured."""

from __future__ import annotations

from pydantic import Field

from memory.recipe import Record


class Lengths(Record):
    """How long rows and answers may be in a run, in the base model's tokens, and what was measured."""

    max_length: int = Field(gt=0)
    """Of a training row, prompt and answer in the chat template."""
    max_new_tokens: int = Field(gt=0)
    """Of an answer."""
    template_tokens: int = 0
    """What the chat template adds to a row."""
    limited_by: str = "rows"
    """What keeps rows out, where some are longer: ``positions``, ``memory``, ``setting``, ``edition``."""
    rows: int = 0
    """Training rows that were measured."""
    long_rows: int = 0
    """Of those, rows that are set aside."""
    longest_row: int = 0
    items: int = 0
    """Validation items."""
    unanswerable: int = 0
    """Of those, items whose prompt leaves no room for an answer."""
    long_references: int = 0
    """Of those, items whose reference is longer than an answer may be."""
