"""Multiple choice: the choices of a row, the letter of the right one, and the question as it is asked."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.columns import named
from tasks.formats.conversation import Unreadable
from tasks.formats.values import is_missing, is_scalar, opened, text_of

_SPREAD = (
    ("A", "B", "C", "D"), ("A", "B", "C"), ("A", "B"), ("option_a", "option_b", "option_c", "option_d"),
    ("opa", "opb", "opc", "opd"), ("option1", "option2", "option3", "option4"), ("option1", "option2"),
    ("choice1", "choice2"), ("sol1", "sol2"), ("answerA", "answerB", "answerC"),
)  # fmt: skip


def columns_of(row: Row, question: str) -> tuple[str, ...]:
    """(question, key, choices...) of a multiple-choice row, else (). One column of choices or several."""
    if not question:
        return ()
    held = named(row, columns.CHOICES, (question,))
    if held and not _listed(row[held])[0]:
        held = ""
    spread = next((found for found in _SPREAD if all(named(row, (name,)) for name in found)), ())
    if not held and not spread:
        return ()
    used = (held,) if held else tuple(named(row, (name,)) for name in spread)
    key = named(row, columns.KEY, (question, *used))
    return (question, key, *used) if key else ()


def _listed(value: Any) -> tuple[list[str], list[str]]:
    """(texts, letters as written) of a column of choices."""
    inside = opened(value)
    if isinstance(inside, Mapping):
        texts, letters = inside.get("text"), inside.get("label")
        if isinstance(texts, list) and isinstance(letters, list) and len(texts) == len(letters):
            return [text_of(text) for text in texts], [text_of(letter) for letter in letters]
        if (
            inside
            and all(is_scalar(part) for part in inside.values())
            and all(len(str(k)) == 1 for k in inside)
        ):
            return [text_of(part) for part in inside.values()], [str(key) for key in inside]
        return [], []
    if isinstance(inside, list) and all(isinstance(part, Mapping) and "text" in part for part in inside):
        return [text_of(part["text"]) for part in inside], [text_of(part.get("label", "")) for part in inside]
    if isinstance(inside, list) and all(is_scalar(part) for part in inside):
        return [text_of(part) for part in inside], []
    return [], []


def texts_of(row: Row, used: Sequence[str]) -> tuple[list[str], list[str]]:
    """(texts of the choices, their letters as the row writes them or [])."""
    if len(used) == 3:
        return _listed(row[used[2]])
    texts = [text_of(row[name]) for name in used[2:]]
    while texts and not texts[-1].strip():
        texts.pop()  # tables with a column a choice leave the last ones empty
    return texts, []


def ask(row: Row, used: Sequence[str], *, one_based: bool) -> tuple[str, str]:
    """(the question with its choices as ``A. ...`` lines, the letter of the right one)."""
    texts, written = texts_of(row, used)
    if len(texts) < 2 or len(texts) > 26 or not all(text.strip() for text in texts):
        raise Unreadable("the choices are empty or fewer than two")
    question = text_of(row[used[0]])
    if not question.strip():
        raise Unreadable("the prompt is empty")
    letters = string.ascii_uppercase[: len(texts)]
    place = _place(row[used[1]], texts, written, one_based)
    lines = [f"{letter}. {text}" for letter, text in zip(letters, texts, strict=True)]
    return "\n".join([question, *lines]), letters[place]


def _place(key: Any, texts: Sequence[str], written: Sequence[str], one_based: bool) -> int:
    """Index of the right choice: by the row's own letters, by its text, by its letter, by its number."""
    said = text_of(key).strip()
    if is_missing(key):
        raise Unreadable("the answer is empty")
    for known in (list(written), [text.strip() for text in texts]):
        if known.count(said) == 1:
            return known.index(said)
    bare = said.strip("().: ").upper()
    if len(bare) == 1 and bare in string.ascii_uppercase[: len(texts)]:
        return string.ascii_uppercase.index(bare)
    number = int(said) - one_based if said.isdecimal() and len(said) < 4 else -1
    if 0 <= number < len(texts):
        return number
    raise Unreadable("the key names none of the choices", said[:40])


def counts_from_one(rows: Sequence[Row], used: Sequence[str]) -> bool:
    """Whether integer keys count from one: one of them is the number of its row's choices, none is 0."""
    numbers = [
        (int(said), len(texts_of(row, used)[0]))
        for row in rows
        if all(name in row for name in used)
        and (said := text_of(row[used[1]]).strip()).isdecimal()
        and len(said) < 4
    ]
    return any(number == count for number, count in numbers) and all(number for number, _ in numbers)
