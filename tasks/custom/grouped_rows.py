"""Grouped rows: tables with a row for each turn of a chat, or for each word of a sentence, put together.

A turn alone is no question and a word alone has no label: the rows that share a conversation or a sentence
become one row, ``messages`` or ``tokens`` and ``tags``. Messages of a tree (``message_id``, ``parent_id``)
are followed from each first one along the best reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from tasks.base import Row
from tasks.custom.tables import JSON_COLUMN, Add, Rows, Table, written
from tasks.formats import columns
from tasks.formats.profile import profile_columns
from tasks.formats.speakers import known_role
from tasks.formats.traces import is_text
from tasks.formats.turns import SPEAKER_KEYS, TEXT_KEYS
from tasks.formats.values import is_missing, is_scalar, text_of

CONVERSATION = (
    "conversation_id", "conv_id", "dialogue_id", "dialog_id", "chat_id", "thread_id", "session_id", "call_id",
    "conversation", "dialogue", "dialog", "thread", "session", "ticket_id", "message_tree_id",
)  # fmt: skip
SENTENCE = ("sentence_id", "sent_id", "sentence_#", "sentence_no", "sentence_idx", "sentence_num", "sentence")
ORDER = ("turn", "turn_id", "turn_index", "turn_idx", "turn_no", "position", "utterance_idx", "utterance_id",
         "message_index", "order", "step")  # fmt: skip
WORD = ("token", "word", "tokens", "words", "form")
TAG = ("tag", "ner_tag", "ner", "tags", "ner_tags", "label", "bio", "iob", "pos")
_LOOKED_AT = 400
_MOST_SPEAKERS = 6
_MOST_ROWS = 2_000_000
_LEAST_EACH = 1.5
"""Rows of a conversation, on average, from which a table is one of turns."""
_PARENT = frozenset({"parent", "reply", "replies"})
"""Words in the name of a column that points to the message that a row answers."""
_NEARLY_ALL = 0.9
_LEAST_ALTERNATING = 20
"""Rows from which two values in turn are no accident."""
_FEW_BLANKS = 0.02
"""Share of words with a blank inside up to which a column is one of words."""


def grouped(table: Table) -> Table:
    """The table with a row for each conversation or sentence; the table itself where its rows stand alone."""
    total = len(table.rows)
    if not 1 < total <= _MOST_ROWS:
        return table
    head = table.rows[:_LOOKED_AT]
    made = _trees(head, table) or _chats(head, table) or _sentences(head, table) or _alternating(head, table)
    if made is None:
        return table
    rows, what = made
    if len(rows) < 2:
        return table

    def fill(add: Add) -> None:
        for row in rows:
            add((orjson.dumps(row, default=text_of).decode(),))

    reader = f"{table.reader}, {len(rows):,} {what} of {total:,} rows"
    return replace(table, rows=Rows([written(fill, [JSON_COLUMN])], json_text=True), reader=reader)


def _chats(head: Sequence[Row], table: Table) -> tuple[list[Row], str] | None:
    names = _turn_columns(head)
    named = columns.named(head[0], CONVERSATION, names) if names else ""
    if not named:
        return None
    held = _by(table.rows, named)
    several = sum(len({text_of(row[names[0]]) for row in rows}) > 1 for rows in held.values())
    if len(table.rows) < _LEAST_EACH * len(held) or 2 * several < len(held):
        return None
    order = columns.named(head[0], ORDER, (*names, named))
    made = [{named: key, "messages": _messages(_ordered(rows, order), names)} for key, rows in held.items()]
    return [row for row in made if row["messages"]], f"conversations by {named!r}"


def _trees(head: Sequence[Row], table: Table) -> tuple[list[Row], str] | None:
    """Conversations of a tree of messages, from each message without a parent along the best reply."""
    few = _turn_columns(head)
    names = few or _turn_columns(head, most=len(table.rows))
    parent, own = _tree_columns(table, names) if names else ("", "")
    if not own:
        return None
    rank = columns.named(head[0], ("rank",), (*names, parent, own))
    replies = _by(table.rows, parent)
    if not any(not is_missing(row.get(parent)) for row in head):
        return None
    made: list[Row] = []
    for first in table.rows:
        if not is_missing(first.get(parent)):
            continue
        path: list[Row] = [first]
        seen = {text_of(first.get(own))}
        while following := [
            r for r in replies.get(text_of(path[-1].get(own)), []) if text_of(r[own]) not in seen
        ]:
            path.append(min(following, key=lambda row: _number(row.get(rank))))
            seen.add(text_of(path[-1][own]))
        if len(path) > 1:
            # Of many people the one who began asks, whoever answers.
            path = path if few else [_as_two(row, first, names[0]) for row in path]
            turns = _messages(path, names)
            made += [{own: text_of(first.get(own)), "messages": turns}] if len(turns) > 1 else []
    return made, f"conversations by {parent!r}" + ("" if few else ", in which who began is the user,")


def _as_two(row: Row, first: Row, speaker: str) -> Row:
    began = text_of(row.get(speaker)) == text_of(first.get(speaker))
    return {**row, speaker: "user" if began else "assistant"}


def _tree_columns(table: Table, names: Sequence[str]) -> tuple[str, str]:
    """(parent, own id) of a table of messages that answer one another; empty names for any other.

    A column named so, whose values are ids of other rows, and which is empty where a conversation begins.
    """
    held = [name for name in table.rows[0] if name not in names]
    known = columns.named(held, ("parent_id", "reply_to", "in_reply_to"))
    parents = [known] if known else [name for name in held if columns.words(name) & _PARENT]
    for parent in parents:
        pointed = {text_of(row[parent]) for row in table.rows if not is_missing(row.get(parent))}
        others = [name for name in held if name != parent and columns.words(name) & columns.IDS]
        for own in others if pointed else ():
            ids = [text_of(row.get(own)) for row in table.rows]
            if len({*ids}) == len(ids) and len(pointed & {*ids}) >= _NEARLY_ALL * len(pointed):
                return parent, own
    return "", ""


def _turn_columns(head: Sequence[Row], most: int = _MOST_SPEAKERS) -> tuple[str, ...]:
    """(speaker, text) of a table whose rows are turns: a few speakers, and no column that answers."""
    speaker = columns.named(head[0], SPEAKER_KEYS)
    text = columns.named(head[0], (*TEXT_KEYS, *columns.TEXT), (speaker,))
    if not speaker or not text or columns.named(head[0], columns.ANSWER, (speaker, text)):
        return ()
    speakers = {text_of(row.get(speaker)) for row in head}
    fits = 2 <= len(speakers) <= most
    return (speaker, text) if fits and all(isinstance(row.get(text), str | None) for row in head) else ()


def _messages(rows: Sequence[Row], names: Sequence[str]) -> list[dict[str, str]]:
    """Turns in order; what one speaker says in several rows is one turn."""
    made: list[dict[str, str]] = []
    for row in rows:
        who, said = (text_of(row.get(name)) for name in names)
        if not who.strip() or not said.strip():
            continue
        if made and made[-1]["role"] == who:
            made[-1]["content"] += f"\n{said}"
        else:
            made.append({"role": who, "content": said})
    return made


def _sentences(head: Sequence[Row], table: Table) -> tuple[list[Row], str] | None:
    word = columns.named(head[0], WORD)
    named = columns.named(head[0], SENTENCE, (word,)) if word else ""
    tag = columns.named(head[0], TAG, (word, named)) if named else ""
    if not tag:
        return None
    words = [text_of(row.get(word)) for row in head]
    blanks = sum(len(text.split()) > 1 for text in words)
    plain = all(is_scalar(row.get(tag)) or is_missing(row.get(tag)) for row in head)
    if blanks > _FEW_BLANKS * len(words) or not plain:
        return None
    held = _by(_filled(table.rows, named), named)
    if len(table.rows) < _LEAST_EACH * len(held):
        return None
    made: list[Row] = [
        {
            "id": key,
            "tokens": [text_of(row.get(word)) for row in rows],
            "tags": [text_of(row.get(tag)) for row in rows],
        }
        for key, rows in held.items()
    ]
    return made, f"sentences by {named!r}"


def _alternating(head: Sequence[Row], table: Table) -> tuple[list[Row], str] | None:
    """Two rows as one, where a column of two values says in strict turns which asks and which answers."""
    if len(table.rows) < _LEAST_ALTERNATING or len(table.rows) % 2:
        return None
    held = profile_columns(head)
    texts = [name for name in held if is_text(name, head)]
    turns = [name for name, column in held.items() if column.labels and name not in texts]
    for name in turns if len(texts) == 1 else ():
        said = [text_of(row.get(name)) for row in table.rows]
        roles = [_asks_or_answers(value) for value in said[:2]]
        if roles == ["asks", "answers"] and said == said[:2] * (len(said) // 2):
            rows = table.rows[: len(table.rows)]
            made: list[Row] = [
                {"question": asks.get(texts[0]), "answer": answers.get(texts[0])}
                for asks, answers in zip(rows[::2], rows[1::2], strict=True)
            ]
            return made, f"pairs by {name!r} ({said[0]}, {said[1]} in turns)"
    return None


def _asks_or_answers(value: str) -> str:
    """What a row of this kind does, by the names of speakers and of columns; "" for any other word."""
    role = known_role(value) or ""
    if role == "user" or value.strip().casefold() == "q" or columns.named((value,), columns.PROMPT):
        return "asks"
    answers = (
        role == "assistant" or value.strip().casefold() == "a" or columns.named((value,), columns.ANSWER)
    )
    return "answers" if answers else ""


def _filled(rows: Sequence[Row], name: str) -> Iterator[Row]:
    """Rows whose blank cell means the sentence above."""
    last: Any = None
    for row in rows:
        if not is_missing(row.get(name)):
            last = row[name]
        yield {**row, name: last}


def _by(rows: Any, name: str) -> Mapping[str, list[Row]]:
    held: dict[str, list[Row]] = {}
    for row in rows:
        held.setdefault(text_of(row.get(name)), []).append(row)
    return held


def _ordered(rows: list[Row], order: str) -> list[Row]:
    """By the numbers of the turns, where each has one; else as in the file."""
    numbers = [_number(row.get(order)) for row in rows] if order else []
    if not numbers or float("inf") in numbers:
        return rows
    return [row for _, row in sorted(zip(numbers, rows, strict=True), key=lambda pair: pair[0])]


def _number(value: Any) -> float:
    """A cell as a number; infinity where it is none, so that it comes last."""
    try:
        return float(text_of(value))
    except ValueError:
        return float("inf")
