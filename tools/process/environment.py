"""Environment of a child process: the caller's, without credentials.

A child trains, generates or measures; none talks to a provider. What it does not have
it cannot print into a log, put into a crash dump or hand on to a library's telemetry.

The rule, by name: a variable is a credential when one of its words, as ``_`` separates
them, is KEY, TOKEN, AUTH, PASS... (``WORDS``), or when its name holds PASSWORD, SECRET,
CREDENTIAL... anywhere (``STEMS``). Words and not parts of words, so TOKENIZERS_PARALLELISM
and KEYBOARD stay. By value: an address with a password in it is a credential, and so is
anything that looks like a provider's key (``tasks.credentials``) or holds the value of a
credential, whatever its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tasks.credentials import holds_credential

WORDS = frozenset(
    (
        "KEY",
        "KEYS",
        "TOKEN",
        "TOKENS",
        "AUTH",
        "AUTHORIZATION",
        "BEARER",
        "COOKIE",
        "DSN",
        "JWT",
        "PASS",
        "PAT",
    )
)
STEMS = (
    "ACCESSKEY",
    "APIKEY",
    "AUTHTOKEN",
    "CREDENTIAL",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATEKEY",
    "SECRET",
)
SHORTEST_VALUE = 8
"""A shorter value of a credential (``true``, a user's name) may stand in others by chance."""


def looks_secret(name: str) -> bool:
    """Whether a variable of this name is taken for a credential."""
    upper = name.upper()
    words = (word.rstrip("0123456789") for word in re.split(r"[^A-Z0-9]+", upper))
    return (
        any(word in WORDS for word in words)
        or any(stem in upper for stem in STEMS)
        or upper.endswith("_PWD")  # PWD and OLDPWD are folders
    )


def child_environment(environ: Mapping[str, str], extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child process may know of the caller's environment.

    Args:
        environ: the caller's, ``os.environ`` as a rule.
        extra: variables of the child's own; they win, and pass unchecked.
    """
    secrets = {value.strip() for name, value in environ.items() if looks_secret(name)}
    known = [value for value in secrets if len(value) >= SHORTEST_VALUE and not _is_path(value)]
    kept = {
        name: value
        for name, value in environ.items()
        if not looks_secret(name)
        and not holds_credential(value)
        and not any(secret in value for secret in known)
    }
    return kept | dict(extra or {})


def _is_path(value: str) -> bool:
    """A credential's place (a socket, a file) is no secret: PATH may well begin with it."""
    return value.startswith(("/", "~")) and len(value) < 4096 and Path(value).expanduser().exists()
