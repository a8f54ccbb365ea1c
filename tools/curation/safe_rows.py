"""What may be shown of a source: rows, and lines of its card, that hold no validation or test item.

A pool may hold copies of the sealed test. They never enter a training set, and they must not
be read either: whoever sees a test item can teach it. The decontaminator knows items by signatures, so
what it does not cover (``tools.contamination.check``) is not covered here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from tasks.base import Row, TaskSpec
from tasks.columns import paths, pluck
from tools.contamination.check import Decontaminator
from tools.curation.operations import Raw, to_example

LOOKED_AT = 60
"""Rows that are drawn, per row wanted, before a source counts as having nothing to show."""
CARD_CHARACTERS = 4000
"""Of a card, the part that is looked at and may be shown."""
LONGEST_QUOTE = 4
"""Sentences of a card that are held against the items together."""
_MARKS = re.compile(
    r"^(?:[\s>*\-+#|`]|\d+[.)]\s|(?:question|answer|prompt|example|input|q|a)\s*\d*\s*[:.)]\s)+", re.I
)
_SENTENCE = re.compile(r"(?<=[.?!。？！])\s*")


def row_texts(row: Row) -> dict[str, str]:
    """The text of every path of a row; empty ones are left out."""
    found = {path: pluck(row, path) for path in paths(row)}
    return {path: text for path, text in found.items() if text}


def holds_item(row: Row, columns: Mapping[str, str], spec: TaskSpec, decontaminator: Decontaminator) -> bool:
    """Whether a raw row holds a guarded item: in one column, in all together, or as the task would read it.

    Args:
        columns: what the row's prompt and answer would be mapped from; may be empty.
    """
    texts = list(row_texts(row).values())
    whole = "\n".join(texts)
    if any(decontaminator.check(text, text) for text in (*texts, whole)):
        return True
    built = spec.build_prompt(row)
    if built is not None and decontaminator.check(built):
        return True
    example = to_example(Raw("", 0, row), columns, spec) if {"prompt", "answer"} <= columns.keys() else None
    return example is not None and decontaminator.check(example.prompt, example.answer) is not None


def shown_rows(
    rows: Sequence[Row],
    count: int,
    columns: Mapping[str, str],
    spec: TaskSpec,
    decontaminator: Decontaminator,
    seed: int = 0,
) -> Iterator[tuple[int, Row]]:
    """At most ``count`` (position, row), a seeded choice in the old order, none with a guarded item."""
    generator = random.Random(seed)
    order = generator.sample(range(len(rows)), min(len(rows), count))
    known = set(order)
    spare = generator.sample(range(len(rows)), min(len(rows), count * LOOKED_AT))
    drawn = [*sorted(order), *(position for position in spare if position not in known)]
    found: list[int] = []
    for position in drawn:
        if len(found) == count:
            break
        if not holds_item(rows[position], columns, spec, decontaminator):
            found.append(position)
    yield from ((position, rows[position]) for position in sorted(found))


def card_text(card: str, decontaminator: Decontaminator) -> str:
    """The beginning of a data card, without the paragraphs and lines that quote a guarded item."""
    paragraphs = re.split(r"\n\s*\n", card.strip()[:CARD_CHARACTERS])
    kept = []
    for paragraph in paragraphs:
        if not _quotes(paragraph.replace("\n", " "), decontaminator):
            lines = [line for line in paragraph.split("\n") if not _quotes(line, decontaminator)]
            kept += ["\n".join(lines)] if lines else []
    return "\n\n".join(kept)


def _quotes(text: str, decontaminator: Decontaminator) -> bool:
    """Whether some sentences of a text, next to each other, are a guarded item."""
    parts = [part for part in _SENTENCE.split(_MARKS.sub("", text)) if part.strip()]
    stretches = (
        parts[start : start + length]
        for start in range(len(parts))
        for length in range(1, min(LONGEST_QUOTE, len(parts) - start) + 1)
    )
    texts = (text, *(" ".join(stretch) for stretch in stretches))
    return any(decontaminator.check(_bare(each), _bare(each)) for each in texts)


def _bare(text: str) -> str:
    return _MARKS.sub("", text).strip(" \t|*`\"'“”‘’")
