"""Reading of a reply: the decision in it, in whatever form it comes, and the looks that it asks for.

A decision is a call of its tool; a call of a tool that nobody offered, with arguments that fit; a call whose
arguments are nearly JSON; or an object in the text, bare, fenced, behind thoughts or in a call written out.
Text counts only where the reply makes no call: beside a call it is a draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from tools.chat.json_objects import Written, written_in
from tools.chat.replies import readable
from tools.chat.schema_fit import fitted, loosened

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

MOST_COMPLAINTS = 6
"""Validation errors of one reply that are told at once."""


@dataclass
class Read:
    """What a reply holds."""

    decision: BaseModel | None = None
    several: bool = False
    """It decides more than once, and not the same."""
    complaint: str = ""
    """What is wrong with its decision, where it holds one that is none."""
    seen: dict[str, Any] = field(default_factory=dict)
    """The arguments of the decision, valid or not."""
    looks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Calls of other tools that it wrote out as text."""


def read_reply(reply: AIMessage, schema: type[BaseModel], tools: frozenset[str]) -> Read:
    """The decision or the looks of a reply.

    Args:
        reply: whole, of bounded size.
        schema: the decision's; its name is the tool's.
        tools: the names of the other tools.
    """
    called = list(_called(reply, schema.__name__, tools))
    if called or reply.tool_calls:
        # Two calls are two decisions; two objects in a text are a draft and what came of it.
        return _read(called, schema, last_counts=False)
    written = written_in(reply.text)
    objects = [call for call in written if isinstance(call.value, dict | list)]
    looks = [
        (name, call.value)
        for call in objects
        if (name := _among(call.name, tools)) and isinstance(call.value, dict)
    ]
    meant = [call for call in objects if not _among(call.name, tools)]
    read = _read(meant, schema, last_counts=True)
    read.looks = [] if read.decision else looks
    if looks:
        read.complaint = ""
    return read


def complaint(error: ValidationError) -> str:
    """A validation error as one line: field, what is wrong, and what was given."""
    errors = error.errors(include_url=False, include_context=False)
    lines = []
    for each in errors[:MOST_COMPLAINTS]:
        where = ".".join(str(part) for part in each["loc"]) or "the decision"
        given = "" if each["type"] == "missing" else f" (given: {readable(repr(each['input'])[:60])})"
        lines.append(f"{where}: {each['msg']}{given}")
    left = len(errors) - MOST_COMPLAINTS
    return "; ".join(lines) + (f"; and {left} more" if left > 0 else "")


def _called(reply: AIMessage, decision: str, tools: frozenset[str]) -> Iterator[Written]:
    """Calls that may be the decision's: of its tool, and of tools that there are not."""
    for call in reply.tool_calls:
        if not _among(call["name"], tools) or call["name"] == decision:
            yield Written(decision if _folded(call["name"]) == _folded(decision) else "", call["args"])
    for broken in reply.invalid_tool_calls:
        if not _among(str(broken.get("name")), tools):
            yield from (Written("", each.value) for each in written_in(str(broken.get("args") or "")))


def _read(candidates: list[Written], schema: type[BaseModel], *, last_counts: bool) -> Read:
    valid: list[BaseModel] = []
    read = Read()
    for candidate in candidates:
        try:
            valid.append(fitted(schema, candidate.value))
            read.seen = valid[-1].model_dump(mode="json")
        except ValidationError as error:
            mine = candidate.name and _folded(candidate.name) == _folded(schema.__name__)
            mended = loosened(schema, candidate.value)
            if mine or _resembles(candidate.value, schema):
                read.complaint = complaint(error)
                read.seen = read.seen or (mended if isinstance(mended, dict) else {})
    distinct = [one for place, one in enumerate(valid) if one not in valid[:place]]
    if len(distinct) == 1 or (distinct and last_counts):
        read.decision, read.complaint = distinct[-1], ""
        read.seen = distinct[-1].model_dump(mode="json")
    elif distinct:
        read.several, read.complaint = True, ""
    return read


def _resembles(value: Any, schema: type[BaseModel]) -> bool:
    """Whether a field of the schema is named in the value, or in an object right inside of it."""
    fields = {_folded(name) for name in schema.model_fields}
    inside = value.values() if isinstance(value, dict) else ()
    objects = [one for one in (value, *inside) if isinstance(one, dict)]
    return any(_folded(str(key)) in fields for one in objects for key in one)


def _among(name: str, tools: frozenset[str]) -> str:
    """The tool of this name, however it is spelt; empty where there is none."""
    return next((tool for tool in tools if _folded(tool) == _folded(name)), "") if name else ""


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.casefold())
