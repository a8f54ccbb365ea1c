"""Markdown that shows foreign words as words: no tag, picture, link or table cell of theirs comes to be.

A champion's card goes to the Hub, and descriptions, licences and names in it come from whoever made the data.
"""

from __future__ import annotations

import html
import re

from tasks.credentials import without_credentials
from tools.chat.untrusted_text import visible

_MARKS = re.compile(r"([\[\]`|])")
_OPENINGS = re.compile(r"^(\s*)([#=~+-])", re.MULTILINE)
"""What makes a heading, a list or a block of a line."""


def words(text: str) -> str:
    """A text as it reads: tags, links and cells of tables escaped, what is invisible by its code."""
    plain = html.escape(visible(without_credentials(text)), quote=False)
    return _OPENINGS.sub(r"\1\\\2", _MARKS.sub(r"\\\1", plain))


def name(text: str) -> str:
    """A name on one line."""
    return words(" ".join(text.split()))


def code(text: str) -> str:
    """A text for a block of code, which it cannot close."""
    return visible(without_credentials(text)).replace("```", "'''")
