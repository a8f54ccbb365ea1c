"""Printable text: what a model, a person or a data set wrote, without what could steer a terminal."""

from __future__ import annotations

from rich.markup import escape


def printable(text: str) -> str:
    """Spaces in place of control, format and bidirectional characters; newlines and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def shown(text: str) -> str:
    """Printable text that rich takes for no markup."""
    return escape(printable(text))
