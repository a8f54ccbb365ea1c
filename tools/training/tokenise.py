"""Rows as token ids and labels, the very ones that a training reads; ``ftdojo inspect`` shows them.

A row is ``{"prompt", "answer"}``, or ``{"messages"}`` (perhaps with ``tools``) that end with the
assistant's answer. The loss is on the answer, in conversations on all answers or on the last
(``trained_turns``). A row that is too long, or that the chat template refuses, costs itself
and is counted: half an answer teaches to stop half-way.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tasks.errors import InputError
from tools.models.chat_template import LossOn, Piece, conversation_pieces, encode, trained_turns
from tools.models.template_support import template_support

NO_LOSS = -100
"""The label of a token that carries no loss, as torch's cross-entropy has it."""
REASON_CHARACTERS = 200


@dataclass(frozen=True)
class TokenRow:
    """One row as a training reads it."""

    place: int
    """Its position among the rows that were given, from 0."""
    input_ids: list[int]
    labels: list[int]
    """As long as ``input_ids``: the same token where it carries loss, elsewhere ``NO_LOSS``."""


@dataclass(frozen=True)
class Refused:
    """Rows that the chat template refused for one reason."""

    reason: str
    count: int
    first: int
    """Position of the first of them."""


@dataclass(frozen=True)
class TokenRows:
    """What became of the rows."""

    rows: list[TokenRow]
    too_long: list[int] = field(default_factory=list)
    """Positions of the rows that have more tokens than are allowed."""
    refused: tuple[Refused, ...] = ()
    """The commonest reason first."""
    loss_on: Literal["all", "last", ""] = ""
    """Which answers of its conversations carry loss; empty where no row has an answer before its last."""
    why: str = ""
    hidden_tools: int = 0
    """Rows whose functions (``tools``) the template does not show."""

    @property
    def refused_rows(self) -> int:
        """How many rows the template refused."""
        return sum(each.count for each in self.refused)

    def in_words(self) -> tuple[str, ...]:
        """A line on the loss of conversations, and one for each reason of refused rows."""
        lines = [loss_in_words(self.loss_on, self.why)] if self.loss_on else []
        if self.hidden_tools:
            lines.append(f"{self.hidden_tools:,} rows have tools, which the chat template leaves out")
        return (*lines, *(f"{each.count:,} rows set aside, {each.reason}" for each in self.refused))


def tokenise(
    tokenizer: Any, records: Sequence[Mapping[str, Any]], max_length: int, loss_on: LossOn = "auto"
) -> TokenRows:
    """Every row that the template takes and that has at most ``max_length`` tokens, in order."""
    chats = any(earlier_answers(record) for record in records)
    rule, why = trained_turns(tokenizer, loss_on) if chats else ("last", "")
    places: list[int] = []
    pieces: list[list[Piece]] = []
    reasons: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        try:
            pieces.append(_pieces(tokenizer, record, rule == "all"))
            places.append(place)
        except InputError as error:
            reasons.setdefault(error.wrong[:REASON_CHARACTERS], []).append(place)
    found = [TokenRow(n, *row) for n, row in zip(places, _encoded(tokenizer, pieces), strict=True)]
    return TokenRows(
        rows=[row for row in found if len(row.input_ids) <= max_length],
        too_long=[row.place for row in found if len(row.input_ids) > max_length],
        refused=tuple(
            Refused(reason, len(rows), rows[0])
            for reason, rows in sorted(reasons.items(), key=lambda item: -len(item[1]))
        ),
        loss_on=rule if chats else "",
        why=why,
        hidden_tools=_hidden_tools(tokenizer, [records[row.place] for row in found]),
    )


def loss_in_words(loss_on: Literal["all", "last"], why: str) -> str:
    """One line on the loss of conversations."""
    turns = {"all": "every answer", "last": "the last answer alone"}[loss_on]
    return f"conversations: loss on {turns} ({why})"


def messages_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row's turns; a lone prompt and answer are two."""
    if "messages" in record:
        return list(record["messages"])
    return [
        {"role": "user", "content": record["prompt"]},
        {"role": "assistant", "content": record["answer"]},
    ]


def earlier_answers(record: Mapping[str, Any]) -> int:
    """How many turns of the assistant a row has before its last."""
    turns = record.get("messages") or ()
    return sum(turn.get("role") == "assistant" for turn in turns[:-1])


def shown_pieces(tokenizer: Any, row: TokenRow) -> list[Piece]:
    """A row's tokens as text again, in stretches with and without loss."""
    pieces, end, before = [], 0, ""
    for trained, group in itertools.groupby(row.labels, lambda label: label != NO_LOSS):
        end += len(list(group))
        # Decoded from the start: some tokenizers drop the space before a text's first word.
        text = tokenizer.decode(row.input_ids[:end])
        pieces.append(Piece(text[len(before) :], trained))
        before = text
    return pieces


def _hidden_tools(tokenizer: Any, records: Sequence[Mapping[str, Any]]) -> int:
    return 0 if template_support(tokenizer).shows_tools else sum(bool(row.get("tools")) for row in records)


def _pieces(tokenizer: Any, record: Mapping[str, Any], every: bool) -> list[Piece]:
    tools = list(record.get("tools") or ()) or None
    return conversation_pieces(tokenizer, messages_of(record), tools, every)


def _encoded(tokenizer: Any, rows: Sequence[Sequence[Piece]]) -> list[tuple[list[int], list[int]]]:
    """(ids, labels) of each row; all texts go through the tokenizer in two calls."""
    first = encode(tokenizer, [row[0].text for row in rows])
    rest = iter(encode(tokenizer, [piece.text for row in rows for piece in row[1:]], after=True))
    encoded = []
    for start, row in zip(first, rows, strict=True):
        parts = [start, *(next(rest) for _ in row[1:])]
        labels = [
            token if piece.trained else NO_LOSS
            for part, piece in zip(parts, row, strict=True)
            for token in part
        ]
        encoded.append(([token for part in parts for token in part], labels))
    return encoded
