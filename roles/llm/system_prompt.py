"""The roles' prompts: ``roles/llm/prompts/NAME.md``, filled strictly (see ``tools.chat.prompt_files``)."""

from __future__ import annotations

from pathlib import Path

from tools.chat.prompt_files import PromptFiles

PROMPTS = PromptFiles(Path(__file__).parent / "prompts")


def names() -> tuple[str, ...]:
    """Every prompt's name, sorted."""
    return PROMPTS.names()


def render(name: str, **fields: str) -> str:
    """A prompt with its placeholders filled.

    Args:
        name: the file's name, without ``.md``.
        fields: one text for each placeholder, no more and no fewer.

    Raises:
        HarnessFault: no such prompt, or a field that is missing, unknown or no text.
    """
    return PROMPTS.render(name, **fields)
