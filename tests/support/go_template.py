"""The part of Go's ``text/template`` that our Modelfiles use, executed as Ollama executes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Nodes = list[Any]


def execute(template: str, messages: Sequence[Mapping[str, str]]) -> str:
    """The prompt that Ollama makes of messages."""
    tokens = re.split(r"(\{\{.*?\}\})", template, flags=re.DOTALL)
    nodes, rest = _parse(tokens)
    assert not rest
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    top = {"Messages": list(messages), "System": system}
    return _run(nodes, top, top, {})


def _parse(tokens: list[str]) -> tuple[Nodes, list[str]]:
    """Nodes up to the ``end`` or ``else`` that closes them, and what follows from there."""
    nodes: Nodes = []
    while tokens:
        token, *tokens = tokens
        if not token.startswith("{{"):
            nodes.append(("text", token))
            continue
        words = token[2:-2].strip()
        if words == "end" or words.startswith("else"):
            return nodes, [token, *tokens]
        if words.startswith(("if ", "range ")):
            kind, _, condition = words.partition(" ")
            branches, otherwise = [], []
            body, tokens = _parse(tokens)
            branches.append((condition, body))
            while tokens[0][2:-2].strip().startswith("else"):
                opening, *tokens = tokens
                body, tokens = _parse(tokens)
                if found := re.fullmatch(r"else if (.*)", opening[2:-2].strip()):
                    branches.append((found.group(1), body))
                else:
                    otherwise = body
            tokens = tokens[1:]
            nodes.append((kind, branches, otherwise))
        else:
            nodes.append(("do", words))
    return nodes, []


def _run(nodes: Nodes, dot: Any, top: Mapping[str, Any], variables: dict[str, Any]) -> str:
    out = ""
    for kind, *parts in nodes:
        if kind == "text":
            out += parts[0]
        elif kind == "do":
            out += _do(parts[0], dot, top, variables)
        elif kind == "range":
            ((over, body),) = parts[0]
            out += "".join(_run(body, each, top, variables) for each in _value(over, dot, top, variables))
        else:
            chosen = next((body for asked, body in parts[0] if _value(asked, dot, top, variables)), parts[1])
            out += _run(chosen, dot, top, variables)
    return out


def _do(words: str, dot: Any, top: Mapping[str, Any], variables: dict[str, Any]) -> str:
    if found := re.fullmatch(r"(\$\w+) :?= (.+)", words):
        variables[found.group(1)] = _value(found.group(2), dot, top, variables)
        return ""
    return str(_value(words, dot, top, variables))


def _value(words: str, dot: Any, top: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    name, *arguments = re.findall(r'"[^"]*"|\S+', words)
    if name in ("eq", "and"):
        values = [_value(argument, dot, top, variables) for argument in arguments]
        return values[0] == values[1] if name == "eq" else all(values)
    if name.startswith('"'):
        return name[1:-1]
    if name in ("true", "false"):
        return name == "true"
    if name.startswith("$."):
        return top[name[2:]]
    if name.startswith("$"):
        return variables[name]
    key = name[1:]
    return dot[key] if key in dot else dot[key.lower()]
