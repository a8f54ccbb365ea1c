"""English numbers in words as digits: ``twenty-three`` is 23, ``two hundred and five`` is 205.

Only numbers of two words or more, and the round tens, are rewritten here; ``tools.contamination.signature``
reads the words up to twenty itself.
"""

from __future__ import annotations

import re

_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: value for value, word in enumerate(_UNITS.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_ONE = "(?:" + "|".join(sorted(_VALUES, key=len, reverse=True)) + ")"
_MORE = "(?:" + "|".join([*sorted(_VALUES, key=len, reverse=True), *_SCALES]) + ")"
_SPELLED = re.compile(rf"\b{_ONE}(?:(?:[ -]|[ -]and[ -]){_MORE})*\b", re.IGNORECASE)
_COMPOUND = re.compile("|".join([*_TENS.split(), *_SCALES]), re.IGNORECASE)


def numerals_as_digits(text: str) -> str:
    """The text with its spelled numbers as digits; what is no single number is left as it is."""
    # The search is an order of magnitude cheaper than the rewriting, and most texts end here.
    return _SPELLED.sub(_digits, text) if _COMPOUND.search(text) else text


def _digits(found: re.Match[str]) -> str:
    words = [word for word in re.split(r"[ -]", found.group().casefold()) if word != "and"]
    value = _value(words)
    return found.group() if value is None else str(value)


def _value(words: list[str]) -> int | None:
    """The number that the words spell; None for ``two three`` and the like, which are several."""
    total = part = 0
    room = 1_000_000  # a further word must be smaller than this
    for word in words:
        if word in _VALUES:
            value = _VALUES[word]
            if value >= room:
                return None
            part += value
            room = 10 if word in _TENS.split() else 1
        elif word == "hundred" and 0 < part < 100:
            part, room = 100 * part, 100
        elif word != "hundred" and part:
            total, part, room = total + part * _SCALES[word], 0, _SCALES[word]
        else:
            return None
    return total + part
