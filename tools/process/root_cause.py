"""Root cause of a failure as its log names it: the first cause, not the last echo of it."""

from __future__ import annotations

import re

LONGEST = 600
"""Characters of what is shown."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_RANK = re.compile(r"^\s*\[(?:rank|default)\d+\]:\s?")
_PATH = re.compile(r"(?<![\w:/.~])(?:~|[A-Za-z]:)?(?:[/\\][\w.@+-]+)+[/\\](?P<name>[\w.@+-]+)")
_HEADER = "Traceback (most recent call last)"
_EXCEPTION = re.compile(
    r"^(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failed|Fault|Warning)\b(?::|$)"
)
_STRONG = re.compile(
    r"out of memory|\bkilled\b|segmentation fault|core dumped|\bfatal\b|\bpanic\b|"
    r"no space left|permission denied|no such file|not found|\bSIG(?:KILL|SEGV|ABRT|BUS)\b",
    re.IGNORECASE,
)
_WEAK = re.compile(r"\berror\b|\bfailed\b|\bcannot\b|\bcould not\b|\binvalid\b|\bnan\b", re.IGNORECASE)
_HARMLESS = re.compile(
    r"\b(?:0|no) errors?\b|\bwarn(?:ing)?\b|\berror[_ -]?rate\b|\b(?:0|no) failed\b", re.IGNORECASE
)


def root_cause(log: str) -> str:
    """The first cause that a log names, with two lines of context; empty for an empty log.

    With tracebacks it is the first one's exception (Python prints a chain with the cause
    first, and a second process fails because of the first), with its last frame. Without,
    it is the first line that looks like an error, with its neighbours, or else the last line.
    Folders are left out of paths. The root cause of a root cause is itself: failure records hold
    one, and those of older runs a longer piece of the log.
    """
    lines = _lines(log)
    if not lines:
        return ""
    start = next((n for n, line in enumerate(lines) if _HEADER in line), None)
    if start is not None:
        found = _of_traceback(lines[start + 1 :])
    else:
        found = lines if lines[0].startswith('File "') else _of_messages(lines)
    text = without_paths("\n".join(found))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def without_paths(text: str) -> str:
    """The text with every absolute path cut to its last part: folders say nothing of the failure."""
    return _PATH.sub(lambda found: found["name"], text)


def _lines(log: str) -> list[str]:
    """Lines without colours, ranks and what a progress bar wrote over."""
    shown = (_RANK.sub("", _ESCAPES.sub("", line.split("\r")[-1] or line)) for line in log.split("\n"))
    return [line.rstrip() for line in shown if line.strip()]


def _of_traceback(lines: list[str]) -> list[str]:
    """The frame that raised, and the exception with what belongs to its message: two lines more at most."""
    end = next((n for n, line in enumerate(lines) if not line.startswith(" ")), None)
    if end is None:  # cut before its exception
        return lines[-2:]
    frame = [line.strip() for line in lines[:end] if not set(line.strip()) <= set("^~ ")][-2:]
    message = [lines[end]]
    for line in lines[end + 1 : end + 3]:
        if not line.startswith(" ") and not message[0].endswith(":") and "validation error" not in message[0]:
            break
        message.append(line)
    return [*frame, *message]


def _of_messages(lines: list[str]) -> list[str]:
    candidates = [n for n, line in enumerate(lines) if not _HARMLESS.search(line)]
    for looks_like_error in (_EXCEPTION.search, _STRONG.search, _WEAK.search):
        found = next((n for n in candidates if looks_like_error(lines[n])), None)
        if found is not None:
            return lines[max(0, found - 1) : found + 2]
    return lines[-1:]
