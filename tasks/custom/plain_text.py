"""Tables kept as ``.txt``: lines under a suffix that does not say what they are.

Tab-parted cells, JSON objects, labels before their texts (fastText), words with their tags (CoNLL).
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from tasks.custom.labelled_lines import begin_with_labels
from tasks.custom.tagged_words import are_tagged_words
from tasks.custom.text_files import open_text
from tasks.errors import InputError

SUFFIXES = (".txt", ".txt.gz", ".dat")
LABELLED, TAGGED = ".fasttext", ".conll"
"""Suffixes for lines that have none of their own."""
LEAST_LINES = 5
_LOOKED_AT = 60
NEARLY_ALL = 0.95


def table_suffix(path: Path) -> str:
    """The suffix that a file's lines deserve, such as ``.tsv`` or ``.jsonl``; "" where they are prose."""
    if not path.name.casefold().endswith(SUFFIXES):
        return ""
    try:
        with open_text(path) as file:
            head = list(islice(file, _LOOKED_AT))
    except (OSError, EOFError, InputError):
        return ""
    lines = [line for line in head if line.strip()]
    if len(lines) < LEAST_LINES:
        return ""
    if begin_with_labels(lines):
        return LABELLED
    if are_tagged_words(head):
        return TAGGED
    if all(map(_is_object, lines)):
        return ".jsonl"
    tabs = [line.count("\t") for line in lines]
    most = max(tabs, key=tabs.count)
    return ".tsv" if most and tabs.count(most) >= NEARLY_ALL * len(tabs) else ""


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
