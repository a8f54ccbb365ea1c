"""System prompts and briefings of the roles: the templates ``roles/llm/prompts/NAME.md``."""

from __future__ import annotations

from pathlib import Path

from tools.chat.prompt_files import PromptFiles

PROMPTS = PromptFiles(Path(__file__).parent / "prompts")
