"""Declared columns: the prompt template and the answer of a ``task.toml``, which no guess overrules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.base import Row
from tasks.formats.conversation import Unreadable
from tasks.formats.values import ABSENT, is_missing, opened, reach, text_of

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}\n]+)\}")


@dataclass(frozen=True)
class Declared:
    """What the owner of the data says about its columns; empty text where nothing is said."""

    template: str = ""
    """``{column}`` stands for that column, ``{{`` and ``}}`` for braces; a path reaches inside."""
    answer: str = ""
    reasoning: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the template names, each once."""
        return tuple(dict.fromkeys(name for name in _PLACEHOLDER.findall(self.template) if name))

    def lacks(self, row: Row) -> tuple[str, ...]:
        """Columns of the template that the row does not have; one that is there but empty counts as had."""
        return tuple(name for name in self.columns if reach(row, name) is ABSENT)

    def has_answer(self, row: Row) -> bool:
        """Whether the declared answer is a column of the row, empty or not."""
        return bool(self.answer) and reach(row, self.answer) is not ABSENT

    def prompt(self, row: Row) -> str:
        """The filled template. Raises Unreadable where every column that it names is empty.

        An empty column takes its own line with it, if nothing else stands there, and the space around it.
        """
        values = {name: cell_text(reach(row, name)) for name in self.columns}
        if self.columns and not any(text.strip() for text in values.values()):
            raise Unreadable("the prompt is empty", ", ".join(self.columns))
        empty = {name for name, text in values.items() if not text.strip()}
        return _fill(_tidy(self.template, empty) if empty else self.template, values)


def cell_text(value: object) -> str:
    """The text of a cell; of a list of answers or of spans, the first."""
    inside = opened(value)
    if isinstance(inside, Mapping) and isinstance(inside.get("text"), list) and "answer_start" in inside:
        inside = inside["text"][0] if inside["text"] else None
        return text_of(inside)
    return "" if value is ABSENT or is_missing(value) else text_of(value)


def _fill(template: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda m: values[m[1]] if m[1] else m[0][0], template)


def _tidy(template: str, empty: set[str]) -> str:
    """The template without the lines that hold nothing but empty columns."""
    kept: list[str] = []
    dropped = False
    for line in template.split("\n"):
        names = [name for name in _PLACEHOLDER.findall(line) if name]
        if names and set(names) <= empty and not _PLACEHOLDER.sub("", line).strip():
            dropped = True
            continue
        if dropped and not line.strip() and (not kept or not kept[-1].strip()):
            continue  # the blank lines on both sides of what was dropped become one
        dropped = False
        kept.append(line)
    while dropped and kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept)
