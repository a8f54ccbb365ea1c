"""A conversation read from one row, or the reason why the row was set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Message = dict[str, Any]
"""``role`` and ``content`` as chat templates take them; perhaps ``tool_calls``, ``tool_call_id``."""
Targets = Literal["last", "all"]


@dataclass(frozen=True)
class SetAside:
    """A row that cannot be used. ``reason`` names a kind, so that equal reasons can be counted."""

    reason: str
    detail: str = ""
    """What was seen in this very row."""


@dataclass(frozen=True)
class Conversation:
    """One row as messages, and which of them carry loss."""

    format: str
    messages: tuple[Message, ...]
    targets: tuple[int, ...]
    """Indices into ``messages``, ascending. Empty for text alone, where all tokens carry loss."""
    answers: tuple[str, ...] = ()
    """Every right answer, the trained one first; what the last target says where a row has one answer."""
    tools: tuple[dict[str, Any], ...] = ()
    """JSON schemas of the functions that the assistant may call."""
    reasoning: str = ""
    """The rationale that a column of its own holds."""
    rejected: tuple[Message, ...] = ()
    """The unwanted reply of a preference pair; never a target."""
    text: str = ""
    """The document, where a row is text alone (continued pretraining)."""
    notes: tuple[str, ...] = ()
    """What was decided in reading this row that its owner may want to know."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages before the last target."""
        return self.messages[: self.targets[-1]] if self.targets else ()

    @property
    def completion(self) -> Message:
        """The last target; an empty message where the row is text alone."""
        return self.messages[self.targets[-1]] if self.targets else {}

    @property
    def trained(self) -> tuple[Message, ...]:
        """The messages up to the last target; what follows it is never seen in training."""
        return self.messages[: self.targets[-1] + 1] if self.targets else ()


class Unreadable(Exception):
    """Raised inside a reader where a row turns out to be unusable; never leaves this package."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.aside = SetAside(reason, detail)
        super().__init__(reason)


def exchange(
    format: str,
    prompt: str,
    answers: Sequence[str],
    *,
    system: str = "",
    before: Sequence[Message] = (),
    **more: Any,
) -> Conversation:
    """One user turn and its answer, after an optional system turn and earlier turns."""
    if not prompt.strip():
        raise Unreadable("the prompt is empty")
    if not answers:
        raise Unreadable("the answer is empty")
    opening = [{"role": "system", "content": system}] if system.strip() else []
    messages = (*opening, *before, user(prompt), assistant(answers[0]))
    return Conversation(format, messages, (len(messages) - 1,), tuple(answers), **more)


def user(text: str) -> Message:
    """A user turn."""
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    """An assistant turn."""
    return {"role": "assistant", "content": text}


Labels = Mapping[str, Sequence[str]]
"""Names of integer labels, by column (``ClassLabel.names`` of ``datasets``)."""
