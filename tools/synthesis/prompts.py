"""Prompts for the teacher: ``prompts/NAME.md`` as the system's turn, rows delimited in the user's.

All rows of an operation share the system's turn, so that
providers can read it from their cache.
"""

from __future__ import annotations

from pathlib import Path

from tools.chat.prompt_files import PromptFiles
from tools.chat.untrusted_text import delimited

PROMPTS = PromptFiles(Path(__file__).parent / "prompts")
ROW_CHARACTERS = 24_000
"""Rows longer than this, prompt and answer together, are not sent."""


def instructions(name: str, **fields: str) -> str:
    """The system's turn of an operation.

    Args:
        name: ``solve``, ``rephrase``, ``generate`` or ``judge``.
        fields: one text for each placeholder, no more and no fewer.

    Raises:
        HarnessFault: no such prompt, or a field that is missing or unknown.
    """
    return PROMPTS.render(name, **fields)


def material(**texts: str) -> str:
    """Texts of rows as data, each in a fence under its name, with spaces for underscores."""
    return "\n\n".join(
        delimited(text, name.replace("_", " "), ROW_CHARACTERS) for name, text in texts.items()
    )
