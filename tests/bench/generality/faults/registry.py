"""What a fault is: rows in, rows out, and which of their columns it may touch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.generality.kinds.definition import Kind, Row

Touches = Literal["answer", "prompt", "both", "rows"]
"""``rows``: rows are left out, added or repeated, and those that stay are as they were."""


@dataclass(frozen=True)
class Scene:
    """What a fault may draw on."""

    kind: Kind
    rng: random.Random
    validation: Sequence[Row] = ()
    """The task's validation rows, for a source that leaks them."""
    foreign: Sequence[Row] = ()
    """Rows of another task, in this one's columns."""

    @property
    def answer(self) -> str:
        """The column with the answer."""
        return self.kind.answer

    @property
    def text(self) -> str:
        """The column that the prompt reads."""
        return self.kind.text


Change = Callable[[Sequence[Row], Scene], list[Row]]


@dataclass(frozen=True)
class Fault:
    """One way in which a source of training rows goes wrong."""

    name: str
    change: Change
    touches: Touches
    fits: Callable[[Kind], bool]
    """Whether it means anything for a kind of task."""
    by_right_answers: bool = False
    """Whether it chooses rows by their right answers, and so comes before whatever changes these."""

    @property
    def says(self) -> str:
        """What it does, in a line."""
        return (self.change.__doc__ or "").strip().splitlines()[0]


FAULTS: dict[str, Fault] = {}


def fault(
    touches: Touches, fits: Callable[[Kind], bool] = lambda kind: True, by_right_answers: bool = False
) -> Callable[[Change], Change]:
    """Enter a function into ``FAULTS`` under its own name."""

    def enter(change: Change) -> Change:
        name = change.__name__
        FAULTS[name] = Fault(name, change, touches, fits, by_right_answers)
        return change

    return enter


def has(rewrite: str) -> Callable[[Kind], bool]:
    """Fits kinds that know this rewrite of an answer."""
    return lambda kind: getattr(kind, rewrite) is not None


def with_answer(row: Row, scene: Scene, text: str) -> Row:
    """The row with another answer."""
    return row | {scene.answer: text}


def with_text(row: Row, scene: Scene, text: str) -> Row:
    """The row with another text in the prompt's column."""
    return row | {scene.text: text}
