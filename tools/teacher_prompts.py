"""What the teacher is told: ``tools/prompts/NAME.md`` as the system's turn, rows fenced in the user's.

Placeholders are written ``{{field}}``. Filling is strict in both directions, and a value is put
in once and never read again. All rows of an operation share the system's turn, so that
providers can read it from their cache.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tasks.errors import HarnessFault
from tools.fenced_text import fenced

FOLDER = Path(__file__).parent / "prompts"
ROW_CHARACTERS = 24_000
"""Rows longer than this, prompt and answer together, are not sent."""
_PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")


def instructions(name: str, **fields: str) -> str:
    """The system's turn of an operation.

    Args:
        name: ``solve``, ``rephrase``, ``generate`` or ``judge``.
        fields: one text for each placeholder, no more and no fewer.

    Raises:
        HarnessFault: no such prompt, or a field that is missing or unknown.
    """
    template = _template(name)
    wanted = set(_PLACEHOLDER.findall(template))
    if wanted != fields.keys():
        raise HarnessFault(f"prompt {name}: has the fields {sorted(wanted)}, was given {sorted(fields)}")
    return _PLACEHOLDER.sub(lambda found: fields[found[1]], template)


def material(**texts: str) -> str:
    """Texts of rows as data, each in a fence under its name, with spaces for underscores."""
    return "\n\n".join(fenced(text, name.replace("_", " "), ROW_CHARACTERS) for name, text in texts.items())


@cache
def _template(name: str) -> str:
    try:
        return (FOLDER / f"{name}.md").read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        raise HarnessFault(f"there is no prompt {name} in {FOLDER.name}") from None
