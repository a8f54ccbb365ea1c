"""Light edits: what a copy picks up on its way through forms, pages and editors."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Swaps = Sequence[tuple[str, str]]


def swap_filler(rng: random.Random, text: str, swaps: Swaps) -> str:
    """One filler word or phrase replaced; the text itself when none of them occurs."""
    known = [(old, new) for old, new in swaps if old in text]
    if not known:
        return text
    old, new = rng.choice(known)
    return text.replace(old, new, 1)


def respace(rng: random.Random, text: str) -> str:
    """Doubled spaces and a trailing one."""
    words = text.split(" ")
    if len(words) < 2:
        return text + " "
    place = rng.randrange(1, len(words))
    return " ".join(words[:place]) + "  " + " ".join(words[place:]) + rng.choice(("", " "))


def repunctuate(rng: random.Random, text: str) -> str:
    """Another final mark, or none."""
    bare = text.rstrip(" .?!。？！")
    return bare + rng.choice(("", "...", " ?" if text.rstrip().endswith(("?", "？")) else " ."))


def recase(rng: random.Random, text: str) -> str:
    """All lower case, all upper case or a lower first letter."""
    return rng.choice((text.lower(), text.upper(), text[:1].lower() + text[1:]))


def edit_prose(rng: random.Random, text: str, swaps: Swaps, prefixes: Sequence[str] = ()) -> str:
    """One or two light edits of a sentence whose case carries no meaning; never the same text."""
    kinds: list[Callable[[str], str]] = [
        lambda t: recase(rng, t),
        lambda t: respace(rng, t),
        lambda t: repunctuate(rng, t),
        lambda t: swap_filler(rng, t, swaps),
    ]
    if prefixes:
        kinds.append(lambda t: rng.choice(list(prefixes)) + t)
    edited = text
    for kind in rng.sample(kinds, rng.choice((1, 2))):
        edited = kind(edited)
    return edited if edited != text else respace(rng, text)


def edit_query(rng: random.Random, query: str, swaps: Swaps, seams: Sequence[str]) -> str:
    """A query of a header and one line ``molecule, request.`` edited in its wording, never in its molecule.

    Args:
        swaps: fillers of the header.
        seams: what stands between molecule and request, then the ways to write it anew.
    """
    header, _, request = query.partition("\n")
    kind = rng.randrange(3)
    if kind == 0:
        header = edit_prose(rng, header, swaps)
    elif kind == 1:
        request = request.replace(seams[0], rng.choice(seams[1:])).rstrip(".")
    else:
        molecule, _, asked = request.rstrip(".").partition(", ")
        request = f"{asked}, {molecule}"
    return f"{header}\n{request}"
