"""A page of bounded length: sections with shares of a budget of tokens, and texts that fit their share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.chat.untrusted_text import delimited, one_line
from tools.process.root_cause import without_paths

SHORTEST = 60
"""Characters under which a quotation says nothing."""
LEAST_ROOM = 80
"""Tokens of a section under which a text that needs more says nothing: title, fence and a line."""
NOTICE = 10
"""Tokens of the line that says how many are missing."""
FENCE_START = re.compile(r'^<untrusted (id="\w+")')


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


def approximate_tokens(text: str) -> int:
    """An upper estimate for common tokenizers: 3 ASCII characters a token, others one each."""
    ascii_count = sum(character.isascii() for character in text)
    return math.ceil(ascii_count / 3) + len(text) - ascii_count


def laid_out(sections: Sequence[Section], tokens: int, most: int | None = None) -> str:
    """The sections that have something to say, in order.

    Each may take its share; what some leave free goes to those that want more, in proportion to their
    shares. A text that outgrows its room is clipped, never dropped; only when the whole is still too long,
    as with a very small budget, sections go by rank.

    Args:
        sections: in the order of the page.
        tokens: what the shares are shares of.
        most: of the whole page; by default as many.
    """
    most = tokens if most is None else most
    written = [(section, text) for section in sections if (text := _written(section, most))]
    while written and sum(_least(text) for _, text in written) > most:
        written.remove(max(written, key=lambda each: each[0].rank))
    rooms = _divided(written, tokens, most)
    return "\n\n".join(
        _fitted(section, text, room) for (section, text), room in zip(written, rooms, strict=True)
    )


def _least(text: str) -> int:
    """Tokens that a section takes at least, with the empty line after it."""
    return min(approximate_tokens(text), LEAST_ROOM) + 1


def _divided(written: Sequence[tuple[Section, str]], tokens: int, most: int) -> list[int]:
    """Tokens for each section: what it takes at least, and its part of the rest."""
    least = [_least(text) for _, text in written]
    wishes = [
        (max(section.share * tokens - floor, 1.0), approximate_tokens(text) + 1 - floor)
        for (section, text), floor in zip(written, least, strict=True)
    ]
    rest = _rooms(wishes, most - sum(least))
    return [floor + int(room + 0.01) - 1 for floor, room in zip(least, rest, strict=True)]


def _rooms(wishes: Sequence[tuple[float, float]], most: float) -> list[float]:
    """Tokens for each of (share in tokens, tokens wanted): no more than is wanted, no less than the share,
    as far as ``most`` holds.

    Who wants less than it would get gets that, and the rest is divided anew among the others.
    """
    rooms = [0.0] * len(wishes)
    left, open_ones = most, list(range(len(wishes)))
    while open_ones:
        per_share = max(left, 0.0) / max(sum(wishes[place][0] for place in open_ones), 1e-9)
        content = [place for place in open_ones if wishes[place][1] <= wishes[place][0] * per_share]
        if not content:
            for place in open_ones:
                rooms[place] = wishes[place][0] * per_share
            break
        for place in content:
            rooms[place] = wishes[place][1]
            left -= wishes[place][1]
        open_ones = [place for place in open_ones if place not in content]
    return rooms


def _written(section: Section, tokens: int) -> str:
    """Title and text of a section in at most so many tokens; empty when it has nothing to say."""
    head = f"## {section.title}\n"
    body = section.build(tokens - approximate_tokens(head)).strip()
    return f"{head}{body}" if body else ""


def _fitted(section: Section, text: str, tokens: int) -> str:
    """The section in so many tokens; ``text`` is what it says with all the room there is."""
    if approximate_tokens(text) <= tokens:
        return text
    return clipped(_written(section, tokens) or text, tokens)


def clipped(text: str, tokens: int) -> str:
    """Whole lines from the start of a text, and a line that says how many are missing.

    A fence that is cut is closed; one of which not a line fits is left out. A long line is cut as well.
    """
    if approximate_tokens(text) <= tokens:
        return text
    lines = text.split("\n")
    kept: list[str] = []
    left, closing = float(tokens - NOTICE), ""
    for line in lines:
        if mark := FENCE_START.match(line):
            closing = f"</untrusted {mark[1]}>"
            left -= approximate_tokens(closing + "\n")  # it has to close
        if line == closing:
            left, closing = left + approximate_tokens(line + "\n"), ""
        left -= approximate_tokens(line + "\n")
        if left < 0:
            kept += _start_of(line, left + approximate_tokens(line))
            break
        kept.append(line)
    if kept and FENCE_START.match(kept[-1]):
        kept, closing = kept[:-1], ""
    missing = len(lines) - len(kept) - bool(closing)
    return "\n".join([*kept, *([closing] if closing else []), f"({missing} more lines left out)"])


def _start_of(line: str, tokens: float) -> list[str]:
    """The start of a long line that does not fit, where it is worth reading."""
    characters = int(3 * tokens) - 3 if line.isascii() else int(tokens) - 3
    if characters < SHORTEST or line.startswith("|"):
        return []
    return [f"{line[:characters].rstrip()}…"]


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
