"""Paired replies: two columns of replies to one prompt, and what says which of the two is the better one.

The columns differ in one word of their names (``response_a``, ``response_b``). The better one is named by a
third column (``winner``), has the higher of two scores (``score_a``, ``score_b``), or says so itself
(``better``, ``worse``). What becomes of them is ``chosen`` and ``rejected``.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson

from tasks.base import Row
from tasks.custom.tables import JSON_COLUMN, Add, Rows, Table, written
from tasks.formats import choices, columns
from tasks.formats.profile import Column, profile_columns
from tasks.formats.traces import is_text
from tasks.formats.turns import turns_in
from tasks.formats.values import is_missing, text_of

_LOOKED_AT = 1000
_MOST_ROWS = 500_000
_MOST_VERDICTS = 5
"""Two replies, and up to three words for a tie."""
_BETTER = frozenset(
    {"better", "best", "good", "preferred", "winning", "winner", "chosen", "accepted", "win", "w"}
)
_WORSE = frozenset({"worse", "worst", "bad", "dispreferred", "losing", "loser", "rejected", "lose", "l"})


@dataclass(frozen=True)
class _Pair:
    """Two columns of replies and the words in which their names differ."""

    names: tuple[str, str]
    words: tuple[str, str]


@dataclass(frozen=True)
class _Found:
    """How the better one of a row's two replies is known."""

    better: Callable[[Row], int]
    """0 or 1; -1 for neither."""
    said: str
    """In words, for the owner."""
    columns: tuple[str, ...] = ()
    """The columns that say it."""


def paired(table: Table) -> Table:
    """The table with ``prompt``, ``chosen`` and ``rejected``; itself where it holds no such pairs."""
    if not 1 < len(table.rows) <= _MOST_ROWS:
        return table
    head = [table.rows[place] for place in range(min(len(table.rows), _LOOKED_AT))]
    if any(columns.named(head[0], (good,)) and columns.named(head[0], (bad,)) for good, bad in columns.PAIRS):
        return table
    if choices.columns_of(head[0], columns.named(head[0], choices.ASKS)):
        return table
    held = profile_columns(head)
    replies = [name for name in held if _holds_replies(name, head)]
    for pair in _pairs(replies):
        found = _by_name(pair) or _by_winner(pair, held, head) or _by_score(pair, held, head)
        if found and (prompt := _prompt(held, head, (*pair.names, *found.columns))):
            return _made(table, pair, prompt, found)
    return table


def _holds_replies(name: str, head: Sequence[Row]) -> bool:
    return is_text(name, head) or any(turns_in(row.get(name)) for row in head[:20])


def _pairs(names: Sequence[str]) -> list[_Pair]:
    return [
        _Pair((one, other), differ)
        for one, other in itertools.combinations(names, 2)
        if (differ := _differing(one, other)) is not None
    ]


def _differing(one: str, other: str) -> tuple[str, str] | None:
    """The one word in which two names differ; None for names that differ in more."""
    first, second = (_words(name) for name in (one, other))
    if len(first) != len(second):
        return None
    differ = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    return differ[0] if len(differ) == 1 else None


def _words(name: str) -> list[str]:
    """The words of a name; a last digit is a word of its own (``answer1``)."""
    parts = columns.plain(name).split("_")
    last = parts[-1]
    return [*parts[:-1], last[:-1], last[-1]] if len(last) > 1 and last[-1].isdigit() else parts


def _by_name(pair: _Pair) -> _Found | None:
    for place in (0, 1):
        if pair.words[place] in _BETTER and pair.words[1 - place] in _WORSE:
            return _Found(
                partial(_always, place=place), f"{pair.names[place]!r} is the better one by its name"
            )
    return None


def _always(row: Row, place: int) -> int:
    return place


def _by_winner(pair: _Pair, held: Mapping[str, Column], head: Sequence[Row]) -> _Found | None:
    for name, column in held.items():
        # A label of 1 and 2 beside two sentences says something of both, and names neither.
        if name in pair.names or not column.labels or columns.named((name,), (*columns.LABEL, *columns.KEY)):
            continue
        values = {text_of(row[name]) for row in head if not is_missing(row.get(name))}
        meant = {value: place for value in values if (place := _names(value, pair)) is not None}
        if {*meant.values()} == {0, 1} and len(values) <= _MOST_VERDICTS and len(values) - len(meant) <= 3:
            said = f"{name!r} names the better of {pair.names[0]!r} and {pair.names[1]!r}"
            return _Found(partial(_said, name=name, meant=meant), said, (name,))
    return None


def _said(row: Row, name: str, meant: Mapping[str, int]) -> int:
    return meant.get(text_of(row.get(name)), -1)


def _names(value: str, pair: _Pair) -> int | None:
    """The reply that a verdict names, by its column or by the word in which the two differ."""
    said = {*_words(value)}
    found = [place for place in (0, 1) if pair.words[place] in said]
    return found[0] if len(found) == 1 else None


def _by_score(pair: _Pair, held: Mapping[str, Column], head: Sequence[Row]) -> _Found | None:
    for one, other in itertools.permutations(held, 2):
        if _differing(one, other) != pair.words or not columns.words(one) & columns.SCORES:
            continue
        if any(_number(row.get(name)) is None for row in head for name in (one, other)):
            continue

        def better(row: Row, one: str = one, other: str = other) -> int:
            scores = [_number(row.get(name)) or 0.0 for name in (one, other)]
            return -1 if scores[0] == scores[1] else int(scores[1] > scores[0])

        said = f"the higher of {one!r} and {other!r} tells the better reply"
        return _Found(better, said, (one, other))
    return None


def _number(value: object) -> float | None:
    try:
        return float(text_of(value))
    except ValueError:
        return None


def _prompt(held: Mapping[str, Column], head: Sequence[Row], taken: Sequence[str]) -> str:
    """The column that asks: by its name, else the only other text."""
    others = [name for name in held if name not in taken]
    known = columns.named(others, columns.PROMPT)
    texts = [name for name in others if is_text(name, head) and not held[name].identity]
    return known or (texts[0] if len(texts) == 1 else "")


def _made(table: Table, pair: _Pair, prompt: str, found: _Found) -> Table:
    places = [found.better(row) for row in table.rows]
    ties = places.count(-1)
    if ties == len(places):
        return table

    def fill(add: Add) -> None:
        for row, place in zip(table.rows, places, strict=True):
            if place >= 0:
                made = {
                    "prompt": row.get(prompt),
                    "chosen": row.get(pair.names[place]),
                    "rejected": row.get(pair.names[1 - place]),
                }
                add((orjson.dumps(made, default=text_of).decode(),))

    left = f", {ties:,} rows without a better one left out" if ties else ""
    asks = f"; `--prompt {shlex.quote(f'{{{prompt}}}')} --answer COLUMN` asks otherwise"
    reader = f"{table.reader}, whose rows are pairs to {prompt!r}: {found.said}{left}{asks}"
    return replace(table, rows=Rows([written(fill, [JSON_COLUMN])], json_text=True), reader=reader)
