"""Values of a row: which of them say nothing, what a text of them is, what a path reaches."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from tasks.base import Row
from tasks.formats.python_literals import python_literal

UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of scripts that put no space between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
ABSENT = object()
"""What ``reach`` returns where a path leads nowhere; None means that it leads to an empty value."""
_PLACE = re.compile(r"-?\d{1,9}")
"""A step into a list; no list has more places, and Python reads no number of 4,300 digits."""
_MOST_JSON = 16_000_000
_PYTHON = re.compile(r"[\[{]\s*(?:['\"\[{(]|array\(|\])")
"""How a list or an object of texts begins in Python; ``[INST] ... [/INST]`` and ``[0 1]`` do not."""


class WrittenFloat(float):
    """A number that remembers how it was written: ``str`` of 1.10 is "1.10", of 5.9e-05 is "5.9e-05"."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        number = super().__new__(cls, written)
        number.written = written
        return number

    def __str__(self) -> str:
        return self.written

    def __format__(self, spec: str) -> str:
        return self.written if not spec else float(self).__format__(spec)

    def __reduce__(self) -> tuple[type[WrittenFloat], tuple[str]]:
        return WrittenFloat, (self.written,)


def parse_json(text: str) -> Any:
    """JSON whose numbers keep their written form. Raises ValueError or RecursionError."""
    return _DECODER.decode(text)


_DECODER = json.JSONDecoder(parse_float=WrittenFloat)


def opened(value: Any) -> Any:
    """``value``, or what it holds where it is an object or a list kept as text, as JSON or Python has it."""
    if not isinstance(value, str) or not 2 <= len(value) < _MOST_JSON:
        return value
    bare = value.strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]"):
        return value
    try:
        return parse_json(bare)
    except (ValueError, RecursionError):
        pass
    if not _PYTHON.match(bare):
        return value
    try:
        return python_literal(bare)
    except ValueError:
        return value


def is_missing(value: Any) -> bool:
    """None, NaN, blank text, and lists and objects with nothing in them."""
    if value is None or value is ABSENT:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, Sequence | Mapping) and not value


def is_scalar(value: Any) -> bool:
    """Text, a number, a truth value, or a moment in time: what stands in one cell of a table."""
    return isinstance(value, str | int | float | date | time) or type(value).__name__ == "Decimal"


def text_of(value: Any) -> str:
    """The text of a value as a person would write it; a container becomes JSON, a missing one "".

    Text is returned as it is. ``true`` and ``false`` keep JSON's spelling.
    """
    if is_missing(value):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return value.written if isinstance(value, WrittenFloat) else repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if is_scalar(value):
        return _integer(value)
    return _json(value)


def _integer(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # more than 4,300 digits
        return ""


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=text_of)
    except (ValueError, RecursionError, TypeError):
        return ""


def reach(row: Row, path: str) -> Any:
    """The value at ``path`` (``answer``, ``answer.code``, ``messages.0.content``), or ABSENT.

    A column whose name contains a dot is found before the dot is read as a step.
    """
    if path in row:
        return row[path]
    value: Any = row
    for step in path.split("."):
        value = opened(value)
        if isinstance(value, Mapping):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and _PLACE.fullmatch(step):
            index = int(step)
            value = value[index] if -len(value) <= index < len(value) else ABSENT
        else:
            return ABSENT
    return value


def answers_of(value: Any) -> tuple[str, ...]:
    """The right answers in a value: one, several of a list, or the texts of reading comprehension's spans.

    A text that reads like a list, ``[1, 2]``, is one answer: programs and extractions answer so.
    """
    inside = opened(value)
    if isinstance(value, str) and not isinstance(inside, Mapping):
        return (value,) if value.strip() else ()
    if isinstance(inside, Mapping) and isinstance(inside.get("text"), str | list):
        inside = inside["text"]
    if isinstance(inside, list) and all(is_scalar(part) or part is None for part in inside):
        found = [text_of(part) for part in inside if not is_missing(part)]
        return tuple(dict.fromkeys(found))
    if isinstance(inside, list) and all(isinstance(part, Mapping) and _is_span(part) for part in inside):
        found = [text_of(part["text"]) for part in inside if not is_missing(part["text"])]
        return tuple(dict.fromkeys(found))
    text = text_of(value)
    return (text,) if text.strip() else ()


def _is_span(part: Mapping[str, Any]) -> bool:
    """Whether an object is a text with its offsets, and says nothing else of it (no ``label``)."""
    return "text" in part and all(
        name == "text" or other is None or isinstance(other, int) for name, other in part.items()
    )


def word_count(text: str) -> float:
    """Words of a text; of a script that does not part them, two letters count as one."""
    unspaced = len(UNSPACED.findall(text))
    return len(UNSPACED.sub(" ", text).split()) + unspaced / 2


def is_number(cell: str) -> bool:
    """Whether a cell is a number as programs write it."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
