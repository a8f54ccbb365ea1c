"""Python literals as text: lists and objects as data frames write them into a table (``['a', 'b']``).

A data frame's cell that holds a list is written to CSV as Python shows it, or as numpy does: quotes are
single, numpy leaves the commas out (``['a' 'b']``), and arrays stand as ``array([...], dtype=object)``.
Nothing is evaluated: names, calls other than ``array`` and operators make a text no literal.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from typing import Any

MOST_CHARACTERS = 200_000
_ARRAYS = frozenset({"array"})
_WORDS = {"nan": None, "null": None, "true": True, "false": False}
_APART = frozenset({tokenize.STRING, tokenize.NUMBER})


def python_literal(text: str) -> Any:
    """The list or object that a text shows as Python does. Raises ValueError where it is none."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError("too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a user's text is no matter of ours
            tree = ast.parse(_with_commas(text), mode="eval").body
        value = _value(tree)
    except (SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise ValueError("no literal") from error
    if not isinstance(value, list | dict):
        raise ValueError("no list and no object")
    return value


def _with_commas(text: str) -> str:
    """Numpy's ``['a' 'b']`` with its commas: Python would run the two texts together."""
    made: list[tokenize.TokenInfo] = []
    gaps: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE):
            continue
        if made and _ends(made[-1]) and _begins(token):
            gaps.append(made[-1].end)
        made.append(token)
    lines = text.splitlines(keepends=True)
    for row, column in reversed(gaps):
        lines[row - 1] = lines[row - 1][:column] + "," + lines[row - 1][column:]
    return "".join(lines)


def _ends(token: tokenize.TokenInfo) -> bool:
    return token.type in _APART or token.string in ("]", "}")


def _begins(token: tokenize.TokenInfo) -> bool:
    return token.type in _APART or token.string in ("[", "{")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part) for part in parts]
        case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
            return {str(_value(key)): _value(part) for key, part in zip(keys, values, strict=True) if key}
        case ast.Call(func=ast.Name(id=name), args=[inside, *_]) if name in _ARRAYS:
            return _value(inside)
        case ast.Name(id=name) if name.casefold() in _WORDS:
            return _WORDS[name.casefold()]
    raise ValueError("no literal")
