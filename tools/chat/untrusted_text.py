"""Text of foreign origin inside a prompt or a tool's answer: delimited, quoted, escaped and bounded.

Rows, data cards, logs, answers and lessons may hold anything, instructions to the reader
included. A fence makes them recognisable as data:

    <untrusted id="3f9a0c11d2" what="answer to v17">
    > Final answer: 12
    </untrusted id="3f9a0c11d2">

The id comes from the text itself, so no text can close its own fence; every line is quoted,
so no line can pass for a heading or a speaker; invisible characters are written out, and the
brackets of chat markers and of fences are replaced, for a local server may read markers
anywhere in a prompt. What looks like a credential is left out: a scraped row must not send somebody's key to
a provider. A role's standing orders say what a fence means.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

from tasks.credentials import without_credentials

LIMIT = 1200
"""Characters of one delimited text, unless the caller says otherwise."""
LABEL = 80
TAG = "untrusted"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHOWN = 4
"""Characters of a run of invisible ones that are written out; longer runs are counted."""

_BRACKETS = "<\uff1c\u2039\u3008\u276e"
_BARS = "|\uff5c\u00a6\u2502\u2223"
_SPEAKERS = "system|sys|assistant|user|human|developer|tool|model|function"
_TURNS = "start_of_turn|end_of_turn|think|invoke"
_MARKERS = re.compile(
    rf"[{_BRACKETS}](?=[{_BARS}][^\s<>]{{1,40}}[{_BARS}])"
    rf"|[{_BRACKETS}](?=\s*/?\s*(?:{TAG}|{_SPEAKERS}|{_TURNS})(?:\b|_))"
    rf"|[{_BRACKETS}](?=/?(?:s|bos|eos)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)
"""Opening brackets of fences, of chat templates' markers, and of tags that name a speaker or a tool."""


_LABEL_SIGNS = str.maketrans({'"': "'", "<": "‹", ">": "›"})


def delimited(text: str, label: str, limit: int = LIMIT) -> str:
    """A text as data inside a fence, the same for the same text.

    Args:
        text: anything.
        label: what it is, in a few words; cleaned as the text is.
        limit: most characters of the text; what is left out is cut from its middle and counted.
    """
    content = clean(text, limit)
    what = one_line(label).translate(_LABEL_SIGNS)
    digest = sha256(f"{what}\n{text}".encode("utf-8", "replace")).hexdigest()
    mark = next(
        digest[start : start + 10] for start in range(50) if digest[start : start + 10] not in content
    )
    quoted = "\n".join(f"> {line}".rstrip() for line in content.split("\n"))
    return f'<{TAG} id="{mark}" what="{what}">\n{quoted}\n</{TAG} id="{mark}">'


def clean(text: str, limit: int = LIMIT) -> str:
    """A text escaped and cut, without a fence around it.

    Two thirds of the limit come from its start and a third from its end: answers stand at the end.
    """
    far = 8 * limit  # rows may be megabytes, and no more than this of either end can be shown
    head = tail = _disarmed(text[:far])
    if len(text) <= far and len(head) <= limit:
        return head
    if len(text) > far:
        tail = _disarmed(text[-far:])
    notice = f"\n[… about {max(len(text), len(head)) - limit} characters left out …]\n"
    room = max(limit - len(notice), 3)
    return head[: room - room // 3] + notice + tail[-(room // 3) :]


def one_line(text: str, limit: int = LABEL) -> str:
    """A short text of foreign origin, such as a name, on one line: escaped, white space collapsed, cut."""
    line = " ".join(clean(text, 4 * limit).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _disarmed(text: str) -> str:
    return _MARKERS.sub("‹", visible(without_credentials(text)))


def visible(text: str) -> str:
    r"""Control, format and private characters, which no reader sees, by their codes; line ends as ``\n``."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    parts: list[str] = []
    hidden: list[str] = []
    for character in text:
        if _is_hidden(character):
            hidden.append(character)
            continue
        if hidden:
            parts.append(_codes(hidden))
            hidden.clear()
        parts.append(character)
    return "".join([*parts, _codes(hidden)])


def _is_hidden(character: str) -> bool:
    if character in "\n\t" or " " <= character <= "~":
        return False
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return selector or unicodedata.category(character) in _INVISIBLE


def _codes(hidden: list[str]) -> str:
    if not hidden:
        return ""
    more = f"[{len(hidden) - _SHOWN} more invisible characters]" if len(hidden) > _SHOWN else ""
    return "".join(f"\\u{{{ord(character):x}}}" for character in hidden[:_SHOWN]) + more
