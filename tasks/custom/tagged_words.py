"""Files of a word and its tags in each line, blank lines between sentences (CoNLL, IOB, CoNLL-U).

A line is no row: what a tag means is told by the sentence around it. The last column is the tag, of the ten
columns of CoNLL-U the fourth. Tags of marked spans (``B-PER``) become the spans' texts, as other exports have
them; any other tags stay a list, one for each word.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tasks.custom.json_rows import rows_of
from tasks.custom.tables import Aside, Rows
from tasks.custom.text_files import open_text
from tasks.errors import InputError

SUFFIXES = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes")
LEAST_LINES = 10
NEARLY_ALL = 0.98
_TAG = re.compile(r"O|[BIESLUM]-\S+")
_GOING_ON, _ENDING = ("I", "E", "L", "M"), ("E", "S", "L", "U")
"""Marks of a word that goes on with a span, and of the last word of one (IOBES, BILOU, BMES)."""
_LOOKED_AT = 20_000
"""Characters."""
_MOST_WORDS = 5_000
"""Words of a sentence; more are a file without blank lines."""
_UNIVERSAL = 10
"""Columns of CoNLL-U: number, form, lemma, part of speech, ..."""
_OPENING = "-DOCSTART-"


def are_tagged_words(lines: Sequence[str]) -> bool:
    """Whether lines, blank ones among them, hold a word and a tag of a marked span (``O``, ``B-PER``)."""
    filled = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    ended = any(not line.strip() for line in lines[:-1])
    tags = [cells[-1] for cells in filled if len(cells) > 1]
    fits = sum(map(bool, map(_TAG.fullmatch, tags)))
    marked = any(tag != "O" for tag in tags)
    return ended and marked and len(filled) >= LEAST_LINES and fits >= NEARLY_ALL * len(filled)


def starts_with_tagged_words(path: Path) -> bool:
    """As ``are_tagged_words``, of the first lines of a file; a file that cannot be read has none."""
    try:
        with open_text(path) as file:
            return are_tagged_words(file.read(_LOOKED_AT).split("\n")[:-1])
    except (OSError, EOFError, zlib.error, InputError):
        return False


def read_tagged_words(path: Path) -> tuple[Rows, str, Aside]:
    """(rows of ``text`` and ``entities`` or of ``tokens`` and ``tags``, how it was read, what was set aside).

    Raises InputError where the file holds no sentence.
    """
    aside, widths = Aside(), set[int]()
    found = [(f"line {at:,}", *_row(cells)) for at, cells in _sentences(path, aside, widths)]
    marked = all(map(_TAG.fullmatch, {tag for _, _, tags in found for tag in tags}))
    made = ((where, (_marked if marked else _tagged)(words, tags)) for where, words, tags in found)
    rows = rows_of(made, aside)
    if not len(rows):
        fix = "write a word and its tag in each line, and a blank line after each sentence"
        raise InputError(str(path), f"it has no sentences{aside.first()}", fix)
    used = "columns 2 and 4" if widths == {_UNIVERSAL} else "the first and the last column"
    most = max(widths)
    said = f" ({used} of {most})" if most > 2 else ""
    return (
        rows,
        f"words with {'marked spans' if marked else 'tags'}, a sentence between blank lines{said}",
        aside,
    )


def _row(lines: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """(words, tags) of a sentence."""
    universal = len(lines[0]) == _UNIVERSAL
    word, tag = (1, 3) if universal else (0, -1)
    return [cells[word] for cells in lines], [cells[tag] for cells in lines]


def _tagged(words: list[str], tags: list[str]) -> dict[str, Any]:
    return {"tokens": words, "tags": tags}


def _marked(words: Sequence[str], tags: Sequence[str]) -> dict[str, Any]:
    """The sentence and its spans; one begins with a mark of beginning, or where the kind changes."""
    spans: list[dict[str, str]] = []
    before = "O"
    for word, tag in zip(words, tags, strict=True):
        mark, _, kind = tag.partition("-")
        goes_on = mark in _GOING_ON and before.partition("-")[2] == kind and before[:1] not in _ENDING
        if goes_on:
            spans[-1]["text"] += f" {word}"
        elif kind:
            spans.append({"text": word, "label": kind})
        before = tag
    # Text, so that the list is one answer: of a list of values any entry would count as right.
    return {"text": " ".join(words), "entities": json.dumps(spans, ensure_ascii=False)}


def _sentences(path: Path, aside: Aside, widths: set[int]) -> Iterator[tuple[int, list[list[str]]]]:
    """(line at which it begins, cells of its lines); a sentence with a line of another width is set aside."""
    held: list[list[str]] = []
    first = 0
    with open_text(path) as file:
        for number, line in enumerate([*file, ""], 1):
            cells = _cells(line)
            if cells and cells[0] != _OPENING:
                if not _is_part(cells):  # a word of several, or one that was left out (CoNLL-U)
                    held.append(cells)
                    first = first or number
                continue
            if held and not line.strip():
                yield from _checked(first, held, aside, widths)
            held, first = ([], 0) if not line.strip() else (held, first)


def _checked(
    first: int, held: list[list[str]], aside: Aside, widths: set[int]
) -> Iterator[tuple[int, list[list[str]]]]:
    where, shown = f"line {first:,}", " ".join(cells[0] for cells in held[:20])
    width = {len(cells) for cells in held}
    if len(width) > 1 or width == {1}:
        aside.add(
            where, "its lines have different numbers of columns" if width != {1} else "it has no tags", shown
        )
    elif len(held) > _MOST_WORDS:
        aside.add(where, f"it has over {_MOST_WORDS:,} words without a blank line", shown)
    else:
        widths.update(width)
        yield first, held


def _cells(line: str) -> list[str]:
    """The cells of a line, parted by tabs if it has any (words of CoNLL-U have blanks); a remark has none."""
    bare = line.rstrip("\r\n")
    cells = [cell.strip() for cell in bare.split("\t")] if "\t" in bare.strip() else bare.split()
    remark = line.startswith("#") and not _TAG.fullmatch(cells[-1])  # ``# O`` is a word and its tag
    return [] if remark else cells


def _is_part(cells: Sequence[str]) -> bool:
    return len(cells) == _UNIVERSAL and not cells[0].isdigit()
