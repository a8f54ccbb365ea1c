"""Kinds of questions among the validation items, so that errors can be told by kind.

A source may name the kind of each row in a column, such as ``qsubtype``; an item then has the kind of the row
that it resembles most. A column counts only if rows can be told apart so: their own kinds have to be found
again that way. Without one, prompts that resemble each other make a kind, named by the words that mark it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from tasks.base import Row, Sample
from tasks.columns import pluck
from tools.curation.domain import vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

ROWS = 400
"""Of a source that are looked at, evenly over it."""
FEWEST, MOST = 2, 16
"""Different values that name kinds."""
VALUE_CHARACTERS = 60
FOUND_AGAIN = 0.8
"""Of the rows, the share whose kind the most similar other row tells, and as much again over guessing."""
OVER_GUESSING = 0.5
"""Of what guessing the commonest kind leaves open, the share that resemblance has to explain."""
CLUSTERS = 6
ENDS = (0, 200)
"""Characters of a prompt's end that are compared; 0 for all of it. A question may stand after a table."""
WORDS = 3


@dataclass(frozen=True)
class QuestionKinds:
    """The kind of each item, by item id, and where the kinds come from."""

    of_item: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    named: bool = False
    """Whether a source names them; else they were made of the prompts' words."""


def question_kinds(
    samples: Sequence[Sample],
    rows: Mapping[str, Sequence[Row]],
    columns: Mapping[str, Mapping[str, str]],
    build_prompt: Callable[[Row], str | None],
) -> QuestionKinds:
    """The kinds of the items; found once for the same items and sources.

    Args:
        samples: validation items.
        rows: raw rows by source.
        columns: by source, which column is the prompt, the answer and so on; these name no kinds.
        build_prompt: the task's own prompt of a row, where the prompt's column is ``*``.
    """
    labelled = tuple(
        each
        for source, raw in rows.items()
        for each in _labelled(source, raw, columns.get(source, {}), build_prompt)
    )
    return _kinds(tuple((sample.id, sample.prompt) for sample in samples), labelled)


Labelled = tuple[str, tuple[tuple[str, str], ...]]
"""Where kinds are named, and (prompt, kind) of some rows."""


def _labelled(
    source: str, raw: Sequence[Row], columns: Mapping[str, str], build_prompt: Callable[[Row], str | None]
) -> list[Labelled]:
    """Every column that may name kinds, with the rows' prompts."""
    some = raw[:: max(1, math.ceil(len(raw) / ROWS))]
    prompt = columns.get("prompt", "")
    if not some or not prompt:
        return []
    named = [column for column in some[0] if column not in columns.values() and _names(some, column)]
    texts = [build_prompt(row) if prompt == "*" else pluck(row, prompt) for row in some] if named else []
    return [
        (
            f"as column {column} of {source} names them",
            tuple((text, str(row[column])) for row, text in zip(some, texts, strict=True) if text),
        )
        for column in named
    ]


def _names(rows: Sequence[Row], column: str) -> bool:
    """Whether a column holds a few short texts and nothing else."""
    values = [row.get(column) for row in rows]
    short = {value for value in values if isinstance(value, str) and 0 < len(value) <= VALUE_CHARACTERS}
    return FEWEST <= len(short) <= MOST and all(isinstance(value, str) and value in short for value in values)


@lru_cache(maxsize=4)
def _kinds(items: tuple[tuple[str, str], ...], labelled: tuple[Labelled, ...]) -> QuestionKinds:
    best: tuple[float, str, dict[str, str]] = (0.0, "", {})
    for origin, pairs in labelled:
        for end in ENDS:
            certain, of_item = _by_resemblance(items, pairs, end)
            if certain > best[0]:
                best = (certain, origin, of_item)
    if best[2]:
        return QuestionKinds(best[2], best[1], named=True)
    return QuestionKinds(_clusters(items), "by the words that mark similar prompts")


def _by_resemblance(
    items: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]], end: int
) -> tuple[float, dict[str, str]]:
    """How surely resemblance tells the kind (0.0: not at all), and the kind of each item by it."""
    import numpy as np

    kinds = [kind for _, kind in pairs]
    if not kinds:
        return 0.0, {}
    known = vectors([_end(prompt, end) for prompt, _ in pairs])
    similar = known @ known.T
    # A row that repeats another one finds itself, which tells nothing about items that are new.
    similar[similar > 0.999] = -1.0
    again = sum(kinds[near] == kind for near, kind in zip(similar.argmax(axis=1), kinds, strict=True)) / len(
        kinds
    )
    guessed = max(Counter(kinds).values()) / len(kinds)
    if again < max(FOUND_AGAIN, guessed + OVER_GUESSING * (1 - guessed)):
        return 0.0, {}
    nearest = np.argmax(vectors([_end(prompt, end) for _, prompt in items]) @ known.T, axis=1)
    return again - guessed, {id: kinds[int(near)] for (id, _), near in zip(items, nearest, strict=True)}


def _clusters(items: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Items by the group of similar prompts that they fall in; empty where there are too few."""
    import numpy as np

    texts = [_end(prompt, ENDS[-1]) for _, prompt in items]
    looks = vectors(texts).astype("float64")
    if len(np.unique(looks, axis=0)) < 2 * CLUSTERS:
        return {}
    from scipy.cluster.vq import kmeans2

    _, groups = kmeans2(looks, CLUSTERS, minit="++", seed=0, missing="warn")
    names = {group: _marked_by(texts, groups == group) for group in set(groups.tolist())}
    return {id: names[int(group)] for (id, _), group in zip(items, groups, strict=True)}


def _marked_by(texts: Sequence[str], inside: Sequence[bool]) -> str:
    """The words that are commonest in a group against the rest."""
    members = sum(map(bool, inside))
    here: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for text, mine in zip(texts, inside, strict=True):
        (here if mine else there).update(set(re.findall(r"[^\W\d_]{3,}", text.casefold())))
    rest = max(len(texts) - members, 1)
    lift = {word: count / members - there[word] / rest for word, count in here.items()}
    marks = sorted(lift, key=lambda word: (-lift[word], word))[:WORDS]
    return f"prompts with {', '.join(marks)}" if marks else "other prompts"


def _end(prompt: str, characters: int) -> str:
    return prompt[-characters:] if characters else prompt
