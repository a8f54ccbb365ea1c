"""Multiple choice: the choices of a row, the letter of the right one, and the question as it is asked."""

from __future__ import annotations

import functools
import itertools
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.base import Row
from tasks.formats import columns
from tasks.formats.columns import named
from tasks.formats.conversation import Unreadable
from tasks.formats.values import is_missing, is_scalar, opened, text_of

CONTEXT = (*columns.CONTEXT, "premise")
ASKS = ("question", "query", "prompt", "problem", "ctx", "stem", "goal", "question_text", "sentence")
"""Names of the column that asks beside choices."""
_SPREAD = re.compile(
    r"(?P<kind>(?:option|choice|answer|ans|opt|op|sol|solution|ending|candidate)?)_?(?P<place>[a-h]|\d)"
)
"""The name of a column that holds one choice: ``A``, ``Option B``, ``opa``, ``choice1``, ``ending0``."""
_SEVERAL = ("", "answer", "ans")
"""``answer1`` and ``answer2`` are two right answers, not two choices."""
_FIRST = ("a", "0", "1")
_LETTERED = re.compile(r"(?:^|(?<=[\s,;|(\[]))\(?(?P<letter>[A-Ha-h])\s?[).:]\s*")
_SEPARATORS = ("\n", "|", ";")
_KEYED = re.compile(r"\(?(?P<letter>[A-Z])\)?[).:\s]\s*(?P<text>.+)", re.DOTALL)


def columns_of(row: Row, question: str) -> tuple[str, ...]:
    """(question, key, choices...) of a multiple-choice row, else (). One column of choices or several."""
    if not question:
        return ()
    held = named(row, columns.CHOICES, (question,))
    if held and not _listed(row[held])[0]:
        held = ""
    spread = () if held else spread_columns(tuple(name for name in row if isinstance(name, str)))
    if not held and not spread:
        return ()
    used = (held,) if held else spread
    key = named(row, columns.KEY, (question, *used))
    return (question, key, *used) if key else ()


@functools.lru_cache(maxsize=1024)
def spread_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that hold one choice each, from the first on without a gap; () for fewer than two."""
    places: dict[str, dict[str, str]] = {}
    for name in names:
        found = _SPREAD.fullmatch(columns.plain(name))
        if found and not (found["place"].isdigit() and found["kind"] in _SEVERAL):
            places.setdefault(found["kind"], {}).setdefault(found["place"], name)
    for kind, held in places.items():
        for first in _FIRST:
            run = list(itertools.takewhile(held.__contains__, map(chr, range(ord(first), ord(first) + 9))))
            # Two columns ``a`` and ``b`` may be numbers that are asked about.
            if len(run) > 2 or (len(run) == 2 and (kind or held[run[0]].isupper())):
                return tuple(held[place] for place in run)
    return ()


def _listed(value: Any) -> tuple[list[str], list[str]]:
    """(texts, letters as written) of a column of choices."""
    inside = opened(value)
    if isinstance(inside, str):
        return _told(inside), []
    if isinstance(inside, Mapping):
        texts, letters = inside.get("text"), inside.get("label")
        if isinstance(texts, list) and isinstance(letters, list) and len(texts) == len(letters):
            return [text_of(text) for text in texts], [text_of(letter) for letter in letters]
        if (
            inside
            and all(is_scalar(part) for part in inside.values())
            and all(len(str(k)) == 1 or _SPREAD.fullmatch(columns.plain(str(k))) for k in inside)
        ):
            return [text_of(part) for part in inside.values()], [str(key) for key in inside]
        return [], []
    if isinstance(inside, list) and all(isinstance(part, Mapping) and "text" in part for part in inside):
        return [text_of(part["text"]) for part in inside], [text_of(part.get("label", "")) for part in inside]
    if isinstance(inside, list) and all(is_scalar(part) for part in inside):
        return [text_of(part) for part in inside], []
    return [], []


def _told(text: str) -> list[str]:
    """The choices in one text: ``A) x B) y``, a line each, or parted by bars or semicolons."""
    if found := lettered(text):
        return found
    parts = next((text.split(mark) for mark in _SEPARATORS if mark in text.strip()), [])
    return [part.strip() for part in parts if part.strip()]


def lettered(text: str) -> list[str]:
    """The choices in a text under letters from A on, two or more; [] where it has none."""
    wanted, found = "a", list[re.Match[str]]()
    for mark in _LETTERED.finditer(text):
        if mark["letter"].casefold() == wanted:
            found.append(mark)
            wanted = chr(ord(wanted) + 1)
    if len(found) < 2:
        return []
    ends = [*(mark.start() for mark in found[1:]), len(text)]
    return [text[mark.end() : end].strip(" \t\r\n,;|") for mark, end in zip(found, ends, strict=True)]


def without_context(used: Sequence[str]) -> tuple[str, ...]:
    """The question, the key and the choices, without the passage that a reader put last."""
    return tuple(used[:-1] if context_of(used) else used)


def context_of(used: Sequence[str]) -> str:
    """The passage that is asked about, the last of the columns; "" where there is none."""
    return used[-1] if len(used) > 3 and columns.named(used[-1:], CONTEXT) else ""


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
    names = [columns.plain(name) for name in used[2:]] if len(used) > 3 else []
    keys = _keys(row[used[1]], texts)
    places = sorted({_place(key, texts, written, one_based, names) for key in keys} or {-1})
    if places[0] < 0:
        raise Unreadable("the answer is empty")
    if len(places) == 1:
        _refuse_contradiction(row, used, texts, places[0])
    lines = [f"{letter}. {text}" for letter, text in zip(letters, texts, strict=True)]
    return "\n".join([question, *lines]), ", ".join(letters[place] for place in places)


def _keys(value: Any, texts: Sequence[str]) -> list[Any]:
    """The keys in a cell: one, or several of a list or of letters one after another (``A, C`` and ``AC``)."""
    inside = opened(value)
    if isinstance(inside, list):
        return [key for key in inside if not is_missing(key)]
    said = text_of(value).strip()
    letters = re.split(r"\s*[,;/&]\s*|\s+(?:and\s+)?", said) if not said.isalpha() else list(said)
    known = string.ascii_uppercase[: len(texts)]
    several = len(letters) > 1 and letters == sorted({*letters}) and all(map(known.__contains__, letters))
    return list(letters) if several and said not in texts else [value]


def _refuse_contradiction(row: Row, used: Sequence[str], texts: Sequence[str], place: int) -> None:
    """Set aside a row in which another column gives another choice as the answer, word for word."""
    bare = [text.strip() for text in texts]
    for name in row:
        if name in used or not columns.named((name,), columns.KEY):
            continue
        said = text_of(row[name]).strip()
        if bare.count(said) == 1 and bare.index(said) != place:
            letters = string.ascii_uppercase
            detail = f"{used[1]}: {letters[place]}, {name}: {letters[bare.index(said)]}"
            raise Unreadable("two columns name different choices as right", detail)


def _place(
    key: Any, texts: Sequence[str], written: Sequence[str], one_based: bool, names: Sequence[str] = ()
) -> int:
    """Index of the right choice: by the row's own letters, its text, its column, its letter, its number."""
    said = text_of(key).strip()
    if is_missing(key):
        raise Unreadable("the answer is empty")
    for known, sought in (
        (list(written), said),
        ([text.strip() for text in texts], said),
        (list(names), columns.plain(said)),
    ):
        if known.count(sought) == 1:
            return known.index(sought)
    bare = said.strip("().: ").upper()
    if len(bare) == 1 and bare in string.ascii_uppercase[: len(texts)]:
        return string.ascii_uppercase.index(bare)
    number = int(said) - one_based if said.isdecimal() and len(said) < 4 else -1
    if 0 <= number < len(texts):
        return number
    if (both := _KEYED.fullmatch(said)) and both["letter"] in string.ascii_uppercase[: len(texts)]:
        place = string.ascii_uppercase.index(both["letter"])
        if both["text"].strip() == texts[place].strip():
            return place
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
