"""Plotting code as an answer: finding it in a text, and the script that runs it and notes what it drew."""

from __future__ import annotations

import ast
import functools
import json
import re
import textwrap
import warnings
from collections.abc import Mapping
from importlib import resources
from typing import Any

from tasks.answers.extract import without_thinking
from tasks.base import Script, ScriptResult

MOST_CODE = 20_000
"""Characters; a longer text is not taken for code."""
GIVEN = "df and plt are given."
"""A prompt that says so is answered by code that goes on after ``HEAD``."""
HEAD = "import pandas as pd\nimport matplotlib.pyplot as plt\ndf = pd.read_csv('table.csv')\n"
"""The three lines with which the published prompt has every answer begin."""
_FENCE = re.compile(r"^[ \t>]*`{3,}[ \t]*([\w+-]*)[ \t]*(.*)$")
_PYTHON = ("python", "py", "python3", "ipython", "pycon")
_PLOTS = re.compile(r"\bplt\b|\bplot\b")
_FIRST_LINE = re.compile(r"^(?:(?:import|from)[ \t]+\w|(?:df|plt)[ \t]{0,3}[.=\[])", re.MULTILINE)


def code_of(text: str) -> str | None:
    """The code that a text answers with, without its fence.

    That is the last block marked as Python (in any spelling, closed or not), else the
    last unmarked block that plots, else the text itself, or what follows from its first
    line of code on, where that parses and plots.
    """
    text = without_thinking(text)
    blocks = _blocks(text)
    for labels in (_PYTHON, ("",)):
        for label, code in reversed(blocks):
            if label in labels and code and (label or _plots(code)):
                return code
    start = _FIRST_LINE.search(text)
    for bare in (text, text[start.start() :] if start else ""):
        code = bare.strip()
        if "```" not in code and _plots(code):
            return code
    return None


def _blocks(text: str) -> list[tuple[str, str]]:
    """(label in lower case, code) of every delimited block; an unclosed one runs to the next or to the
    end."""
    found: list[tuple[str, str]] = []
    label: str | None = None
    lines: list[str] = []

    def close() -> None:
        code = textwrap.dedent("\n".join(lines)).strip("\n").rstrip()
        if label is not None and len(code) <= MOST_CODE:
            found.append((label, code))
        lines.clear()

    for line in text.split("\n"):
        fence = _FENCE.match(line) if "```" in line else None
        if fence and (fence.group(1) or label is None):
            close()
            label = fence.group(1).lower()
            lines += [fence.group(2)] if fence.group(2).strip("` ") else []
        elif fence:
            close()
            label = None
        elif label is not None:
            head, closing, _ = line.partition("```")
            lines.append(head)
            if closing:
                close()
                label = None
    close()
    return found


def _plots(code: str) -> bool:
    return len(code) <= MOST_CODE and bool(_PLOTS.search(code)) and parsed(code) is not None


def parsed(code: str) -> ast.Module | None:
    """The syntax tree; None for what Python cannot read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


@functools.cache
def _harness() -> str:
    return resources.files("tasks.tablebench.charts").joinpath("capture.py").read_text(encoding="utf-8")


def capture_script(own: str | None, released: str | None, table_csv: str) -> Script:
    """A script that runs the code beside ``table.csv`` and writes what it drew to ``result.json``."""
    return Script(f"{_harness()}\n\nmain({own!r}, {released!r})\n", {"table.csv": table_csv})


def report_of(result: ScriptResult) -> Mapping[str, Any]:
    """The content of ``result.json``; empty when it is missing or not an object."""
    try:
        found = json.loads(result.returned) if result.returned else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
