"""Reordered parts: the same question with its options or table rows in another order.

Such a text is read as a bag of lines, options and rows, without the options' letters. Two texts with equal
bags are one question, whichever letter its answer has. Where the question speaks of some letters ("What is
A minus B?"), they are content, and the rule is silent.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from tasks.repeats.signature import text_hash
from tasks.splits import fingerprint
from tools.contamination.smiles import looks_like_smiles

_LABEL = re.compile(r"(?:^|(?<=[\s;；|]))\(?(?P<letter>[A-Ja-j])[.)、:．：](?![A-Za-z]\.)[ \t]*")
_JSON_OPTIONS = re.compile(r"\"(?:options|choices)\"\s*:\s*(?=[\[{])")
_JSON_ROW = re.compile(r"\[[^\[\]]*\](?=\s*(?:,\s*\[|\]))")
_PIPE_ROW = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_RULE = re.compile(r"[\s|:-]*")
_MENTION = re.compile(
    r"(?<![A-Za-z0-9])(?:A(?! (?!and |or |plus |minus |is |has )[a-z]{2})|[B-J])(?![A-Za-z0-9])"
)
_RANGE = re.compile(r"\b[A-J]\s?(?:-|–|to|through)\s?[A-J]\b|(?<=[\"'])[A-J](?=[\"'])")
"""Letters that show how to answer: ``A-D``, or ``(e.g. 'A'/'B')``."""
_CJK = "㐀-鿿"
_NAME = re.compile(
    rf"(?<![A-Za-z])[A-J](?=[{_CJK}])(?![和与或及、选项是对错正均都])"
    rf"|(?<=[{_CJK}])(?<![和与或及、选项案是])[A-J](?![A-Za-z])"
    r"|(?<=\[)[A-J](?=\])"
)
"""A letter that names a thing, as in ``A公司`` or ``期权B``, or an atom, as in ``[O]=[C]``."""


class _Parts(NamedTuple):
    """A text taken apart."""

    rest: str
    moved: list[str]
    """The parts that may change places, without labels."""
    labels: frozenset[str]


def order_free(text: str) -> int | None:
    """A hash that is blind to the order of options, labelled paragraphs and table rows.

    None when the text has fewer than two such parts, when they are all alike, or when the
    rest of the text speaks of some of them by label.
    """
    plain = unicodedata.normalize("NFKC", text)
    if not any(mark in plain for mark in "[|.):、"):
        return None
    rest, listed = _json_options(plain)
    rest, rows = _rows(rest)
    parts = _labelled(rest)
    if not any(len(set(some)) > 1 for some in (listed, rows, parts.moved)) or _spoken_of(parts):
        return None
    lines = [line for line in parts.rest.split("\n") if line.strip()]
    # Three bags: a line of the question never changes places with an option or a row.
    bags = (lines + parts.moved, listed, rows)
    return text_hash("\x1e".join("\x1f".join(sorted(map(_plain, bag))) for bag in bags))


def _labelled(text: str) -> _Parts:
    """Each labelled part runs to the next label or to the end of its line."""
    labels: list[re.Match[str]] = []
    expected = "ABCDEFGHIJ"
    for label in _LABEL.finditer(text):
        if label["letter"].upper() != expected[:1]:
            continue  # an initial, "or D.", a molecule such as C.CCO
        expected = expected[1:]
        labels.append(label)
    if len(labels) < 2:
        return _Parts(text, [], frozenset())
    rest, moved = [text[: labels[0].start()]], []
    for place, label in enumerate(labels):
        end = labels[place + 1].start() if place + 1 < len(labels) else len(text)
        part, _, after = text[label.end() : end].partition("\n")
        moved.append(part)
        rest.append(after)
    return _Parts("\n".join(rest), moved, frozenset(label["letter"].upper() for label in labels))


def _spoken_of(parts: _Parts) -> bool:
    """Whether the question tells its labels apart; naming all of three or more lists them."""
    spoken = set(_MENTION.findall(_NAME.sub("", _RANGE.sub("", parts.rest)))) & parts.labels
    return bool(spoken) and (spoken != parts.labels or len(parts.labels) < 3)


def _json_options(text: str) -> tuple[str, list[str]]:
    """Options written as a JSON list or object, taken out of the text."""
    found = _JSON_OPTIONS.search(text)
    if found is None:
        return text, []
    try:
        options, end = json.JSONDecoder().raw_decode(text, found.end())
    except (ValueError, RecursionError):
        return text, []
    values: Sequence[object] = list(options.values()) if isinstance(options, dict) else options
    parts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    return text[: found.start()] + text[end:], parts


def _rows(text: str) -> tuple[str, list[str]]:
    """The text without the rows of its tables, and the rows; the head of a table keeps its place."""
    rows = _JSON_ROW.findall(text) if "[" in text else []
    if rows:
        text = _JSON_ROW.sub(" ", text)
    lines = _PIPE_ROW.findall(text) if "|" in text else []
    if len(lines) > 2:
        head = lines[0]
        rows += [line for line in lines[1:] if _RULE.fullmatch(line) is None]
        text = _PIPE_ROW.sub(lambda found: found.group() if found.group() == head else " ", text)
    return text, rows


def _plain(part: str) -> str:
    """A part without what an editor changes; molecules keep their case."""
    bare = part.strip().rstrip(".,")
    return bare if looks_like_smiles(bare) else fingerprint(part).replace(" ", "")
