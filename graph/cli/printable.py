"""Printable text: what a model, a person or a data set wrote, without what could steer a terminal.

Every command prints through ``terminal`` or ``say``: escape sequences of others (colours, cursor moves,
titles, clipboard writes) and bidirectional characters become spaces there, whoever forgot about them before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from json import loads
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.highlighter import JSONHighlighter
from rich.markup import escape
from rich.segment import Segment


def printable(text: str) -> str:
    """Spaces in place of control, format and bidirectional characters; newlines and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


def shown(text: str) -> str:
    """Printable text that rich takes for no markup."""
    return escape(printable(text))


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON in which nothing steers a terminal and nothing is lost: other characters by their codes."""
    written = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in written)


class Terminal(Console):
    """A console whose text is printable; its own colours and cursor moves stay."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        self.push_render_hook(_Printable())

    def print_json(self, json: str | None = None, **given: Any) -> None:
        """One JSON text, indented; what cannot be printed is in it by its code."""
        text = json_text(loads(json or "null"), indent=2)
        self.print(JSONHighlighter()(text), soft_wrap=True)


def terminal(stderr: bool = False) -> Console:
    """The console of a command."""
    return Terminal(stderr)


def say(text: str, err: bool = False, end: bool = True) -> None:
    """One plain text on standard output, or on standard error; ``end`` ends its line."""
    typer.echo(printable(text), err=err, nl=end)


class _Printable(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Cleaned(each) for each in renderables]


class _Cleaned:
    """What a renderable draws, printable."""

    def __init__(self, drawn: ConsoleRenderable) -> None:
        self.drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.drawn, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
