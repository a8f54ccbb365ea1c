"""What a family hands over so that its mini edition can be built, and the building of it.

A family draws items with their truth; everything else (splits, identity, the
imperfect pool) is the same for all families and lives here and in ``tasks.mini.pool``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.base import DEFAULT_OPTIONS, Edition, LoadOptions, Row, Sample, TaskData
from tasks.splits import content_id, draw_unique, seeded


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


@dataclass(frozen=True)
class SyntheticEdition:
    """The parts of a family's mini edition; all functions are pure given their generator."""

    task_id: str
    source_names: tuple[str, ...]
    """Neutral names for the pool's sources; a seeded shuffle hands them out."""
    draw: Callable[[random.Random, int], Item]
    """``draw(rng, index)``: the index cycles through kinds, so that they stay balanced."""
    prompt: Callable[[Row], str | None]
    render: Callable[[str, str], str]
    with_answer: Callable[[Item, str, str], dict[str, Any]]
    """``with_answer(item, answer, reasoning)``: the full published row."""
    wrong: Callable[[random.Random, Item], str]
    """A plausible wrong answer."""
    off_format_answer: Callable[[random.Random, Item], str]
    """The right answer as people elsewhere would write it."""
    corrupted_rationale: Callable[[random.Random, Item], tuple[str, str] | None]
    """``(answer, reasoning)`` with an error in the steps; None when the item has no such steps."""
    edit: Callable[[random.Random, Mapping[str, Any]], dict[str, Any]]
    """The columns lightly edited: the same question to a reader, other characters."""
    card_topics: tuple[str, ...] = ("questions and answers",)
    """What a source's card may say it is a collection of."""
    unscored_subsets: tuple[str, ...] = ()
    """Published subsets whose truth cannot be computed here: the mini edition draws none of them."""
    validation_rows: int = 300
    test_rows: int = 500

    def prompt_of(self, item: Item) -> str:
        """The prompt of an item; raises ValueError when its columns are incomplete."""
        prompt = self.prompt(item.columns)
        if prompt is None:
            raise ValueError(f"{self.task_id}: incomplete columns {sorted(item.columns)}")
        return prompt


def to_sample(miniature: SyntheticEdition, item: Item) -> Sample:
    """An evaluation item, with an id that depends on its content alone."""
    prompt = miniature.prompt_of(item)
    return Sample(content_id(prompt), item.subset, prompt, item.gold, dict(item.meta))


def load(
    miniature: SyntheticEdition, edition: Edition, seed: int, options: LoadOptions = DEFAULT_OPTIONS
) -> TaskData:
    """Build everything from the seed: the sealed test first, then validation, then the pool.

    The official edition is read from files by ``tasks.official.load``. Raises InputError where it cannot.
    """
    if edition != "mini":
        from tasks.official import load as official

        return official.load(miniature.task_id, edition, seed, options)
    from tasks.mini.pool import build_pool

    splits = draw_splits(miniature, seed)
    sources = build_pool(miniature, seed, splits)
    sealed = tuple(to_sample(miniature, item) for item in splits.test)
    return TaskData(tuple(to_sample(miniature, item) for item in splits.validation), sources, lambda: sealed)


@dataclass(frozen=True)
class Splits:
    """The items of both splits and the fingerprints of their prompts."""

    validation: list[Item]
    test: list[Item]
    marks: frozenset[str]


def draw_splits(miniature: SyntheticEdition, seed: int) -> Splits:
    """Disjoint, de-duplicated validation and test items."""
    marks: set[str] = set()
    drawn = {
        name: draw_unique(
            miniature.draw, miniature.prompt_of, seeded(miniature.task_id, seed, name), count, marks
        )
        for name, count in (("test", miniature.test_rows), ("validation", miniature.validation_rows))
    }
    return Splits(drawn["validation"], drawn["test"], frozenset(marks))
