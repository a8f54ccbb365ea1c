"""JSON values in a model's words: bare, in a fence, behind its thoughts, in a tool call written out as text.

Servers without a parser for a model's tool calls hand them on as text, and models write decisions as text
when no tool call comes to their mind. Read here is what stands there, in the forms that models and their chat
templates are known for; what it means is the caller's to check. A text that breaks off inside a value is not
completed: whoever stopped there may have had more to say.
"""

from __future__ import annotations

import ast
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

MOST_VALUES = 64
"""Of one text: no reply holds more objects that could be meant."""
MOST_MENDED = 100_000
"""Characters that are no JSON and may be mended, in one text: of braces in braces each is tried anew."""
_THOUGHT = r"think|thinking|thought|reasoning|reflection"
_CLOSED = re.compile(
    rf"<({_THOUGHT})\b[^>]{{0,200}}>.*?</\1\s*>|\[THINK\].*?\[/THINK\]|◁think▷.*?◁/think▷"
    r"|<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|(?=<\|channel\|>)|(?=<\|start\|>))",
    re.DOTALL | re.IGNORECASE,
)
_ENDED = re.compile(rf"</(?:{_THOUGHT})\s*>|\[/THINK\]|◁/think▷", re.IGNORECASE)
"""An end without a beginning: chat templates put the opening tag into the prompt."""
_FUNCTION = re.compile(
    r"<function[=\s]+(?:name=)?[\"']?([\w.-]+)[\"']?\s*>(.*?)(?:</function>|\Z)", re.DOTALL
)
_PARAMETER = re.compile(
    r"<parameter[=\s]+(?:name=)?[\"']?([\w.-]+)[\"']?\s*>\n?(.*?)\n?(?=</parameter>|<parameter[=\s]|\Z)",
    re.DOTALL,
)
_CALL = re.compile(r"\b([A-Za-z_]\w*)\((?=\s*[A-Za-z_]\w*\s*=)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ASIDE = re.compile(
    r"""("(?:[^"\\]|\\.)*"|(?<!\w)'(?:[^'\\\n]|\\.)*')|//[^\n]*|\#[^\n]*|/\*.*?\*/""", re.DOTALL
)
"""A comment, or a text that may hold signs of one."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_NUMBER = re.compile(r"(?<!\w)[-+]?\.?\d[\d_.]*(?:[eE][-+]?\d+)?(?!\w)")
_HEAD = re.compile(r"([A-Za-z_][\w.]*)[\s:>=`]*(?:```)?(?:json)?[\s>:=\]]*$")
MOST_BEFORE = 200
"""Characters before a value in which the word that it belongs to is looked for."""
_NAMES = ("name", "tool", "tool_name", "function", "function_name", "action", "recipient_name")
_ARGUMENTS = ("arguments", "args", "parameters", "params", "input", "tool_input", "action_input", "kwargs")
_DECODER = json.JSONDecoder(strict=False)
_UNREADABLE = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Written:
    """One value of a text, and the name of the function that it was written for; empty where none is."""

    name: str
    value: Any


def written_in(text: str) -> list[Written]:
    """The values of a text, its thoughts left out, in order; calls are opened: name and arguments."""
    words = without_thoughts(text)
    tagged = [
        Written(found[1], arguments)
        for found in _FUNCTION.finditer(words)
        if (arguments := _parameters(found[2])) is not None
    ]
    if tagged:
        return tagged
    return [call for name, value in _values(words) for call in _opened(name, value)]


def without_thoughts(text: str) -> str:
    """The text without what a model thought aloud; an unclosed thought stays, for nothing else was said."""
    said = _CLOSED.sub(" ", text)
    ends = list(_ENDED.finditer(said))
    return (said[ends[-1].end() :] if ends else said).strip()


def lenient(text: str) -> Any:
    """The value of one JSON text, or of what is nearly one: Python literals, comments, bare names, commas.

    A repair that drops or moves a word is refused. Where a text holds quotes that are not escaped, its end is
    a guess that keeps every word: a ``", "x":`` inside it reads as the next field.

    Raises:
        ValueError: it is no such value, or it breaks off.
    """
    text = text.strip()
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        pass
    if text[:1] not in ("{", "["):
        raise ValueError("no object and no list")
    try:
        value = ast.literal_eval(text)
        if isinstance(value, dict | list):
            return value
    except _UNREADABLE:
        pass
    if not _is_whole(text):
        raise ValueError("it breaks off")
    from json_repair import repair_json

    try:
        value = repair_json(text, return_objects=True)
    except _UNREADABLE:
        raise ValueError("no JSON") from None
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(item, dict) for item in listed):
        raise ValueError("no JSON")
    if _words(json.dumps(value, ensure_ascii=False)) != _words(text):
        raise ValueError("no JSON")
    return _faithful(value, text, {told.strip(): told for told in _texts(text)})


def _words(text: str) -> list[str]:
    """Its words in order, without comments and numbers: a repair that drops or moves one has misread it."""
    said = _ASIDE.sub(lambda found: found[1] or " ", text)
    said = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", said)
    words = re.findall(r"[^\W_]+", _NUMBER.sub(" ", said).casefold())
    return ["null" if word == "none" else word for word in words]


def _texts(text: str) -> Iterator[str]:
    """Every JSON string in it."""
    for found in _STRING.finditer(text):
        with suppress(ValueError):
            yield json.loads(found[0], strict=False)


def _faithful(value: Any, text: str, told: Mapping[str, str]) -> Any:
    """The value with its texts as they were written: a repair trims them, and may cut one short.

    Raises:
        ValueError: a text that was not written so.
    """
    if isinstance(value, dict):
        return {key: _faithful(part, text, told) for key, part in value.items()}
    if isinstance(value, list):
        return [_faithful(part, text, told) for part in value]
    if not isinstance(value, str):
        return value
    if value.strip() in told:
        return told[value.strip()]
    if value not in text and json.dumps(value)[1:-1] not in text:
        raise ValueError("no JSON")
    return value


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """Each outermost object or list, with the word that stands right before it."""
    place = found = mended = 0
    heads = deque(islice(_CALL.finditer(text), MOST_VALUES))
    while found < MOST_VALUES:
        start = min((at for sign in "{[" if (at := text.find(sign, place)) >= 0), default=-1)
        call = _python_call(text, heads, place, start)
        if call is not None:
            name, value, place = call
            found += 1
            yield name, value
            continue
        if start < 0:
            return
        found += 1
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = _end_of(text, start)
            mended += end - start
            if mended > max(MOST_MENDED, end - start):  # what is JSON as it stands is still read
                place = start + 1
                continue
            try:
                value = lenient(text[start:end])
            except ValueError:
                place = start + 1
                continue
        yield _word_before(text[place:start]), value
        place = end


def _word_before(text: str) -> str:
    """``RecipeDecision`` of ``RecipeDecision {...``, ``<function=RecipeDecision>{...`` and their like."""
    found = _HEAD.search(text[-MOST_BEFORE:])
    return found[1] if found else ""


def _python_call(
    text: str, heads: deque[re.Match[str]], place: int, before: int
) -> tuple[str, Any, int] | None:
    """``name(key=value, ...)`` as a model that writes Python calls a tool; None where there is none.

    Each of the ``heads``, the places where one may begin, is tried once and taken away.
    """
    while heads and (before < 0 or heads[0].start() < before):
        head = heads.popleft()
        if head.start() < place:
            continue
        end = _end_of(text, head.end() - 1)
        try:
            parsed = ast.parse(text[head.start() : end], mode="eval").body
            if isinstance(parsed, ast.Call) and parsed.keywords and not parsed.args:
                given = {str(word.arg): _literal(word.value) for word in parsed.keywords if word.arg}
                return head[1], given, end
        except _UNREADABLE:
            continue
    return None


def _literal(node: ast.expr) -> Any:
    """A literal, with JSON's names for the constants."""
    constants = {"true": True, "false": False, "null": None}

    class Named(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.expr:
            return ast.Constant(constants[name.id]) if name.id in constants else name

    return ast.literal_eval(Named().visit(node))


def _end_of(text: str, start: int) -> int:
    """Behind the bracket that closes the one at ``start``; the text's end where none does."""
    depth, quote, place = 0, "", start
    while place < len(text):
        sign = text[place]
        if quote:
            if sign == "\\":
                place += 1
            elif sign == quote:
                quote = ""
        elif sign == '"' or (sign == "'" and not text[place - 1].isalnum()):
            quote = sign
        elif sign in "{[(":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                return place + 1
        place += 1
    return len(text)


def _is_whole(text: str) -> bool:
    """Whether nothing but closing brackets can be missing: it ends with one, or with a text as a value."""
    end = len(text)
    while end and (text[end - 1].isspace() or text[end - 1] == "`"):
        end -= 1  # an expression for this would begin anew at every blank
    text = text[:end]
    if text[-1:] in ("}", "]"):
        return True
    outside = len(re.findall(r'(?<!\\)"', text)) % 2 == 0
    return outside and re.search(r':\s*(?:"(?:[^"\\]|\\.)*"|true|false|null)$', text) is not None


def _parameters(text: str) -> dict[str, Any] | None:
    """The arguments between ``<parameter=NAME>`` tags; None where there are none."""
    found = {match[1]: _plain(match[2]) for match in _PARAMETER.finditer(text)}
    return found or None


def _plain(text: str) -> Any:
    """A parameter's value: JSON where it is some, else its text."""
    try:
        return lenient(text)
    except ValueError:
        return text


def _opened(name: str, value: Any) -> Iterator[Written]:
    """The calls in a value: an envelope is opened, a list of envelopes gives each, anything else stays."""
    if isinstance(value, list) and value and all(_is_envelope(item) for item in value):
        for item in value:
            yield from _opened(name, item)
        return
    if isinstance(value, Mapping):
        inner = value.get("tool_calls")
        if isinstance(inner, list) and inner:
            yield from _opened(name, inner)
            return
        if _is_envelope(value):
            if isinstance(value.get("function"), Mapping):
                yield from _opened(name, value["function"])
                return
            called = next(str(value[key]) for key in _NAMES if isinstance(value.get(key), str))
            given = next(value[key] for key in _ARGUMENTS if key in value)
            yield Written(
                called.removeprefix("functions."), _plain(given) if isinstance(given, str) else given
            )
            return
    yield Written(name, value)


def _is_envelope(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    if isinstance(value.get("function"), Mapping):
        return _is_envelope(value["function"])
    named = any(isinstance(value.get(key), str) for key in _NAMES)
    return named and any(isinstance(value.get(key), Mapping | str | list) for key in _ARGUMENTS)
