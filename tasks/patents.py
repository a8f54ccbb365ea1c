"""What the three PANORAMA tasks share: the words of a published row, and the elements of a mini one."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

from tasks.base import Row
from tasks.columns import opened

DEVICES = ("pump", "lamp", "drone", "clock", "cart", "drill", "stove", "scale", "robot", "bench")
ELEMENTS = (
    "gear", "cam", "belt", "spring", "sensor", "motor", "fan", "lens", "pipe", "tank", "screw", "hinge",
    "wheel", "coil", "filter", "magnet", "clamp", "brush", "switch", "valve", "seal", "plate", "rod", "cable",
)  # fmt: skip
SHORT = 12
"""Words; titles and abstracts up to this length say nothing that the claims do not say."""
_PARENT = re.compile(r"\b(?:of|to|in|by) (?:any (?:one )?of )?claims? (\d{1,3})\b", re.IGNORECASE)


def claim_lines(row: Row) -> list[str] | None:
    """The application's title and abstract, the claims that the target refers to, and the target claim.

    None when the row lacks the columns, or its claim number is none of its claims.
    """
    context = opened(row.get("context"))
    if not isinstance(context, dict) or not str(row.get("claim_number")).isdigit():
        return None
    claims, number = opened(context.get("claims")), int(str(row["claim_number"]))
    if not isinstance(claims, list) or not 1 <= number <= len(claims):
        return None
    told = [
        f"Application: {text}"
        for text in (worth(context.get("title")), worth(context.get("abstract")))
        if text
    ]
    chain = _chain([str(claim) for claim in claims], number)
    return told + [f"Claim {n}: {str(claims[n - 1]).removeprefix(f'{n}. ')}" for n in chain]


def _chain(claims: Sequence[str], number: int) -> list[int]:
    """The claim and those it depends on, the outermost first."""
    chain = [number]
    while True:
        parent = _PARENT.search(claims[chain[0] - 1])
        if parent is None or not 0 < int(parent.group(1)) < chain[0]:
            return chain
        chain.insert(0, int(parent.group(1)))


def worth(text: Any) -> str:
    """A title or an abstract in one line; empty when it is too short to say anything."""
    line = " ".join(str(text or "").split())
    return line if len(line.split()) > SHORT else ""


def joined(value: Any) -> str:
    """A list of claims or paragraphs as one line."""
    held = opened(value)
    parts = [str(part) for part in held] if isinstance(held, list) else [str(held or "")]
    return " ".join(part.replace("\n", " ") for part in parts)


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
