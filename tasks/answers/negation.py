"""Letters that an answer names only to deny them, or beside another one: ``not B``, ``A or B``.

An answer that says which option is wrong has not chosen it. English and Chinese, since the
examinations are in both; a text is looked at a few words to either side of the letter only.
"""

from __future__ import annotations

import re

NEAR = 40
"""Characters looked at before and after a letter."""
_FILLER = r"(?:(?:be|option|choice|answer|letter|the|选项|答案)[ \t]{0,2}){0,3}[(（\[\"'`*_]{0,4}$"
_BEFORE = re.compile(
    r"(?:\b(?:not|isn't|can't be|cannot be|never|neither|nor|except|excluding|exclude|rule out|ruling out"
    r"|eliminate|reject|rather than|instead of|unlike)[ \t]{1,3}"
    r"|不是|不选|不能选|不应选|不该选|不可能是|不会是|并非|而非|排除|除了)" + _FILLER,
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[)）\]\"'`*_]{0,4}[ \t]{0,2}(?:(?:选?项|答案)?"
    r"(?:是?(?:错|不对|不正确|不符)|有误|不是(?:答案|正确|对的)|被?排除)"
    r"|(?:is|are|was|were|would be|seems|looks)[ \t](?:clearly |definitely |also |certainly )?"
    r"(?:wrong|incorrect|false|out|impossible|excluded|not(?! [A-J]\b)(?! only))"
    r"|isn't|(?:can|could|does)(?:not|n't| not) )",
    re.IGNORECASE,
)
_OR = re.compile(
    r"[)）\]\"'`*_.]{0,4}"
    r"(?:[ \t]{0,2}(?:or|and|或者?|还是|和|与|及|[/、&])[ \t]{0,2}|[ \t]{1,3}(?=[A-J][ \t]*(?:[A-J]\b|$)))"
    r"[(（\[\"'`*_]{0,4}([B-HJ]|[AI](?! (?!(?:is|are|would|can|could|may)\b)[a-z]))(?![A-Za-z0-9])"
)
"""The word I and the article A are no options."""
_ROW = re.compile(r"(?<![A-Za-z0-9])([A-J])[ \t,，/、]{1,3}$")


def denied(text: str, place: int) -> bool:
    """Whether the letter at ``place`` is named as one that is not meant."""
    before, after = text[max(0, place - NEAR) : place], text[place + 1 : place + 1 + NEAR]
    return _BEFORE.search(before) is not None or _AFTER.match(after) is not None


def one_of_several(text: str, place: int) -> bool:
    """Whether the letter at ``place`` stands beside another that is meant as well: ``A or B``, ``A B C``."""
    ahead = _OR.match(text, place + 1)
    if ahead is not None and ahead[1] != text[place] and not denied(text, ahead.start(1)):
        return True
    start = max(0, place - NEAR)
    behind = _ROW.search(text[start:place])
    return behind is not None and behind[1] != text[place] and not denied(text, start + behind.start(1))
