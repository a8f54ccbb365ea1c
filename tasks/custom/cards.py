"""Cards of training sources: their owner's words beside the rows, ``train/a.md`` for ``train/a.jsonl``.

A card that cannot be read, or that is a link to a place outside of the task folder, costs itself and is
named: the source gets the card that is made of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.custom.links import LEAVES, leaves
from tasks.custom.tables import PassedOver
from tasks.custom.task_file import text_of
from tasks.errors import InputError

MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Card:
    """One card."""

    path: Path
    text: str = ""
    wrong: str = ""
    """Why it is not used; empty where it is."""


def card_of(table: str, folder: Path) -> Card | None:
    """The card beside a table's file, a link within that folder or the task's allowed; None without one."""
    source = Path(table)
    path = source.with_name(source.name.partition(".")[0] + ".md")
    if not path.is_symlink() and not path.exists():
        return None
    if leaves(path, folder) and leaves(path, path.parent):
        return Card(path, wrong=LEAVES)
    if not path.is_file():
        return Card(path, wrong="not a regular file")
    if path.stat().st_size > MOST_BYTES:
        return Card(path, wrong=f"longer than {MOST_BYTES:,} bytes")
    try:
        return Card(path, text_of(path))
    except InputError as error:
        return Card(path, wrong=error.wrong)


def not_read(passed: Iterable[PassedOver], cards: Sequence[Card]) -> list[str]:
    """A line for each file that was not read, cards among them; a card that is used was read."""
    lines: list[str] = []
    untold = {card.path: card.wrong for card in cards if card.wrong}
    for item in passed:
        tail = Path(item.path).parts
        card = next((card for card in cards if card.path.parts[-len(tail) :] == tail), None)
        if card is None:
            lines.append(f"{item.path}: not read, {item.reason}")
        elif card.wrong:
            lines.append(f"{item.path}: not read, {card.wrong}")
            untold.pop(card.path, None)
    return [*lines, *(f"{path.name}: not read, {wrong}" for path, wrong in untold.items())]
