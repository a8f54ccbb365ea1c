"""Counts and yes or no, as people and models write them: ``2.0``, ``two``, ``2 groups``, ``Yes, they match``.

A text that says two things at once (``2 or 3``, ``Yes / No``) says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from tasks.answers.extract import canonical_number

LONGEST = 120
"""Characters of a value; a longer text is prose, not a value."""
_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,9}(?:\.\d{1,9})?(?![\w%])|\b(?:" + "|".join(_WORDS) + r")\b")
_FOREIGN = re.compile(r"[\[\]{}<>\\|$%^~\x00-\x08]")
"""What code, markup and noise have and a value has not."""
_NOUN = (
    r"(?! (?!(?:they|it|the|these|this|that|those|because|since|as|there|not|molecule [ab]|[ab]|i)\b)[a-z])"
)
"""After a leading no: ``no idea`` and ``no difference`` do not answer no, ``no they differ`` does."""
_LEAD = re.compile(rf"(?:^|[.;!?\n])[\s*_\"'`(]{{0,6}}(yes|no{_NOUN}|true|false)\b(?![-#=])")
_BEFORE_NOUN = re.compile(" [a-z]")
_BOTH = re.compile(r"\b(?:yes|true)\b\W{0,4}(?:or|and)?\W{0,4}\b(?:no|false)\b")
_STATES = {
    "yes": ("yes", "true", "same", "identical", "equivalent", "equal", "match", "matches", "present",
            "contained", "contains", "contain", "included"),
    "no": ("false", "different", "differ", "differs", "difference", "differences",
           "distinct", "absent", "missing", "mismatch"),
}  # fmt: skip
_DENIALS = ("not", "never", "neither", "cannot", "without", "hardly")
_DENIED = re.compile(r"\b(?:" + "|".join((*_DENIALS, "isn't", "nor")) + r")\b")
_WORD = re.compile(r"(?<![^\s.,;:!?(*_\"'`])[a-z']+(?![^\s.,;:!?)*_\"`])")
YesNo = Literal["Yes", "No"]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("−", "-").replace("’", "'").casefold().strip()


def denies(text: str) -> bool:
    """Whether a text says of something that it is not the answer."""
    return _DENIED.search(_plain(text)) is not None


def count(text: str) -> str | None:
    """The one number of a short text, in canonical form; None where it has none, several, or a denial."""
    text = _plain(text).strip("[]") if len(text) <= LONGEST else ""
    if _FOREIGN.search(text) or text.count("=") > 1 or denies(text):
        return None
    found = {
        str(_WORDS.index(word)) if word in _WORDS else canonical_number(word)
        for word in _NUMBER.findall(text.rpartition("=")[2])
    }
    return found.pop() if len(found) == 1 else None


def yes_no(text: str) -> YesNo | None:
    """What a short text answers; None where it answers nothing or both.

    A leading yes or no decides, the last one where several sentences have one. Without it, words such
    as ``same`` and ``different`` do, each turned round by a denial before it.
    """
    text = _plain(text) if len(text) <= LONGEST else ""
    if _BOTH.search(text) or _FOREIGN.search(text):
        return None
    if text in ("y", "n"):
        return "Yes" if text == "y" else "No"
    leads = [match.group(1) for match in _LEAD.finditer(text)]
    if leads:
        return "Yes" if leads[-1] in ("yes", "true") else "No"
    said = _states(text)
    return said.pop() if len(said) == 1 else None


def _states(text: str) -> set[YesNo]:
    said: set[YesNo] = set()
    denied = False
    for found in _WORD.finditer(text):
        word = found.group()
        before_noun = word == "no" and _BEFORE_NOUN.match(text, found.end())
        if word in _DENIALS or word.endswith("n't") or before_noun:
            denied = not denied
        elif word == "no":
            said.add("No")
        else:
            meant = next((state for state, words in _STATES.items() if word in words), "")
            said |= {"Yes" if (meant == "yes") is not denied else "No"} if meant else set()
    return said
