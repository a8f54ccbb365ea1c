"""Catalogues of messages and their translations, as gettext keeps them (``.po``).

An entry is a row: ``context`` where it has one, ``source`` and ``target``. The header says the language. What
nobody translated, what is marked as doubtful (``fuzzy``) and what is no longer used (``#~``) is set aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, Rows
from tasks.custom.text_files import open_text
from tasks.errors import InputError

SUFFIXES = (".po", ".pot")
_FIELD = re.compile(r'(?P<name>msgctxt|msgid_plural|msgid|msgstr)(?:\[(?P<place>\d+)\])?\s+(?P<text>".*")')
_ESCAPED = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{2})|(.))")
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LANGUAGE = re.compile(r"^Language:[ \t]*(\S+)", re.MULTILINE)


@dataclass
class _Entry:
    line: int = 0
    fuzzy: bool = False
    old: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    """By the name of its field; of plural forms the first and the others (``msgstr``, ``msgstr1``)."""


def read_catalogue(path: Path) -> tuple[Rows, str, Aside]:
    """(rows, how it was read, what was set aside). Raises InputError where it holds no translation."""
    aside, header = Aside(), list[str]()
    rows = rows_of(_rows(path, aside, header), aside)
    if not len(rows):
        fix = "give a catalogue with translations (`msgstr`)"
        raise InputError(str(path), f"it has no translated message{aside.first()}", fix)
    language = _LANGUAGE.search("".join(header))
    into = f" into {language[1]!r}" if language else ""
    return rows, f"a catalogue of messages and their translations{into}", aside


def _rows(path: Path, aside: Aside, header: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    for entry in _entries(path, aside):
        where, source = f"line {entry.line:,}", entry.texts.get("msgid", "")
        target = entry.texts.get("msgstr", "")
        if not source:
            header.append(target)
            continue
        if why := _why_not(entry, target):
            aside.add(where, why, source)
            continue
        context = {"context": entry.texts["msgctxt"]} if entry.texts.get("msgctxt", "").strip() else {}
        yield where, {**context, "source": source, "target": target}
        plural, others = entry.texts.get("msgid_plural", ""), entry.texts.get("msgstr1", "")
        if plural and others.strip():
            yield where, {**context, "source": plural, "target": others}


def _why_not(entry: _Entry, target: str) -> str:
    if entry.old:
        return "it is no longer used (#~)"
    if not target.strip():
        return "it is not translated"
    return "its translation is marked as doubtful (fuzzy)" if entry.fuzzy else ""


def _entries(path: Path, aside: Aside) -> Iterator[_Entry]:
    """The entries in order; a line that is none of a catalogue's is set aside by itself."""
    entry, last = _Entry(), ""
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            old = text.startswith("#~")
            bare = text.removeprefix("#~").lstrip() if old else text
            found = _FIELD.fullmatch(bare)
            begins = bool(found) and found["name"] in ("msgctxt", "msgid")  # type: ignore[index]
            if not bare or (begins and "msgstr" in entry.texts) or (bare[:1] == "#" and entry.texts):
                if entry.texts:
                    yield entry
                entry, last = (_Entry(), "") if entry.texts or not bare else (entry, last)
            if bare.startswith("#,"):
                entry.fuzzy = entry.fuzzy or "fuzzy" in bare
            elif found:
                last = found["name"] + ("" if found["place"] in (None, "0") else found["place"])
                entry.line, entry.old = entry.line or number, entry.old or old
                entry.texts[last] = _unescaped(found["text"][1:-1])
            elif last and len(bare) > 1 and bare[0] == bare[-1] == '"':
                entry.texts[last] += _unescaped(bare[1:-1])
            elif bare and bare[0] not in "#|":  # ``#~| msgid``: what an unused entry once was
                aside.add(f"line {number:,}", "it is no line of a catalogue", bare)
    if entry.texts:
        yield entry


def _unescaped(text: str) -> str:
    def sign(found: re.Match[str]) -> str:
        octal, hexadecimal, letter = found.groups()
        if letter is not None:
            return _SIGNS.get(letter, letter)
        return chr(int(octal, 8) if octal else int(hexadecimal, 16))

    return _ESCAPED.sub(sign, text)
