"""Ollama's Modelfile: the exported directory, its chat template in Go's notation, and greedy settings.

Ollama imports safetensors itself, but takes no Jinja template. The pieces that the tokenizer's template puts
around each turn are read off its own renderings, written as Ollama's ``TEMPLATE``, and put together again for
four conversations: where that is not the tokenizer's rendering letter by letter, there is no Modelfile.

A template's own system text becomes ``SYSTEM``. The token that begins a text is left out where the tokenizer
adds it by itself, because Ollama's runner then adds it too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tools.models.chat_template import render_prompt_messages
from tools.models.template_support import template_support

FIX = "serve it with `--to vllm` or `--to gguf`, which take the template as it is"
FOLDED = "{{ if and $first $.System }}{{ $.System }}\n\n{{ end }}{{ $first = false }}"
"""The system text before the first question, for templates without a system turn."""
CONVERSATIONS = (
    ("user",),
    ("user", "assistant", "user"),
    ("system", "user"),
    ("system", "user", "assistant", "user"),
)
USERS, SYSTEM, ANSWER = ("Quu1", "Quu2"), "Qusys", "Quans"


@dataclass(frozen=True)
class Pieces:
    """What stands around the texts of a conversation."""

    start: str
    system: tuple[str, str] | None
    """Before and after a system turn; None where its text goes before the first question instead."""
    user: tuple[str, str]
    answer: tuple[str, str]
    ask: str
    """Before the answer to come."""
    default_system: str = ""
    stop: str = ""

    def render(self, turns: Sequence[Mapping[str, str]]) -> str:
        """The prompt for a conversation that ends with a question."""
        turns = list(turns)
        if self.default_system and turns[0]["role"] != "system":
            turns = [{"role": "system", "content": self.default_system}, *turns]
        folded, text = "", self.start
        for turn in turns:
            if turn["role"] == "system" and self.system is None:
                folded = turn["content"] + "\n\n"
                continue
            around = {"system": self.system, "user": self.user, "assistant": self.answer}[turn["role"]]
            assert around is not None
            said = turn["content"]
            if turn["role"] == "user":
                said, folded = folded + said, ""
            text += around[0] + said + around[1]
        return text + self.ask

    def go_template(self) -> str:
        """The same in Go's notation, as Ollama executes it."""
        question = (FOLDED if self.system is None else "") + "{{ .Content }}"
        branches = [("user", self.user[0] + question + self.user[1])]
        branches.append(("assistant", self.answer[0] + "{{ .Content }}" + self.answer[1]))
        if self.system is not None:
            branches.append(("system", self.system[0] + "{{ .Content }}" + self.system[1]))
        chosen = "{{ else ".join(f'if eq .Role "{role}" }}}}{text}' for role, text in branches)
        first = "{{ $first := true }}" if self.system is None else ""
        return (
            f"{first}{self.start}{{{{ range .Messages }}}}{{{{ {chosen}{{{{ end }}}}{{{{ end }}}}{self.ask}"
        )


def pieces(tokenizer: Any) -> Pieces:
    """The pieces of a tokenizer's chat template, held against its own rendering.

    Raises:
        InputError: the template does more than put pieces around turns.
    """
    support = template_support(tokenizer)
    default = support.default_system or support.filler
    long = _rendered(tokenizer, ["user", "assistant", "user"])
    head, rest = _cut(long, USERS[0])
    to_answer, rest = _cut(rest, ANSWER)
    to_question, to_ask = _cut(rest, USERS[1])
    answer_end, user_start = _after_turn(to_question, support.turn_end)
    user_end, answer_start = _after_turn(to_answer, support.turn_end)
    system, start = None, head.removesuffix(user_start)
    if support.system in ("rendered", "required"):
        before, after = _cut(_rendered(tokenizer, ["system", "user"]), SYSTEM)
        close = _cut(after, USERS[0])[0].removesuffix(user_start)
        start = "" if default else start
        system = (before.removeprefix(start), close)
    if _adds_start(tokenizer):
        begin = str(tokenizer.bos_token)
        start = start.removeprefix(begin)
        system = system and ((system[0].removeprefix(begin) if default else system[0]), system[1])
    found = Pieces(
        start=start,
        system=system,
        user=(user_start, user_end),
        answer=(answer_start, answer_end),
        ask=to_ask.removeprefix(user_end),
        default_system=default,
        stop=support.turn_end,
    )
    _check(found, tokenizer)
    return found


def modelfile(folder: Path | str, found: Pieces, max_new_tokens: int, positions: int | None) -> str:
    """The Modelfile of an exported directory; ``.`` where it lies in that directory.

    Raises:
        InputError: a text cannot be written in it.
    """
    texts = (found.go_template(), found.default_system)
    if any('"""' in text for text in texts) or any("{{" in piece for piece in _all(found)):
        raise InputError(str(folder), "its chat template holds Ollama's own brackets", FIX)
    lines = [f"FROM {folder}", f'TEMPLATE """{texts[0]}"""']
    if found.default_system:
        lines.append(f'SYSTEM """{found.default_system}"""')
    lines += ["PARAMETER temperature 0", f"PARAMETER num_predict {max_new_tokens}"]
    if positions:
        lines.append(f"PARAMETER num_ctx {positions}")
    if found.stop:
        lines.append(f'PARAMETER stop "{found.stop}"')
    return "\n".join(lines) + "\n"


def parse(text: str) -> dict[str, Any]:
    """A Modelfile as ``from``, ``template``, ``system`` and ``parameters`` (name -> text)."""
    blocks = dict(re.findall(r'^(TEMPLATE|SYSTEM) """(.*?)"""$', text, re.DOTALL | re.MULTILINE))
    plain = re.sub(r'^(TEMPLATE|SYSTEM) """.*?"""$', "", text, flags=re.DOTALL | re.MULTILINE)
    return {
        "from": next(iter(re.findall(r"^FROM (.+)$", plain, re.MULTILINE)), ""),
        "template": blocks.get("TEMPLATE", ""),
        "system": blocks.get("SYSTEM", ""),
        "parameters": dict(re.findall(r'^PARAMETER (\S+) "?(.*?)"?$', plain, re.MULTILINE)),
    }


def _check(found: Pieces, tokenizer: Any) -> None:
    """Raises where the pieces, put together, are not what the tokenizer renders."""
    begin = str(tokenizer.bos_token) if _adds_start(tokenizer) else ""
    for roles in CONVERSATIONS:
        turns = _turns(roles)
        wanted = render_prompt_messages(tokenizer, turns).removeprefix(begin)
        if found.render(turns) != wanted:
            wrong = f"its chat template cannot be written as Ollama's (a conversation of {', '.join(roles)})"
            raise InputError("chat template", wrong, FIX)


def _turns(roles: Sequence[str]) -> list[dict[str, str]]:
    users = iter(USERS)
    texts = {"system": SYSTEM, "assistant": ANSWER}
    return [{"role": role, "content": texts.get(role) or next(users)} for role in roles]


def _rendered(tokenizer: Any, roles: Sequence[str]) -> str:
    return render_prompt_messages(tokenizer, _turns(roles))


def _cut(text: str, at: str) -> tuple[str, str]:
    before, found, after = text.partition(at)
    if not found:
        raise InputError("chat template", "it changes the words of a turn", FIX)
    return before, after


def _after_turn(between: str, turn_end: str) -> tuple[str, str]:
    """What ends a turn, with the line break behind it, and what begins the next."""
    if not turn_end or turn_end not in between:
        return "", between
    at = between.index(turn_end) + len(turn_end)
    at += len(between[at:]) - len(between[at:].lstrip("\n"))
    return between[:at], between[at:]


def _adds_start(tokenizer: Any) -> bool:
    """Whether the tokenizer puts the token that begins a text before any text."""
    ids = tokenizer("a")["input_ids"]
    return bool(tokenizer.bos_token_id is not None and ids and ids[0] == tokenizer.bos_token_id)


def _all(found: Pieces) -> list[str]:
    system = found.system or ("", "")
    return [found.start, *system, *found.user, *found.answer, found.ask]
