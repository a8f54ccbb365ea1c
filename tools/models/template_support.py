"""Template support: what a model's chat template does with system turns, reasoning and the end of a turn.

Found by rendering three made-up turns, not by reading the template: templates are programs.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.errors import InputError
from tools.models.special_tokens import KEPT, REASONING

SystemTurn = Literal["rendered", "required", "refused", "ignored"]

PLAIN_TEMPLATE = (
    "{{- bos_token or '' -}}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + eos_token -}}{%- endgeneration -%}"
    "{%- if not loop.last -%}{{- '\\n' -}}{%- endif -%}"
    "{%- else -%}{{- message['content'] + '\\n' -}}{%- endif -%}"
    "{%- endfor -%}"
)
"""For a model that brings no template: each turn and a newline; an answer and the end token."""

PROGRAM_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
_USER, _SYSTEM, _ANSWER, _THOUGHT = "Qwuser", "Qwsystem", "Qwanswer", "Qwthought"
_CALL, _TOOL = "Qwcall", "Qwtool"
_FILLERS = ("", "You are a helpful assistant.")


@dataclass(frozen=True)
class TemplateSupport:
    """What one chat template does."""

    plain: bool
    """No template of the model's own: ``PLAIN_TEMPLATE``."""
    system: SystemTurn
    filler: str = ""
    """The system turn for a template that demands one, where the conversation has none."""
    default_system: str = ""
    """The system text that the template puts in of its own accord."""
    turn_end: str = ""
    """The token that ends an answer in the template; empty where none does, and the end token is added."""
    answer_lead: str = ""
    """What the template writes between the generation prompt and the answer (a space, for some)."""
    opens_reasoning: str = ""
    """The tag with which the generation prompt ends, e.g. ``<think>``."""
    drops_reasoning: bool = False
    """The answer's own reasoning is not in the rendered text (what is trained on is rendered as written)."""
    drops_past_reasoning: bool = False
    shows_calls: bool = True
    """It writes the assistant's tool calls."""
    shows_tools: bool = True
    """It writes which functions there are."""
    marks_answers: bool = False
    """It has ``{% generation %}`` blocks."""
    dated: bool = False
    """It writes today's date."""


_known: weakref.WeakKeyDictionary[Any, dict[str, TemplateSupport]] = weakref.WeakKeyDictionary()


def template_support(tokenizer: Any) -> TemplateSupport:
    """What the tokenizer's template does; tried once per tokenizer and template.

    Raises:
        InputError: the template renders not even one user turn.
    """
    found = _known.setdefault(tokenizer, {})
    key = repr((tokenizer.chat_template, tokenizer.eos_token))
    if key not in found:
        found[key] = _probe(tokenizer)
    return found[key]


def apply_template(
    tokenizer: Any,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Any] | None = None,
    ask: bool = False,
) -> str:
    """``apply_chat_template`` as text; ``ask`` adds the header of the answer to come.

    Raises:
        InputError: the template refuses the conversation; its own words are in the line.
    """
    import jinja2

    template = {} if tokenizer.chat_template else {"chat_template": PLAIN_TEMPLATE}
    try:
        text = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tools=list(tools) if tools else None,
            tokenize=False,
            add_generation_prompt=ask,
            **template,
        )
    # A template is a program of whoever made the model: it may end in any of these.
    except (jinja2.TemplateError, *PROGRAM_ERRORS) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        turns = ", ".join(str(message.get("role")) for message in messages[:8])
        fix = "change the turns, or the template (chat_template.jinja)"
        raise InputError(f"conversation ({turns})", f"the chat template refuses it ({said})", fix) from error
    return str(text)


def _attempt(
    tokenizer: Any,
    messages: Sequence[Mapping[str, Any]],
    ask: bool = False,
    tools: Sequence[Mapping[str, Any]] | None = None,
) -> str | None:
    try:
        return apply_template(tokenizer, messages, tools, ask)
    except InputError:
        return None


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _probe(tokenizer: Any) -> TemplateSupport:
    user = [_turn("user", _USER)]
    bare = _attempt(tokenizer, user, ask=True)
    briefed = _attempt(tokenizer, [_turn("system", _SYSTEM), *user], ask=True)
    system, filler, first = _system(tokenizer, user, bare, briefed)
    start = apply_template(tokenizer, [*first, *user], ask=True)
    whole = apply_template(tokenizer, [*first, *user, _turn("assistant", _ANSWER)])
    lead = whole[len(start) : whole.find(_ANSWER)] if whole.startswith(start) else ""
    tail = start[start.rfind(_USER) + len(_USER) :].rstrip() if _USER in start else ""
    opener = next((tag for tag in REASONING if tail.endswith(tag)), "")
    target, past = _keeps_reasoning(tokenizer, [*first, *user])
    calls, tools = _shows_calls(tokenizer, [*first, *user])
    text = str(tokenizer.chat_template or PLAIN_TEMPLATE)
    return TemplateSupport(
        plain=not tokenizer.chat_template or tokenizer.chat_template == PLAIN_TEMPLATE,
        system=system,
        filler=filler,
        default_system=_default_system(bare, briefed),
        turn_end=_turn_end(tokenizer, whole),
        answer_lead="" if any(tag in lead for tag in KEPT) else lead,
        opens_reasoning=opener,
        drops_reasoning=not target,
        drops_past_reasoning=not past,
        shows_calls=calls,
        shows_tools=tools,
        marks_answers="endgeneration" in text,
        dated="strftime_now" in text,
    )


def _system(
    tokenizer: Any, user: list[dict[str, str]], bare: str | None, briefed: str | None
) -> tuple[SystemTurn, str, list[dict[str, str]]]:
    """How it takes a system turn, the text for one that must be there, and the turns to put first."""
    if bare is not None:
        if briefed is None:
            return "refused", "", []
        return ("rendered" if _SYSTEM in briefed else "ignored"), "", []
    if briefed is None:
        apply_template(tokenizer, user, ask=True)  # says in the template's own words what is wrong
    for filler in _FILLERS:
        if _attempt(tokenizer, [_turn("system", filler), *user], ask=True) is not None:
            return "required", filler, [_turn("system", filler)]
    raise InputError("chat template", "it takes no neutral system turn", "change chat_template.jinja")


def _default_system(bare: str | None, briefed: str | None) -> str:
    """What stands in ``bare`` where the system text stands in ``briefed``."""
    if bare is None or briefed is None or _SYSTEM not in briefed or _USER not in bare:
        return ""
    before, _, rest = briefed.partition(_SYSTEM)
    between, head = rest.partition(_USER)[0], bare.partition(_USER)[0]
    if not head.startswith(before) or not head.endswith(between) or not between:
        return ""
    return head[len(before) : max(len(before), len(head) - len(between))]


def _turn_end(tokenizer: Any, whole: str) -> str:
    """The added token that follows the answer, if one does."""
    tail = whole[whole.rfind(_ANSWER) + len(_ANSWER) :].lstrip()
    tokens = {str(token.content) for token in tokenizer.added_tokens_decoder.values()}
    tokens |= set(tokenizer.all_special_tokens)
    following = [token for token in tokens if token.strip() and tail.startswith(token)]
    return max(following, key=len, default="")


def _keeps_reasoning(tokenizer: Any, first: list[dict[str, str]]) -> tuple[bool, bool]:
    """Whether the reasoning of the last answer, and that of an earlier one, is in the rendered text."""
    answer = _turn("assistant", f"<think>\n{_THOUGHT}\n</think>\n\n{_ANSWER}")
    last = _attempt(tokenizer, [*first, answer])
    past = _attempt(tokenizer, [*first, answer, _turn("user", _USER)], ask=True)
    return (last is None or _THOUGHT in last), (past is None or _THOUGHT in past)


def _shows_calls(tokenizer: Any, first: list[dict[str, str]]) -> tuple[bool, bool]:
    """Whether a tool call, and a function that could be called, are in the rendered text."""
    function = {"name": _CALL, "description": _TOOL, "parameters": {"type": "object", "properties": {}}}
    called = {"name": _CALL, "arguments": {"part": "A7"}}
    call = {
        "id": "Qwcall001",
        "type": "function",
        "function": called,
    }  # nine characters, for Mistral
    asks = {"role": "assistant", "content": "", "tool_calls": [call]}
    text = _attempt(tokenizer, [*first, asks])
    listed = _attempt(tokenizer, first, ask=True, tools=[{"type": "function", "function": function}])
    # What it refuses outright, it refuses row by row in its own words.
    return (text is None or _CALL in text), (listed is None or _TOOL in listed)
