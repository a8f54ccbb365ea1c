"""A page of bounded length: sections with shares of a budget of tokens, and texts that fit their share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memory.digest import approximate_tokens
from tools.chat.untrusted_text import delimited, one_line
from tools.process.root_cause import without_paths

SHORTEST = 60
"""Characters under which a quotation says nothing."""


@dataclass(frozen=True)
class Section:
    """One part of a briefing."""

    title: str
    share: float
    """Of the budget, 0.0 to 1.0: the most it may take."""
    build: Callable[[int], str]
    """Its text, in at most so many tokens; empty when there is nothing to say."""
    rank: int
    """Who goes first when even the shares do not fit: the highest."""


def laid_out(sections: Sequence[Section], tokens: int, most: int | None = None) -> str:
    """The sections that have something to say, in order.

    A section whose text outgrows its share is clipped; when the whole is still too long, as
    with a very small budget, sections go by rank.

    Args:
        sections: in the order of the page.
        tokens: what the shares are shares of.
        most: of the whole page; by default as many.
    """
    most = tokens if most is None else most
    written: list[tuple[Section, str]] = []
    for section in sections:
        allowed = int(section.share * tokens)
        body = section.build(allowed).strip()
        if body:
            written.append((section, clipped(f"## {section.title}\n{body}", allowed)))
    while written and approximate_tokens(_page(written)) > most:
        written.remove(max(written, key=lambda each: each[0].rank))
    return _page(written)


def _page(written: Sequence[tuple[Section, str]]) -> str:
    return "\n\n".join(text for _, text in written)


def clipped(text: str, tokens: int) -> str:
    """Whole lines from the start of a text, and a line that says how many are missing.

    A fence that would be cut is left out whole: it must close.
    """
    if approximate_tokens(text) <= tokens:
        return text
    kept, lines = 0, text.split("\n")
    used, opened = 10, ""
    for number, line in enumerate(lines):
        used += approximate_tokens(line + "\n")
        if used > tokens:
            break
        if line.startswith("<untrusted "):
            opened = line
        elif opened and line.startswith("</untrusted "):
            opened = ""
        if not opened:
            kept = number + 1
    return "\n".join([*lines[:kept], f"({len(lines) - kept} more lines left out)"])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    lines = [list(header), ["---"] * len(header), *([cell.replace("|", "/") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def name(text: str, limit: int = 60) -> str:
    """A name of foreign origin on one line."""
    return one_line(without_paths(text), limit)


def names(texts: Sequence[str], limit: int = 60) -> str:
    """Names of foreign origin, in a row; those beyond ``limit`` characters are counted."""
    shown: list[str] = []
    for number, text in enumerate(texts):
        shown.append(name(text, 40))
        if len(", ".join(shown)) > limit and number:
            return f"{', '.join(shown[:-1])} and {len(texts) - number} more"
    return ", ".join(shown)


def quoted(text: str, label: str, tokens: int) -> str:
    """A text inside a fence, in at most ``tokens`` tokens, fence included; empty when there is no room."""
    most = len(text) or 1
    while most >= SHORTEST or most >= len(text):
        fence = delimited(text, label, most)
        size = approximate_tokens(fence)
        if size <= tokens:
            return fence
        most = min(most - 20, int(most * tokens / size * 0.95))
    return ""


def listing(entries: Sequence[str], tokens: int) -> str:
    """As many entries as fit, from the first on; the others are counted."""
    kept: list[str] = []
    used = 10
    for entry in entries:
        used += approximate_tokens(entry + "\n")
        if used > tokens:
            break
        kept.append(entry)
    if len(kept) < len(entries):
        kept.append(f"({len(entries) - len(kept)} more left out)")
    return "\n".join(kept)


def share(part: float) -> str:
    """A share as percent."""
    return f"{100 * part:.0f}%"
