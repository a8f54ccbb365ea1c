"""JSON files as rows, one object a line or one array, whatever the suffix says.

The reader of ``datasets`` guesses one type a column: it makes dates timestamps, whole numbers floats, and
fails the whole file for one row of another type. Here each row is checked by itself and kept as the JSON text
that its owner wrote, in a memory-mapped Arrow table of ``datasets``.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import orjson

from tasks.custom.json_layouts import WRAPPERS, rows_in
from tasks.custom.tables import JSON_COLUMN, Add, Aside, Rows, part_of, written
from tasks.custom.text_files import open_binary, open_text
from tasks.errors import InputError
from tasks.formats.values import parse_json

MOST_ROW_BYTES = 16_000_000
_WRAPPED = re.compile(rf'"(?:{"|".join(WRAPPERS)})"\s*:\s*\[')


_HELD_OUT = re.compile(r'"(?i:test|validation|valid|val|dev|eval)\w*"\s*:\s*\[')


def read_json(path: Path) -> tuple[Rows, str, Aside]:
    """(rows, how it was read, what was set aside). Raises InputError where the file holds no row."""
    aside = Aside()
    by_line = _is_by_line(path)
    how = "one JSON object a line" if by_line else _described(path)

    def fill(add: Add) -> None:
        nonlocal how
        if by_line:
            _by_line(path, add, aside)
        else:
            how += _whole(path, add, aside)

    rows = Rows([written(fill, [JSON_COLUMN])], json_text=True)
    if not rows:
        fix = 'write JSON objects, such as {"question": "..."}'
        raise InputError(str(path), f"it has no rows{aside.first()}", fix)
    return rows, how + _said_of_repeated(aside.repeated), aside


def split_lists(path: Path) -> tuple[str, ...]:
    """The keys of a JSON object that are splits (``train``, ``test``) and hold rows; () for less than two."""
    try:
        if _is_by_line(path):
            return ()
        with open_text(path) as file:
            text = file.read()
    except (OSError, EOFError, zlib.error):
        return ()  # reading it says why
    if not text.lstrip().startswith("{") or not _HELD_OUT.search(text):
        return ()
    try:
        value = parse_json(text)
    except (ValueError, RecursionError):
        return ()
    held = [key for key, part in value.items() if part_of(key) and isinstance(part, list) and part]
    rows = all(isinstance(row, dict) for key in held for row in value[key])
    return tuple(held) if len(held) > 1 and rows else ()


def read_list(path: Path, key: str) -> tuple[Rows, Aside]:
    """The rows under one key of a JSON object."""
    aside = Aside()
    with open_text(path) as file:
        found = parse_json(file.read())[key]
    return rows_of(((f"{key!r}, row {number:,}", row) for number, row in enumerate(found, 1)), aside), aside


def rows_of(found: Iterable[tuple[str, Any]], aside: Aside) -> Rows:
    """Rows of parsed values, each with its place in the file; those that are no objects are set aside."""

    def fill(add: Add) -> None:
        for where, row in found:
            _add_row(_dumped(row), where, add, aside)

    return Rows([written(fill, [JSON_COLUMN])], json_text=True)


def _said_of_repeated(repeated: Sequence[tuple[str, str]]) -> str:
    if not repeated:
        return ""
    where, key = repeated[0]
    objects = f"{len(repeated):,} object{'s' if len(repeated) > 1 else ''}"
    return f", in which a key comes twice in {objects} and the last value is read ({where}: {key[:40]!r})"


def _described(path: Path) -> str:
    with open_text(path) as file:
        opening = file.read(4096).lstrip()[:1]
    kind = "one JSON array" if opening == "[" else "JSON objects over several lines"
    return f"{kind}, though its name says lines" if ".jsonl" in path.name.casefold() else kind


def _is_by_line(path: Path) -> bool:
    """Whether rows end with lines: the first line is an object, or a row at the margin is."""
    with open_text(path) as file:
        heads = [line for line in (file.readline(MOST_ROW_BYTES) for _ in range(8)) if line.strip()]
    if not heads:
        return True
    bare = [line.strip().rstrip(",") for line in heads]
    if _is_object(bare[0]):
        return not (len(bare) == 1 and rows_in(parse_json(bare[0]))[0] is not None)
    if len(heads[0]) >= MOST_ROW_BYTES:
        return heads[0][:1] == "{" and not _WRAPPED.search(heads[0][:4096])
    return any(head[:1] == "{" and _is_object(text) for head, text in zip(heads[1:], bare[1:], strict=True))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _by_line(path: Path, add: Add, aside: Aside) -> None:
    with open_binary(path) as file:
        for number, (line, whole) in enumerate(_lines(file), 1):
            where = f"line {number:,}"
            if not whole:
                aside.add(
                    where, f"the row is longer than {MOST_ROW_BYTES:,} bytes", line.decode("utf-8", "replace")
                )
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                aside.add(where, "it is not UTF-8 text", line.decode("utf-8", "replace"))
                continue
            if text and text.rstrip(",") not in ("[", "]"):
                _add_row(text.removesuffix(",").rstrip(), where, add, aside)


def _lines(file: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """(line, whether it is whole). Only line feeds end one: JSON text may hold U+2028 and its kin."""
    while line := file.readline(MOST_ROW_BYTES):
        if line.endswith(b"\n") or len(line) < MOST_ROW_BYTES:
            yield line, True
            continue
        while (rest := file.readline(MOST_ROW_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield line[:200], False


def _add_row(text: str, where: str, add: Add, aside: Aside) -> None:
    reason = _fault(text)
    if reason:
        aside.add(where, reason, text)
        return
    aside.repeated += [(where, key) for key in _repeated_keys(text)]
    if '"qas"' in text and (inside := _questions(parse_json(text))):
        for row in inside:
            add((_dumped(row),))
    else:
        add((text,))


def _questions(article: dict[str, Any]) -> list[dict[str, Any]]:
    """The questions of an article of reading comprehension, each with its paragraph (SQuAD's own nesting).

    ``{"title": ..., "paragraphs": [{"context": ..., "qas": [{"question": ..., "answers": [...]}]}]}``
    """
    shared = {name: part for name, part in article.items() if name not in ("paragraphs", "qas")}
    paragraphs = article["paragraphs"] if isinstance(article.get("paragraphs"), list) else [article]
    found = []
    for paragraph in paragraphs:
        if not isinstance(paragraph, dict) or not isinstance(paragraph.get("qas"), list):
            return []
        given = shared | {name: part for name, part in paragraph.items() if name not in ("paragraphs", "qas")}
        found += [given | asked for asked in paragraph["qas"] if isinstance(asked, dict)]
    return found


def _fault(text: str) -> str:
    """Why a text is no row; "" when it is one."""
    try:
        # A third of the time of ``json``; what it refuses (NaN, half characters) ``json`` decides on.
        if (fast := orjson.loads(text)) and isinstance(fast, dict):
            return ""
    except (orjson.JSONDecodeError, RecursionError):
        pass
    try:
        row = json.loads(text)
        if not isinstance(row, dict):
            return f"it is a JSON {type(row).__name__}, not an object"
        if not row:
            return "the object is empty"
        if "\\ud" in text or "\\uD" in text:
            json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it holds half a character (a lone surrogate)"
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return "it holds a number of too many digits" if "digits" in str(error) else "it is not JSON"
    return ""


def _repeated_keys(text: str) -> list[str]:
    """Of each object in a JSON text in which a key comes twice, the first such key."""
    with suppress(orjson.JSONDecodeError, RecursionError):
        # A key has a colon of its own: a tenth of the time for rows without another.
        if len(orjson.loads(text)) == text.count(":"):
            return []
    repeated: list[str] = []

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        held = dict(pairs)
        if len(held) < len(pairs):
            repeated.append(next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1))
        return held

    with suppress(RecursionError):
        json.JSONDecoder(object_pairs_hook=read).decode(text)
    return repeated


def _whole(path: Path, add: Add, aside: Aside) -> str:
    """An array, wrapped rows, or objects one after another, in any layout; what is to be said of them."""
    with open_text(path) as file:
        text = file.read()
    opening = len(text) - len(text.lstrip())
    wrapped = None
    if text[opening : opening + 1] == "{":
        try:
            found, said = rows_in(parse_json(text[opening:]))
        except (ValueError, RecursionError):
            wrapped = _WRAPPED.search(text, opening, opening + 4096)
            found, opening = None, wrapped.end() if wrapped else opening
        if found is not None:
            aside.repeated += [("in one of its objects", key) for key in _repeated_keys(text[opening:])]
            for number, row in enumerate(found, 1):
                _add_row(_dumped(row), f"row {number:,}", add, aside)
            return said
    elif text[opening : opening + 1] == "[":
        opening += 1
    rest = text[_scan(text, opening, add, aside, stops=wrapped is not None) :].strip("]}, \t\r\n")
    return f", of which what comes after them is not read: {rest[:40]!r}" if rest else ""


def _dumped(row: Any) -> str:
    from tasks.formats.values import WrittenFloat

    if isinstance(row, WrittenFloat):
        return row.written
    if isinstance(row, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_dumped(part)}" for key, part in row.items()) + "}"
    if isinstance(row, list):
        return "[" + ", ".join(map(_dumped, row)) + "]"
    return json.dumps(row)


_BETWEEN = re.compile(r"[\]}][\s,]*\[?")
"""The end of an array, or a bracket too many, and the start of the next array."""


def _scan(text: str, place: int, add: Add, aside: Aside, *, stops: bool) -> int:
    """Values one after another; a broken one costs itself, and reading goes on with the next.

    Gives the place where reading ended: with the text or, if it ``stops``, with the array.
    """
    decoder, gap = json.JSONDecoder(), re.compile(r"[\s,]*")
    line, counted = 1, 0
    while (place := _end(gap, text, place)) < len(text):
        if text[place] in "]}":
            if stops:
                break
            place = _end(_BETWEEN, text, place)
            continue
        line, counted = line + text.count("\n", counted, place), place
        where = f"line {line:,}"
        try:
            _, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            end = _next_row(text, place)
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else "it is not JSON"
            aside.add(where, reason, text[place : min(end, place + 200)])
        else:
            if end - place > MOST_ROW_BYTES:
                aside.add(
                    where, f"the row is longer than {MOST_ROW_BYTES:,} bytes", text[place : place + 200]
                )
            else:
                _add_row(text[place:end], where, add, aside)
        place = end
    return place


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|[{}\[\]]')


def _next_row(text: str, place: int) -> int:
    """Where the row after a broken one starts: at the next brace as far in, else where its brackets close."""
    margin = text[text.rfind("\n", 0, place) + 1 : place]
    if not margin.strip(" \t["):
        indent = margin if not margin.strip() else ""
        following = text.find(f"\n{indent}{{", place)
        if following >= 0:
            return following + 1
        if "\n" in text[place:].rstrip(" \r\n\t]}") or text[place : place + 1] != "{":
            return len(text)
    depth = 0
    for token in _TOKEN.finditer(text, place):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.group(), 0)
        if depth <= 0:
            return token.end()
    return len(text)
