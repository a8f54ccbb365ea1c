"""Bytes as texts: every input is one, also what no encoding knows, and one input may hold several."""

from __future__ import annotations

import json
from typing import Any

PART = "\x1f"
"""Parts an input into several texts."""


def text_of(content: bytes) -> str:
    """The bytes as text; half characters stay as such, other bytes become half characters."""
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "surrogateescape")


def parts_of(content: bytes, count: int) -> list[str]:
    """Exactly so many texts; missing ones are empty."""
    parts = text_of(content).split(PART, count - 1)
    return [*parts, *[""] * (count - len(parts))]


def joined(*parts: str) -> bytes:
    """The texts as one input."""
    return PART.join(parts).encode("utf-8", "surrogatepass")


def encoded(*texts: str) -> tuple[bytes, ...]:
    """Each text as an input."""
    return tuple(text.encode("utf-8", "surrogatepass") for text in texts)


def json_value(text: str) -> Any:
    """The JSON value of a text; the text itself where it is none."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
