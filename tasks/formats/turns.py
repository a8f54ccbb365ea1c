"""Turns of a chat as messages: roles, content parts, tool calls, and which turns are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.formats.conversation import Message, Targets, Unreadable
from tasks.formats.speakers import known_role, roles_of
from tasks.formats.values import is_missing, opened, text_of

SPEAKER_KEYS = ("role", "from", "speaker", "author", "sender", "user_role", "user")
TEXT_KEYS = ("content", "value", "text", "message", "utterance", "body", "parts")
_KEPT = ("tool_call_id", "name", "reasoning_content")
_HOLDERS = ("messages", "contents", "body", "message", "choices", "candidates", "content")
"""Keys under which a request to a provider, or its response, holds turns."""
_OF_ROUNDS = {"user", "human", "customer", "assistant", "gpt", "bot", "agent", "ai", "model"}
"""Keys of a round of a chat; ``question`` and ``answer`` are as often those of a row."""
_DEEPEST = 5


def turns_in(value: Any) -> list[dict[str, Any]] | None:
    """The turns of a list of turns, also one kept as JSON text; None for any other value.

    A turn is an object with a speaker and a text (or tool calls). Of a request or a response of a provider
    (``{"messages": [...]}``, ``{"choices": [{"message": ...}]}``), those inside.
    """
    turns = opened(value)
    if isinstance(turns, Mapping):
        turns = _held(turns)
    if not isinstance(turns, list) or not turns:
        return None
    turns = _apart([opened(turn) for turn in turns])
    fits = all(isinstance(turn, Mapping) and speaker_key(turn) and _holds_text(turn) for turn in turns)
    return [dict(turn) for turn in turns] if fits else None


def _apart(turns: list[Any]) -> list[Any]:
    """Rounds (``{"human": ..., "assistant": ...}``) as two turns each; other turns as they are."""
    made: list[Any] = []
    for turn in turns:
        names = {str(key) for key in turn} if isinstance(turn, Mapping) else set()
        roles = {known_role(name): name for name in names} if names <= _OF_ROUNDS else {}
        both = [roles.get("user"), roles.get("assistant")]
        if len(roles) != 2 or not all(key and isinstance(turn[key], str) for key in both):
            return turns
        made += [{"role": role, "content": turn[roles[role]]} for role in ("user", "assistant")]
    return made


def one_turn(value: Any) -> list[dict[str, Any]] | None:
    """The turn that an object is by itself (a reply as ``{"role": ..., "content": ...}``), in a list."""
    inside = opened(value)
    fits = isinstance(inside, Mapping) and speaker_key(inside) and _holds_text(inside)
    return [dict(inside)] if fits else None


def _held(value: Any, depth: int = 0) -> Any:
    """The turns in a provider's object, however deep; of several candidates the first. None without any."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return None
    if depth and speaker_key(value) and _holds_text(value):
        return [value]
    for key in _HOLDERS:
        inside = opened(value.get(key))
        if isinstance(inside, list) and inside and key not in ("messages", "contents"):
            inside = inside[0]
        if isinstance(inside, list) and inside:
            return inside
        if (found := _held(inside, depth + 1)) is not None:
            return found
    return None


def speaker_key(turn: Mapping[str, Any]) -> str:
    """The key under which a turn names its speaker; "" when it names none."""
    return next((key for key in SPEAKER_KEYS if isinstance(turn.get(key), str)), "")


def speakers_in(turns: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The speakers' names in order, as written."""
    return tuple(str(turn[speaker_key(turn)]) for turn in turns)


def _holds_text(turn: Mapping[str, Any]) -> bool:
    return any(key in turn for key in (*TEXT_KEYS, "tool_calls", "function_call"))


def messages_of(
    turns: Sequence[Mapping[str, Any]], votes: Mapping[str, str]
) -> tuple[list[Message], list[str]]:
    """(messages, notes). Raises Unreadable where a turn cannot be kept whole."""
    speakers = speakers_in(turns)
    roles = roles_of(speakers, votes)
    if isinstance(roles, str):
        raise Unreadable(roles, ", ".join(dict.fromkeys(speakers)))
    messages = [
        message
        for turn, speaker in zip(turns, speakers, strict=True)
        for message in _messages(turn, roles[speaker])
    ]
    guessed = [name for name in roles if known_role(name) is None]
    return messages, [f"the speaker {name!r} is read as the {roles[name]}" for name in guessed]


def _messages(turn: Mapping[str, Any], role: str) -> list[Message]:
    """The messages of one turn: more than one where the results of tools stand in the user's words."""
    value = turn.get(_text_key(turn))
    results = [part for part in _parts_in(value) if _kind(part) == "tool_result"]
    if not results:
        return [_message(turn, role)]
    made: list[Message] = [
        {"role": "tool", "content": content_text(part.get("content"))}
        | ({"tool_call_id": text_of(part["tool_use_id"])} if not is_missing(part.get("tool_use_id")) else {})
        for part in results
    ]
    said = content_text([part for part in _parts_in(value) if _kind(part) != "tool_result"])
    return [*made, *([{"role": role, "content": said}] if said.strip() else [])]


def _text_key(turn: Mapping[str, Any]) -> str:
    return next((key for key in TEXT_KEYS if key in turn), "")


def _message(turn: Mapping[str, Any], role: str) -> Message:
    value = turn.get(_text_key(turn))
    if role == "function_call":
        return {"role": "assistant", "content": "", "tool_calls": _calls(_as_list(opened(value)))} | _weight(
            turn
        )
    parts = _parts_in(value)
    used = [part for part in parts if _kind(part) == "tool_use"]
    thoughts = [text_of(part.get("thinking")) for part in parts if _kind(part) == "thinking"]
    if used or thoughts:
        value = [part for part in parts if _kind(part) not in ("tool_use", "thinking", "redacted_thinking")]
    message: Message = {"role": role, "content": content_text(value)}
    legacy = turn.get("function_call")
    calls = turn.get("tool_calls") if not is_missing(turn.get("tool_calls")) else None
    if calls is None and not is_missing(legacy):
        calls = [legacy]
    if calls is None and used:
        calls = used
    if calls is not None:
        message["tool_calls"] = _calls(_as_list(opened(calls)))
    if thoughts:
        message["reasoning_content"] = "\n".join(thoughts)
    for name in _KEPT:
        if name in turn and not is_missing(turn[name]):
            message[name] = text_of(turn[name])
    message |= _weight(turn) if role == "assistant" else {}
    if not message["content"].strip() and role in ("user", "assistant") and "tool_calls" not in message:
        raise Unreadable(f"a turn of the {role} is empty")
    return message


def _weight(turn: Mapping[str, Any]) -> Message:
    """The mark of a turn that carries no loss; nothing for any other."""
    return {"weight": 0} if not is_missing(turn.get("weight")) and turn["weight"] == 0 else {}


def _parts_in(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _kind(part: Any) -> str:
    return text_of(part.get("type")) if isinstance(part, Mapping) else ""


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def content_text(value: Any) -> str:
    """The text of a turn's content; parts are joined as chat templates join them, with nothing between.

    Raises Unreadable for parts that are no text (images, audio, files).
    """
    if not isinstance(value, list | Mapping):
        return text_of(value)
    return "".join(_part(part) for part in _as_list(value))


def system_text(value: Any) -> str:
    """The text of a system column: plain, parts of a content, or a turn of its own."""
    inside = opened(value)
    if isinstance(inside, Mapping) and _text_key(inside):
        inside = inside[_text_key(inside)]
    if isinstance(inside, list) and all(isinstance(part, str | Mapping) for part in inside):
        return content_text(inside)
    return text_of(value)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        kind = part.get("type", "text")
        if kind in ("text", "input_text", "output_text") and isinstance(part.get("text"), str):
            return str(part["text"])
        raise Unreadable("a part of a turn is not text", str(kind)[:40])
    raise Unreadable("a part of a turn is not text", type(part).__name__)


def _calls(calls: Sequence[Any]) -> list[dict[str, Any]]:
    return [_call(opened(call)) for call in calls]


def _call(call: Any) -> dict[str, Any]:
    """One tool call in the form that chat templates take: ``arguments`` as an object, not as JSON text."""
    inside = opened(call.get("function", call)) if isinstance(call, Mapping) else None
    if not isinstance(inside, Mapping) or is_missing(inside.get("name")):
        raise Unreadable("a tool call names no function", text_of(call)[:60])
    given = next((inside[key] for key in ("arguments", "parameters", "input") if key in inside), None)
    arguments = {} if is_missing(given) else opened(given)
    made: dict[str, Any] = {
        "type": "function",
        "function": {"name": text_of(inside["name"]), "arguments": arguments},
    }
    return made | ({"id": call["id"]} if not is_missing(call.get("id")) else {})


def tools_of(value: Any) -> tuple[dict[str, Any], ...]:
    """The functions of a ``tools`` column, each wrapped as ``{"type": "function", "function": ...}``."""
    found = opened(value)
    if is_missing(found):
        return ()
    tools = [opened(tool) for tool in _as_list(found)]
    if not all(isinstance(tool, Mapping) for tool in tools):
        raise Unreadable("the tools are no list of functions", text_of(value)[:60])
    return tuple(
        dict(tool) if "function" in tool or "name" not in tool else {"type": "function", "function": tool}
        for tool in tools
    )


def targets_of(messages: Sequence[Message], rule: Targets) -> list[int]:
    """Indices of the assistant turns that carry loss; a turn of ``weight`` 0 never does.

    Raises Unreadable where there is none, or nobody else speaks before the last.
    """
    wanted = [
        place
        for place, message in enumerate(messages)
        if message["role"] == "assistant" and message.get("weight", 1) != 0
    ]
    if not wanted:
        raise Unreadable("no turn of an assistant to train on")
    if all(message["role"] == "assistant" for message in messages[: wanted[-1]]):
        raise Unreadable("nothing is asked before the answer")
    return wanted[-1:] if rule == "last" else wanted
