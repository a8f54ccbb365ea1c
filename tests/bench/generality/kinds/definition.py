"""The kind of a task: its settings, its rows, and other answers that its owner might once have written."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Row = dict[str, str]
Rewrite = Callable[[Row], str]
"""A row with its right answer -> the answer as somebody else would have written it."""


@dataclass(frozen=True)
class Kind:
    """A task as one module describes it. The rewrites are what faults of its sources are made of."""

    name: str
    asks: str
    """What sort of task it is, in a word or two."""
    toml: str
    """``task.toml`` as a user would write it."""
    draw: Callable[[random.Random], Row]
    """One row with its right answer."""
    text: str
    """The column that the prompt reads, or the longest of them."""
    answer: str
    labels: tuple[str, ...] = ()
    """Every answer there is, where the list is closed."""
    has_numbers: bool = False
    """Whether every answer holds a number that means an amount."""
    has_letters: bool = True
    """Whether every answer holds letters of either case."""
    other_unit: Rewrite | None = None
    """The same amount in another unit."""
    reordered: Rewrite | None = None
    """The answer's fields in another order."""
    other_format: Rewrite | None = None
    """The same content, written in another format."""
    translated: Rewrite | None = None
    """The answer in another language."""
    stale: Rewrite | None = None
    """The answer by an older version of the scheme; more than other names for the same."""
    other_value: Rewrite | None = None
    """Another value of the prompt, where a wrong column was taken."""
    validation_items: int = 300
    test_items: int = 500
