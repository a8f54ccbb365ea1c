r"""SMILES of an answer, read from under a JSON key, with the backslashes that JSON takes for escapes kept.

In SMILES ``\`` marks the geometry of a double bond, and in JSON it opens an escape. A
model that writes ``"F/C=C\F"`` with one backslash breaks the JSON (``\F``) or, worse,
writes a line feed (``\n``). Both are read as the SMILES they were meant to be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.answers import extract as read

LONGEST = 1_000
_MEANT = str.maketrans({"\n": "\\n", "\b": "\\b", "\f": "\\f", "\r": "\\r"})


def stated_smiles(text: str, keys: Sequence[str]) -> str | None:
    """The value of the last of ``keys`` that is stated; None when none is. Never raises."""
    found = read.json_field(text, keys)
    if found is not None:
        return found.translate(_MEANT)
    names = "|".join(re.escape(key) for key in keys)
    raw = rf'"(?:{names})"[ \t\r\n]{{0,20}}:[ \t\r\n]{{0,20}}"([^"\n]{{1,{LONGEST}}})"'
    last: str | None = None
    for match in re.finditer(raw, read.without_thinking(text)):
        last = match.group(1)
    return last.strip().replace("\\\\", "\\") or None if last else None
