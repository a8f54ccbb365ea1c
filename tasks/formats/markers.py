"""Markers of speakers inside one text (``### Human: ... ### Assistant: ...`` and its kin) as turns."""

from __future__ import annotations

import re
from typing import NamedTuple

from tasks.formats.speakers import known_role


class _Style(NamedTuple):
    name: str
    opener: re.Pattern[str]
    """Starts a turn; the group ``who`` is the speaker."""
    closer: str
    """Ends a turn; stripped, as the chat template writes its own."""


_WHO = r"(?P<who>Human|User|Assistant|System|Instruction|Response|Input|Question|Answer|Bot|GPT)"
_STYLES = (
    _Style("<|im_start|>", re.compile(r"<\|im_start\|>(?P<who>\w+)\n"), "<|im_end|>"),
    _Style(
        "<|start_header_id|>",
        re.compile(r"<\|start_header_id\|>(?P<who>\w+)<\|end_header_id\|>\s*"),
        "<|eot_id|>",
    ),
    _Style("<|user|>", re.compile(r"<\|(?P<who>system|user|assistant)\|>\n?"), "</s>"),
    _Style("<start_of_turn>", re.compile(r"<start_of_turn>(?P<who>user|model)\n"), "<end_of_turn>"),
    _Style("[INST]", re.compile(r"(?P<who>\[INST\]|\[/INST\])"), "</s>"),
    _Style("### Human:", re.compile(rf"\#\#\# ?{_WHO}:"), ""),
    _Style("Human:", re.compile(r"(?:\A|\n)(?P<who>Human|User|Assistant|System|Bot):"), ""),
)
_SPOKEN = "\x00"
"""Stands for the completion while the prompt is split: what a completion says is no marker."""
_BRACKETS = {"[INST]": "user", "[/INST]": "assistant"}
_ALPACA = {"instruction": "user", "input": "input", "response": "assistant"}
_OUTER = re.compile(r"\A\s*(?:<s>|<\|begin_of_text\|>|<bos>)|(?:<\|end_of_text\|>|<\|endoftext\|>)\s*\Z")


def split_turns(text: str) -> tuple[str, list[dict[str, str]]] | None:
    """(style, turns with ``role`` and ``content``); None unless a user's turn and an answer are found.

    What stands before the first marker becomes a system turn. Blanks around each turn are dropped, as chat
    templates write their own.
    """
    bare = _OUTER.sub("", text)
    for style in _STYLES:
        marks = list(style.opener.finditer(bare))
        if len(marks) < 2:
            continue
        turns = _turns(bare, marks, style)
        roles = [turn["role"] for turn in turns]
        if "user" in roles and "assistant" in roles[roles.index("user") :]:
            return style.name, turns
    return None


def completed_turns(prompt: str, completion: str) -> tuple[str, list[dict[str, str]]] | None:
    """(style, turns) of a prompt that ends where a marked assistant begins to speak, and what it says.

    ``Human: ... Assistant:`` and its kin; None for any other prompt. The completion is the last turn, whole.
    """
    if not completion.strip() or not (split := split_turns(f"{prompt}{_SPOKEN}")):
        return None
    style, turns = split
    roles = [turn["role"] for turn in turns if turn["role"] != "system"]
    answered = turns[-1] == {"role": "assistant", "content": _SPOKEN}
    if not answered or roles[0] != "user" or any(not turn["content"] for turn in turns):
        return None
    text = completion.strip("\n").rstrip()  # one blank parts it from the marker, more are indentation
    return style, [*turns[:-1], {"role": "assistant", "content": text[text[:1] == " " != text[1:2] :]}]


def _turns(text: str, marks: list[re.Match[str]], style: _Style) -> list[dict[str, str]]:
    turns = []
    opening = _inner(text[: marks[0].start()], style)
    if opening:
        turns.append({"role": "system", "content": opening})
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        who = mark.group("who")
        role = _BRACKETS.get(who) or _ALPACA.get(who.casefold()) or known_role(who) or "system"
        content = _inner(text[mark.end() : after.start() if after else len(text)], style)
        if role == "input":  # Alpaca's second paragraph of the same request
            if turns and content:
                turns[-1]["content"] += f"\n{content}"
            continue
        turns.append({"role": role, "content": content})
    return turns


def _inner(text: str, style: _Style) -> str:
    inner = text.strip()
    return inner.removesuffix(style.closer).strip() if style.closer else inner
