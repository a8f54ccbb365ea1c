"""Equality of two answers: what a person who marks a test would call the same answer.

Three questions that look alike have three answers in three places:

| question | function | ``-5 dB`` / ``5 dB`` | ``Yes.`` / ``yes`` | ``1,000`` / ``1000`` |
|---|---|---|---|---|
| is this reply right? | ``same_answer``, here | different | same | different |
| is this the same item? | ``tasks.splits.item_id`` | different | different | different |
| would an editor's change explain it? | ``tasks.splits.fingerprint`` | different | same | same |
"""

from __future__ import annotations

import re
import unicodedata

_MINUS = str.maketrans({"−": "-", "﹣": "-", "－": "-"})
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "´": "'"})
_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_WRAPPED = re.compile(r"""^(?P<mark>["'`]{1,3}|\*{1,3}|_{1,3}|\$)(?P<text>.+?)(?P=mark)$""", re.DOTALL)
_STATED = re.compile(r"(?<=[^\W_])[.。!！]+$")
"""A full stop after a word or a number ends a sentence; after a symbol it may be a part of the answer."""


def answer_text(text: str) -> str:
    """An answer without what says nothing about it: case, white space, one pair of quotes, a last full stop.

    Unicode is composed (NFC, so that ``x²`` stays apart from ``x2``); full-width Latin forms, curly quotes
    and the typographic minus are unified. Signs, operators, symbols and emoji stay.
    """
    text = unicodedata.normalize("NFC", text).translate(_FULL_WIDTH).translate(_MINUS).translate(_QUOTES)
    text = " ".join(text.split()).casefold()
    while found := _WRAPPED.match(text):
        text = found["text"].strip()
    bare = _STATED.sub("", text).rstrip()
    return bare or text


def same_answer(said: str, gold: str) -> bool:
    """Whether two texts give the same answer; see ``answer_text``."""
    return answer_text(said) == answer_text(gold)
