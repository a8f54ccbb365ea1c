"""Prompts as files: ``NAME.md`` in a folder, with placeholders written ``{{field}}``.

Filling is strict in both directions, and a value is put in once and never read again: what
stands in a data set may look like a placeholder and stays text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.errors import HarnessFault

_PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")


@dataclass(frozen=True)
class PromptFiles:
    """The prompts of one folder."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """Every prompt's name, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.md")))

    def fields_of(self, name: str) -> frozenset[str]:
        """The placeholders of a prompt.

        Raises:
            HarnessFault: no such prompt.
        """
        return frozenset(_PLACEHOLDER.findall(self._template(name)))

    def render(self, name: str, **fields: str) -> str:
        """A prompt with its placeholders filled.

        Args:
            name: the file's name, without ``.md``.
            fields: one text for each placeholder, no more and no fewer.

        Raises:
            HarnessFault: no such prompt, or a field that is missing, unknown or no text.
        """
        template, wanted = self._template(name), self.fields_of(name)
        problems = [
            *(f"{field} is missing" for field in sorted(wanted - set(fields))),
            *(f"{field} is not in it" for field in sorted(set(fields) - wanted)),
            *(f"{field} is {type(fields[field]).__name__}, not text" for field in _not_text(fields)),
        ]
        if problems:
            raise HarnessFault(f"prompt {name}: {', '.join(problems)}")
        return _PLACEHOLDER.sub(lambda found: fields[found[1]], template)

    def _template(self, name: str) -> str:
        try:
            return _read(self.folder / f"{name}.md")
        except FileNotFoundError:
            raise HarnessFault(f"there is no prompt {name}; there are {', '.join(self.names())}") from None


def _not_text(fields: dict[str, str]) -> list[str]:
    return sorted(field for field, value in fields.items() if not isinstance(value, str))


@cache
def _read(path: Path) -> str:
    """A file's text, without the last newline."""
    return path.read_text(encoding="utf-8").rstrip("\n")
