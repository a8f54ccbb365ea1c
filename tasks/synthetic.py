"""Synthetic editions: what a family's generator offers, and the record by which a task names it.

A family draws items with their truth; everything else (splits, identity, the imperfect pool) is the same
for all families and lives in ``tasks.mini``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Item:
    """One generated question with its truth."""

    columns: Mapping[str, Any]
    """The row in the published columns, without answer columns."""
    answer: str
    """The right answer, bare, as ``TaskSpec.render`` takes it."""
    reasoning: str
    """A short worked solution: the values first, then the computation."""
    subset: str
    gold: Any
    """As ``TaskSpec.scorer`` reads it."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    decoys: tuple[str, ...] = ()
    """Plausible wrong answers, where a family prepares them with the item."""


class Generator(Protocol):
    """What a family's module (``mini.py``, ``*_mini.py``) defines; all are pure given ``rng``."""

    @property
    def SOURCE_NAMES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """Neutral names for the pool's sources; a seeded shuffle hands them out."""

    @property
    def CARD_TOPICS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """What a source's card may say it is a collection of."""

    def draw(self, rng: random.Random, index: int, /) -> Item:
        """A new item; the index cycles through kinds, so that they stay balanced."""

    def with_answer(self, item: Item, answer: str, reasoning: str, /) -> dict[str, Any]:
        """The full published row."""

    def wrong(self, rng: random.Random, item: Item, /) -> str:
        """A plausible wrong answer."""

    def off_format_answer(self, rng: random.Random, item: Item, /) -> str:
        """The right answer as people elsewhere would write it."""

    def corrupted_rationale(self, rng: random.Random, item: Item, /) -> tuple[str, str] | None:
        """``(answer, reasoning)`` with an error in the steps; None when the item has no such steps."""

    def edit(self, rng: random.Random, columns: Mapping[str, Any], /) -> dict[str, Any]:
        """The columns lightly edited: the same question to a reader, other characters."""


@dataclass(frozen=True)
class SyntheticEdition:
    """A generator with what it shares with its task: the id, the prompt and the form of an answer."""

    generator: Generator
    task_id: str
    prompt: Callable[[Mapping[str, Any]], str | None]
    """``TaskSpec.build_prompt``."""
    render: Callable[[str, str], str]
    """``TaskSpec.render``."""
    unscored_subsets: tuple[str, ...] = ()
    """Published subsets whose truth cannot be computed here: none of them is drawn."""
    validation_rows: int = 300
    test_rows: int = 500

    def prompt_of(self, item: Item) -> str:
        """The prompt of an item; raises ValueError when its columns are incomplete."""
        prompt = self.prompt(item.columns)
        if prompt is None:
            raise ValueError(f"{self.task_id}: incomplete columns {sorted(item.columns)}")
        return prompt
