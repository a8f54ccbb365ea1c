"""Letter that an answer chooses from a list that may run from A to Z.

``tasks.answers.extract.choice_letter`` serves the four or eight options of an examination.
Here the options go on to J, so that the word ``I`` and the article ``A`` have to be
told from letters, and prose about chemistry is full of atoms: a letter on its own
counts only where it is the only one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from tasks.answers import extract as read
from tasks.answers.negation import denied, one_of_several

_NO_WORD = r"(?![A-Za-z0-9'’])"
_SPEAKS = r"(?!\s{1,3}(?:think|believe|choose|chose|would|will|am|have|pick|select|guess|say|can|was|do)\b)"
_MARKED = re.compile(
    r"(?i:answer|option|choice|choose|select|mechanism)(?i:\s{1,3}(?:is|would\s{1,3}be))?[\s:=*_(\[\"'`]{1,6}"
    r"(?i:(?:option|choice)[\s:*_(\[\"'`]{1,4})?([A-Z])" + _NO_WORD + _SPEAKS
)
_BARE = re.compile(r"[(\[*_\"'`]{0,6}([A-Za-z])[)\].:,*_\"'`]{0,6}")
_OPENING = re.compile(r"[\s(\[*_\"'`]{0,6}([A-Z])(?=\s{0,3}(?:[.):,;\]*|\"'`]|\n|$))")
_ALONE = re.compile(r"(?<![A-Za-z0-9=#\[(+-])([B-HJ-Z]|[AI](?!\s[a-z]))" + _NO_WORD + r"(?![=#\](+-])")


def chosen_letter(text: str, keys: Sequence[str], letters: str) -> str | None:
    """One of ``letters`` (upper case), from the JSON value of a key, else from prose; None when none is."""
    said = read.json_field(text, keys)
    return _letter_in(read.without_thinking(text) if said is None else said, letters)


def _letter_in(text: str, letters: str) -> str | None:
    text = unicodedata.normalize("NFKC", text)
    bare = _BARE.fullmatch(text.strip())
    if bare:
        return bare.group(1).upper() if bare.group(1).upper() in letters else None

    def meant(found: Iterable[re.Match[str]]) -> list[int]:
        places = [match.start(1) for match in found if match.group(1) in letters]
        return [place for place in places[-read.CANDIDATES :] if not denied(text, place)]

    opening = _OPENING.match(text)
    for places in (meant(_MARKED.finditer(text)), meant([opening] if opening else [])):
        if places:
            return None if one_of_several(text, places[-1]) else text[places[-1]]
    if "{" in text or "\0" in text:  # broken JSON, with letters of anything in it
        return None
    alone = {text[place] for place in meant(_ALONE.finditer(text))}
    return alone.pop() if len(alone) == 1 else None
