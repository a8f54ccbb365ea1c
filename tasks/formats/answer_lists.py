"""Answers that are lists: several right answers, of which any counts, or one answer of several parts."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.values import answers_of, is_missing, is_scalar, opened, text_of

NEARLY_ALL = 0.9
NUMBERED = 0.75
"""Share of the lists that are numbered without a gap from which all are taken for steps: writers slip."""
_NUMBERED = re.compile(r"\s*(?:step\s*)?(\d{1,3}(?:\.\d{1,3}){0,4})\s*[.):、 ]", re.IGNORECASE)
_PARTS = frozenset(
    {"steps", "tags", "labels", "entities", "keywords", "sequence", "order", "list", "items", "categories",
     "topics", "intents", "tokens", "path", "plan"}
)  # fmt: skip
"""Words in the name of a column whose list is one answer."""
_LISTING = frozenset({"tags", "labels", "keywords", "categories", "topics", "genres", "intents"})
"""Words in the name of a column that lists the labels of a text."""


_TAGS = re.compile(r"(?:<[^<>\s]{1,40}>)+")
"""Labels in a row as a question-and-answer site exports them: ``<python><pandas>``."""


def one_answer_lists(rows: Sequence[Row], names: Sequence[str]) -> frozenset[str]:
    """The columns among ``names`` whose lists are one answer each; of the others, any entry is right.

    One answer are: numbered steps, the entries of another column in some order, keys of another column's
    object, labels that come again in other company, and lists whose column is named so.
    """
    return frozenset(name for name in names if _is_one(name, rows))


def are_label_lists(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column, named so, lists the labels of each row: as a list, or as ``<one><other>``."""
    if not columns.words(name) & _LISTING:
        return False
    filled = [row[name] for row in rows if not is_missing(row.get(name))]
    lists = [found for value in filled if (found := _entries(value)) is not None]
    return bool(lists) and len(lists) == len(filled) and _are_labels(lists)


def are_marked_spans(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column lists what is marked in a text: objects, each with the label of a passage."""
    lists = [opened(row[name]) for row in rows if not is_missing(row.get(name))]
    marked = [part for found in lists if isinstance(found, list) for part in found]
    return bool(marked) and all(isinstance(found, list) for found in lists) and all(map(_is_marked, marked))


def _is_marked(part: Any) -> bool:
    return isinstance(part, Mapping) and "label" in part and bool({"text", "start"} & {*part})


def _is_one(name: str, rows: Sequence[Row]) -> bool:
    held = [(row, found) for row in rows if (found := _entries(row.get(name))) is not None]
    several = [(row, found) for row, found in held if len(found) > 1]
    if not several:
        return False
    if columns.words(name) & _PARTS or _share((_are_numbered(found) for _, found in several), NUMBERED):
        return True
    return (
        _share(_is_reordered(row, name, found) for row, found in several)
        or _share(_are_keys(row, name, found) for row, found in held)
        or _are_labels([found for _, found in held])
    )


def _entries(value: Any, *, text_too: bool = False) -> list[str] | None:
    inside = opened(value) if text_too else value
    if isinstance(inside, str) and _TAGS.fullmatch(inside.strip()):
        inside = re.findall(r"<([^<>]+)>", inside)
    if not isinstance(inside, list) or not all(is_scalar(part) or part is None for part in inside):
        return None
    return [text_of(part) for part in inside if not is_missing(part)]


def _share(passes: Iterable[bool], least: float = NEARLY_ALL) -> bool:
    found = list(passes)
    return bool(found) and sum(found) >= least * len(found)


def _are_numbered(entries: Sequence[str]) -> bool:
    """Whether entries are numbered upwards from the first, ``1.``, ``1.1.``, ``2.``."""
    found = [_NUMBERED.match(entry) for entry in entries]
    numbers = [tuple(map(int, number[1].split("."))) for number in found if number]
    upwards = all(one < other for one, other in itertools.pairwise(numbers))
    return len(numbers) == len(entries) and upwards and numbers[0][0] in (0, 1)


def _is_reordered(row: Row, name: str, entries: Sequence[str]) -> bool:
    """Whether another column lists the very same entries."""
    others = (_entries(value, text_too=True) for other, value in row.items() if other != name)
    return any(other is not None and sorted(other) == sorted(entries) for other in others)


def _are_keys(row: Row, name: str, entries: Sequence[str]) -> bool:
    """Whether the entries choose among the keys of another column's object."""
    for other, value in row.items():
        inside = opened(value) if other != name else None
        if isinstance(inside, Mapping) and len(inside) > 1 and {*entries} <= {str(key) for key in inside}:
            return True
    return False


def _are_labels(lists: Sequence[Sequence[str]]) -> bool:
    """Whether entries come from a short list and stand in changing company, as the labels of a text do."""
    counts = Counter(entry for entries in lists for entry in set(entries))
    company: dict[str, set[frozenset[str]]] = {}
    for entries in lists:
        for entry in entries:
            company.setdefault(entry, set()).add(frozenset(entries))
    again = [entry for entry in counts if len(company[entry]) > 1]
    return len(counts) <= max(2, counts.total() // 4) and len(again) > len(counts) / 2


def answers(value: Any, *, one: bool) -> tuple[str, ...]:
    """The right answers in a value; ``one`` where its list is a single answer.

    Numbered entries become lines, others JSON.
    """
    if not one:
        return answers_of(value)
    entries = _entries(value)
    if not entries:
        return answers_of(value)
    numbered = all(map(_NUMBERED.match, entries))
    whole = entries if isinstance(value, str) else value
    return ("\n".join(entries) if numbered else text_of(whole),)
