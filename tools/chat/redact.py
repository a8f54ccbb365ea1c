"""Redaction of keys in texts: the run's own in every writing, others as ``tasks.credentials`` knows them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from tasks.credentials import REDACTED, without_credentials

SHORTEST_SECRET = 6
"""Shorter ones would take ordinary words out of texts; no provider's key is that short."""
ERROR_CHARACTERS = 500


class Redactor:
    """Replaces secrets by ``[redacted]``.

    Finds each secret as it is, percent-encoded, in JSON or Python string escapes, and within
    base64 at any offset (``Basic`` headers). Secrets under ``SHORTEST_SECRET`` characters are
    ignored. What has the look of a provider's key goes as well, whoever's it is.

    Args:
        secrets: the keys; empty ones and repetitions do no harm.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        kept = {secret.strip() for secret in secrets if len(secret.strip()) >= SHORTEST_SECRET}
        writings = {writing for secret in kept for writing in _writings(secret)}
        # The longest first: a key that holds another one goes as a whole.
        parts = sorted(map(re.escape, writings), key=lambda part: (-len(part), part))
        self._pattern = re.compile("|".join(parts)) if parts else None

    def __repr__(self) -> str:
        """Says nothing of the secrets."""
        return "Redactor()"

    def text(self, text: str) -> str:
        """The text without secrets."""
        return without_credentials(self._pattern.sub(REDACTED, text) if self._pattern else text)

    def error(self, error: BaseException) -> str:
        """An exception in one line without secrets: its type, what it says, and its first cause.

        At most ``ERROR_CHARACTERS`` characters; cut after redaction, so that no half key stays.
        """
        told = _line(error)
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if str(cause) != str(error):
            told += f" (from {_line(cause)})"
        told = self.text(told)
        return told if len(told) <= ERROR_CHARACTERS else told[: ERROR_CHARACTERS - 3] + "..."


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def _writings(secret: str) -> Iterator[str]:
    """Every spelling of a secret that a text may hold."""
    yield secret
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    for coded in _base64(secret.encode()):
        yield coded
        yield coded.replace("+", "-").replace("/", "_")


def _base64(secret: bytes) -> Iterator[str]:
    """What of the secret is the same in base64 whatever stands around it, for the three offsets."""
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + secret).decode().rstrip("=")
        # A character holds 6 bits: the first ones mix with what goes before, the last with what follows.
        first = -(-offset * 8 // 6)
        last = (offset + len(secret)) * 8 // 6
        yield coded[first:last]
