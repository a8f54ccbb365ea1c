"""Sentence of a story: its words, the experiments it is about, and the journal's events it rests on.

A story is Markdown that a terminal shows as it is: one list item a sentence, wrapped at 80 columns. What a
model, a person or a data set wrote passes through ``quoted`` or ``named``, so that it can neither steer a
terminal nor pass for a heading, a link or the brackets that name an experiment.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from memory.journal.events import Event
from tools.chat.untrusted_text import one_line

RUN = "run"
"""What a sentence is about that rests on an event of the whole run."""
WIDTH = 80
"""Columns of the page."""
QUOTED = 240
"""Characters of a quotation."""
NAMED = 60
"""Characters of a name."""
UNBROKEN = 70
"""Columns of a word of foreign origin; a longer one is divided."""
_MARKUP = frozenset("`*~")
_BLOCK = re.compile(r">|([-+]|#{1,6}|=+|-+|\d{1,9}[.)])$")
"""A word that would begin a list or a heading if it stood first on its line."""


@dataclass(frozen=True)
class Sentence:
    """One statement with what it rests on."""

    text: str
    about: tuple[str, ...]
    """Experiment ids, ``base`` or ``run``: those of its events."""
    events: tuple[int, ...]
    """``seq`` of the events behind it, at least one."""

    def line(self) -> str:
        """The text with what it is about, as ``... [e03]``."""
        return f"{self.text} [{', '.join(map(named, self.about))}]"


@dataclass(frozen=True)
class Chapter:
    """Sentences under a heading."""

    title: str
    sentences: tuple[Sentence, ...]


def resting_on(text: str, *events: Event) -> Sentence:
    """A sentence about what its events are about."""
    about = dict.fromkeys(event.experiment or RUN for event in events)
    return Sentence(text, tuple(about), tuple(event.seq for event in events))


def markdown(title: str, chapters: Iterable[Chapter]) -> str:
    """The page; chapters without a sentence are left out."""
    parts = [f"# {title}"]
    for chapter in chapters:
        if chapter.sentences:
            items = "\n".join(_wrapped(sentence.line()) for sentence in chapter.sentences)
            parts.append(f"## {chapter.title}\n\n{items}")
    return "\n\n".join(parts) + "\n"


def quoted(text: str, limit: int = QUOTED) -> str:
    """Words of foreign origin in quotation marks, without a last full stop: on one line, escaped, cut."""
    return f'"{named(text, limit).replace(chr(34), chr(39)).removesuffix(".")}"'


def named(text: str, limit: int = NAMED) -> str:
    """A name or a text of ours that holds foreign words: on one line, escaped, cut."""
    return _escaped(one_line(text, limit))


def listed(names: Iterable[str]) -> str:
    """Names, or texts that are escaped already, as ``a, b and c``."""
    given = list(names)
    return " and ".join([", ".join(given[:-1]), given[-1]] if len(given) > 1 else given)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, its longest words divided."""
    parts: list[str] = []
    unbroken = 0
    for index, character in enumerate(text):
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        shown = f"\\{character}" if _is_markup(character, before, after) else character
        unbroken = 0 if character == " " else unbroken + _columns(shown)
        if unbroken > UNBROKEN:
            parts.append(" ")
            unbroken = _columns(shown)
        parts.append(shown)
    return "".join(parts)


def _is_markup(character: str, before: str, after: str) -> bool:
    """Whether Markdown, or a reader who looks for ``[e03]``, could take it for more than a character."""
    match character:
        case "\\":  # the code of an invisible character stays readable
            return not after.isalnum()
        case "_":
            return not (before.isalnum() and after.isalnum())
        case "&":
            return after.isalpha() or after == "#"
        case "<":
            return after.isalpha() or after in ("/", "!", "?")
        case "[":  # an interval stays readable
            return after.isalpha() or before == "!"
        case "]":
            return after in ("(", "[", ":")
    return character in _MARKUP


def _wrapped(line: str) -> str:
    """A list item in lines of at most ``WIDTH`` columns, as far as its words allow."""
    lines: list[str] = []
    current = ["-"]
    for word in line.split(" "):
        if _columns(" ".join([*current, word])) <= WIDTH:
            current.append(word)
            continue
        # A line must not begin with what would begin a list there: then the word before goes with it.
        moved = 1
        while moved < len(current) - 1 and _BLOCK.match([*current, word][-moved]):
            moved += 1
        carried = [*current, word][-moved:]
        lines.append(" ".join(current[: len(current) + 1 - moved]))
        current = [" ", *carried]
    return "\n".join([*lines, " ".join(current)])


def _columns(text: str) -> int:
    """How many columns a terminal gives the text: two to the wide letters of East Asia."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)
