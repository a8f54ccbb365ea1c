"""Sets as answers: the labels of a text or the entities in it, in any order, by the F1 of their entries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.answers.equality import answer_text
from tasks.answers.extract import without_thinking
from tasks.custom.metrics.reader import AnswerReader, Said, marks, render_marked
from tasks.formats.values import opened, text_of

SEPARATOR = re.compile(r"\s*[,;|\n、，；]\s*")
MOST_ENTRIES = 500
_FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


def entries(text: str) -> tuple[str, ...]:
    """The entries of a list: of a JSON array, else parted by commas, semicolons, bars or lines.

    Each entry once, in the order of the text, without what says nothing about it (case, quotes). Entries that
    are objects are JSON text with sorted keys.
    """
    inside = opened(text.strip())
    parts = inside if isinstance(inside, list) else SEPARATOR.split(text.strip())
    found = (_entry(part) for part in parts[:MOST_ENTRIES])
    return tuple(dict.fromkeys(entry for entry in found if entry))


def _entry(part: Any) -> str:
    if isinstance(part, Mapping):
        held = {str(key): answer_text(text_of(value)) for key, value in part.items()}
        return json.dumps(held, ensure_ascii=False, sort_keys=True)
    return answer_text(text_of(part).strip().removeprefix("- "))


def set_reader() -> AnswerReader:
    """``set_f1``: twice the shared entries over all entries of both lists; their order does not matter.

    ``[]`` is a list as well: that a text holds no entity is right where it holds none.
    """
    return AnswerReader(
        "a list of entries as the right answers write it, after worked steps as a line `Answer: ...`",
        _said,
        lambda text: text.strip() if entries(text) or _is_empty(text) else None,
        lambda said, gold: _f1(set(said.value), set(entries(gold))),
        render_marked,
        alike=lambda one, other: {*entries(one)} == {*entries(other)},
    )


def _said(text: str) -> Said | None:
    text = without_thinking(text)
    array = _last_array(text)
    found = entries(array if array is not None else next(marks(text), text))
    if not found and array is not None:
        return Said("[]", ())
    return Said(", ".join(sorted(found)), found) if found else None


def _is_empty(text: str) -> bool:
    inside = opened(text.strip())
    return isinstance(inside, list) and not inside


def _last_array(text: str) -> str | None:
    """The last line, or fenced block, of a reply that is a JSON array."""
    blocks = [*_FENCED.findall(text), text, *text.split("\n"), *marks(text)]
    return next((block for block in reversed(blocks) if isinstance(opened(block.strip()), list)), None)


def _f1(said: set[str], gold: set[str]) -> float:
    return 2 * len(said & gold) / (len(said) + len(gold)) if said or gold else 1.0
