"""Prompts as files: ``roles/prompts/NAME.md``, with placeholders written ``{{field}}``.

Filling is strict in both directions, and a value is put in once and never read again: what
stands in a data set may look like a placeholder and stays text.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tasks.errors import HarnessFault

FOLDER = Path(__file__).parent / "prompts"
_PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")


def names() -> tuple[str, ...]:
    """Every prompt's name, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.md")))


def fields_of(name: str) -> frozenset[str]:
    """The placeholders of a prompt.

    Raises:
        HarnessFault: no such prompt.
    """
    return frozenset(_PLACEHOLDER.findall(_template(name)))


def render(name: str, **fields: str) -> str:
    """A prompt with its placeholders filled.

    Args:
        name: the file's name, without ``.md``.
        fields: one text for each placeholder, no more and no fewer.

    Raises:
        HarnessFault: no such prompt, or a field that is missing, unknown or no text.
    """
    template = _template(name)
    wanted = fields_of(name)
    problems = [
        *(f"{field} is missing" for field in sorted(wanted - set(fields))),
        *(f"{field} is not in it" for field in sorted(set(fields) - wanted)),
        *(f"{field} is {type(fields[field]).__name__}, not text" for field in _not_text(fields)),
    ]
    if problems:
        raise HarnessFault(f"prompt {name}: {', '.join(problems)}")
    return _PLACEHOLDER.sub(lambda found: fields[found[1]], template)


def _not_text(fields: dict[str, str]) -> list[str]:
    return sorted(field for field, value in fields.items() if not isinstance(value, str))


@cache
def _template(name: str) -> str:
    """A file's text, without the last newline."""
    try:
        return (FOLDER / f"{name}.md").read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        raise HarnessFault(f"there is no prompt {name}; there are {', '.join(names())}") from None
