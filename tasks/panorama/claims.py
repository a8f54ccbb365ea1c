"""Claims, shared by its tasks: words of published rows, elements of mini ones, JSON of an answer."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.answers import extract as read
from tasks.base import Row
from tasks.columns import opened

DEVICES = ("pump", "lamp", "drone", "clock", "cart", "drill", "stove", "scale", "robot", "bench")
ELEMENTS = (
    "gear", "cam", "belt", "spring", "sensor", "motor", "fan", "lens", "pipe", "tank", "screw", "hinge",
    "wheel", "coil", "filter", "magnet", "clamp", "brush", "switch", "valve", "seal", "plate", "rod", "cable",
)  # fmt: skip
SHORT = {"title": 1, "abstract": 4, "claims": 4}
"""Words; what is no longer (``Pump``, ``A pump is shown.``) says nothing that the rest does not say."""
_PARENT = re.compile(r"\b(?:of|to|in|by) (?:any (?:one )?of )?claims? (\d{1,3})\b", re.IGNORECASE)
_LIST = r"\[[^\[\]{}]{1,400}\]"
_TEXT = r"""\"[^"\n]{1,80}\"|'[^'\n]{1,80}'"""
_WORD = r"""[^\s,}\]\["'{][^\s,}\]]{0,39}"""
_VALUE = re.compile(rf"""["']answer["']\s{{0,20}}:\s{{0,20}}({_LIST}|{_TEXT}|{_WORD})""")
_AROUND = "[]\"' \t\r\n"


def stated_value(text: str) -> str | None:
    """The last value of the key ``answer`` as it is spelled: a closed list or text, or a bare word.

    What is around it need be no JSON. A list or a text that is cut off is not read, since the missing
    part may matter; ``null`` and empty values state nothing.
    """
    stated = _VALUE.findall(read.without_thinking(text))
    return next((value for value in reversed(stated) if value.strip(_AROUND) not in ("", "null")), None)


def inside(value: str) -> str:
    """A spelled value without its brackets and quotes."""
    return value.strip(_AROUND)


def claim_lines(row: Row, others: bool = False) -> list[str] | None:
    """The application's title and abstract, the claims that the target refers to, and the target claim.

    With ``others`` the application's other claims stand before them, in one line. None when the row lacks
    the columns, or its claim number is none of its claims.
    """
    context = opened(row.get("context"))
    if not isinstance(context, dict) or not str(row.get("claim_number")).isdigit():
        return None
    claims, number = opened(context.get("claims")), int(str(row["claim_number"]))
    if not isinstance(claims, list) or not 1 <= number <= len(claims):
        return None
    chain = _chain([str(claim) for claim in claims], number)
    rest = [claim for n, claim in enumerate(claims, 1) if n not in chain]
    return [
        *(f"Application: {text}" for text in told(context)),
        *([f"Other claims: {joined(rest)}"] if others and rest else []),
        *(f"Claim {n}: {str(claims[n - 1]).removeprefix(f'{n}. ')}" for n in chain),
    ]


def _chain(claims: Sequence[str], number: int) -> list[int]:
    """The claim and those it depends on, the outermost first."""
    chain = [number]
    while True:
        parent = _PARENT.search(claims[chain[0] - 1])
        if parent is None or not 0 < int(parent.group(1)) < chain[0]:
            return chain
        chain.insert(0, int(parent.group(1)))


def told(document: Mapping[str, Any]) -> list[str]:
    """Title and abstract of an application or a reference, each in one line, where they say something."""
    return [text for text in (_worth(document, "title"), _worth(document, "abstract")) if text]


def claimed(document: Mapping[str, Any]) -> str:
    """The claims of a reference in one line; empty when they say nothing."""
    return _worth(document, "claims")


def _worth(document: Mapping[str, Any], column: str) -> str:
    text = joined(document.get(column))
    return text if len(text.split()) > SHORT[column] else ""


def joined(value: Any) -> str:
    """A list of claims or paragraphs as one line."""
    held = opened(value)
    parts = [str(part) for part in held] if isinstance(held, list) else [str(held or "")]
    return " ".join(part.replace("\r", "").replace("\n", " ") for part in parts)


def listed(parts: Sequence[str]) -> str:
    """``a gear, a cam and a belt``."""
    named = [f"a {part}" for part in parts]
    return " and ".join(([", ".join(named[:-1])] if named[:-1] else []) + named[-1:])


def elements_in(text: str) -> list[str]:
    """The elements that a generated sentence names, in its order."""
    return [word for word in re.findall(r"\ba\s+([a-z]+)", text.lower()) if word in ELEMENTS]


def application(rng: random.Random, claim: Sequence[str]) -> dict[str, Any]:
    """The columns of a generated application with one claim."""
    device = rng.choice(DEVICES)
    return {
        "application_number": f"1{rng.randint(4_000_000, 6_999_999)}",
        "claim_number": 1,
        "context": {
            "title": device.capitalize(),
            "abstract": f"A {device} is described.",
            "claims": [f"1. A {device} with {listed(claim)}."],
        },
    }
