"""Damage in texts that a run would teach: letters decoded with the wrong table, and escapes of HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

LEAST_SHARE = 0.02
"""Share of the texts from which it is told: one in fifty rows is no accident of a single row."""
_ESCAPED = re.compile(r"&(?:#\d{2,6}|#x[0-9a-fA-F]{2,6}|[a-zA-Z]{2,8}\d?);")
_HIGH = re.compile(r"[^\x00-\x7f]+")


def damage(texts: Sequence[str], what: str) -> list[str]:
    """A line for each kind of damage in ``texts``, which are ``what`` (prompts, answers)."""
    told = []
    for kind, mend in (
        ("letters decoded with the wrong table", redecoded),
        ("escapes of HTML", unescaped),
    ):
        broken = [(text, mended) for text in texts if (mended := mend(text)) != text]
        if broken and len(broken) >= LEAST_SHARE * len(texts):
            seen, better = _around(*broken[0])
            told.append(
                f"{what}: {len(broken):,} of {len(texts):,} hold {kind} ({seen!r} for {better!r}), and are "
                "trained on as they are; mend the file where this is not meant"
            )
    return told


def redecoded(text: str) -> str:
    """A text of UTF-8 that was read as Windows-1252 (``cafÃ©``) as it was written; any other as it is.

    Only where every run of its letters beyond ASCII is UTF-8 when it is written back: no sound text is.
    """
    runs = _HIGH.findall(text)
    if not runs:
        return text
    mended = [_from_bytes(run) for run in runs]
    if any(run is None for run in mended):
        return text
    parts = iter(mended)
    return _HIGH.sub(lambda _: next(parts) or "", text)


def _from_bytes(run: str) -> str | None:
    try:
        # Bytes that the table leaves open are kept by programs as the control signs of the same number.
        raw = b"".join(
            char.encode("latin-1") if "\x80" <= char <= "\x9f" else char.encode("cp1252") for char in run
        )
        return raw.decode("utf-8")
    except UnicodeError:
        return None


def unescaped(text: str) -> str:
    """A text with ``&amp;`` as ``&``; any without such an escape as it is."""
    return html.unescape(text) if _ESCAPED.search(text) else text


def _around(text: str, mended: str) -> tuple[str, str]:
    """The first word of a text that changes, before and after."""
    pairs = zip(text.split(), mended.split(), strict=False)
    return next(((one[:24], other[:24]) for one, other in pairs if one != other), (text[:24], mended[:24]))
