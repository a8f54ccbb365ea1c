"""Rows that are a label with a list of its texts, as tools for chatbots keep intents.

``{"intent": "greet", "examples": ["hi", "hello"]}``, the same as a block of ``- hi`` lines (Rasa),
and ``{"greet": ["hi", "hello"], "bye": ["see you"]}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.formats import columns
from tasks.formats.values import text_of

TEXTS = ("examples", "patterns", "utterances", "phrases", "training_phrases", "samples")
NAMES = ("intent", "tag", "label", "category", "class", "topic", "name")
MOST_LABELS = 2_000
_LEAST_EACH = 2
"""Texts of a label, on average."""
_LEAST_TEXTS = 40
"""Texts of all labels together; fewer may be the lists of one row."""
_LINE = re.compile(r"[-*] +(\S.*)")
_MARKED = re.compile(r"\[([^\[\]]+)\](?:\([^()\s]*\)|\{[^{}]*\})")
"""A marked entity: ``[Oslo](city)``, ``[Oslo]{"entity": "city"}``."""


def listed(rows: Sequence[Any]) -> tuple[str, str] | None:
    """(column of the label, column of its texts) of such rows; None for any others.

    A label stands in one row alone, and nothing else asks: rows of a chat, or with worked examples, differ.
    """
    held = [row for row in rows if isinstance(row, Mapping)][:MOST_LABELS]
    found = [names for row in held if (names := names_of(row))]
    if len(found) < 2 or len({*found}) > 1 or 2 * len(found) < len(held):
        return None
    label, texts = found[0]
    lists = [texts_of(row[texts]) for row in held if names_of(row)]
    labels = [text_of(row[label]) for row in held if names_of(row)]
    if len({*labels}) < len(labels) or sum(map(len, lists)) < _LEAST_EACH * len(lists):
        return None
    return label, texts


def texts_by_label(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """``{"greet": ["hi", "hello"], "bye": ["see you"]}`` as rows of ``text`` and ``label``; None for others.

    Lists of one length are columns as likely.
    """
    lists = list(value.values())
    if len(lists) < 2 or not all(isinstance(part, list) and part for part in lists):
        return None
    if columns.named(value, (*columns.PROMPT, *columns.ANSWER, *columns.TEXT, *columns.LABEL)):
        return None
    plain = all(isinstance(text, str) and text.strip() for part in lists for text in part)
    lengths = [len(part) for part in lists]
    if not plain or len({*lengths}) == 1 or sum(lengths) < _LEAST_TEXTS:
        return None
    return [{"text": text, "label": name} for name, part in value.items() for text in part]


def names_of(row: Any) -> tuple[str, str] | None:
    """(column of the label, column of its texts) of one row; None where it has not both."""
    if not isinstance(row, Mapping):
        return None
    texts = columns.named(row, TEXTS)
    label = columns.named(row, NAMES, (texts,)) if texts else ""
    asks = columns.named(row, (*columns.PROMPT, *columns.TEXT), (texts, label))
    if not label or asks or not isinstance(row[label], str) or not row[label].strip():
        return None
    return (label, texts) if texts_of(row[texts]) else None


def texts_of(value: Any) -> list[str]:
    """The texts of a list, or of a block of lines that begin with ``-``; none of anything else."""
    if isinstance(value, str):
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        found = [line[1] for line in map(_LINE.fullmatch, lines) if line]
        return [_MARKED.sub(r"\1", text).strip() for text in found] if len(found) == len(lines) else []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        return []
    return [text.strip() for text in value if text.strip()]
