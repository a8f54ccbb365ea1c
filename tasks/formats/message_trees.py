"""Conversations kept as trees of messages (ChatGPT's export): the branch that was shown last.

``{"mapping": {"a": {"message": ..., "parent": None, "children": ["b"]}, ...}, "current_node": "b"}``. Whoever
asks again or edits a question starts another branch; what was left behind is no part of the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.base import Row
from tasks.formats.conversation import Unreadable
from tasks.formats.values import is_missing, opened, text_of

_UNSAID = ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context")
"""Kinds of content beside what was said: plans of the model, and settings of the user."""
_SPOKEN = ("text", "multimodal_text")


def told_tree(row: Row) -> Row | None:
    """The row with its turns as ``messages``; None where it holds no tree.

    Raises Unreadable where the branch holds a picture, a file or a tool.
    """
    nodes = opened(row.get("mapping"))
    if not isinstance(nodes, Mapping) or not nodes or not all(map(_is_node, nodes.values())):
        return None
    messages: list[dict[str, Any]] = []
    for node in _branch(nodes, text_of(row.get("current_node"))):
        if (turn := _turn(node.get("message"))) is None:
            continue
        if messages and messages[-1]["role"] == turn["role"]:
            turn["content"] = f"{messages.pop()['content']}\n\n{turn['content']}"
        messages.append(turn)
    if not messages:
        raise Unreadable("the conversation is empty")
    return {**{name: value for name, value in row.items() if name != "mapping"}, "messages": messages}


def _is_node(node: Any) -> bool:
    return isinstance(node, Mapping) and node.keys() >= {"message", "parent", "children"}


def _branch(nodes: Mapping[str, Any], last: str) -> list[Mapping[str, Any]]:
    """The nodes from the first to the one that was shown last; without one, by the last child of each."""
    if last not in nodes:
        last = next((name for name, node in nodes.items() if is_missing(node["parent"])), "")
        seen = {last}
        while last in nodes and (after := [name for name in _children(nodes[last]) if name in nodes]):
            if after[-1] in seen:
                break
            last = after[-1]
            seen.add(last)
    found: dict[str, Mapping[str, Any]] = {}
    while last in nodes and last not in found:
        found[last] = nodes[last]
        last = text_of(nodes[last]["parent"])
    return list(found.values())[::-1]


def _children(node: Mapping[str, Any]) -> list[str]:
    children = node["children"]
    return [text_of(child) for child in children] if isinstance(children, list) else []


def _turn(message: Any) -> dict[str, Any] | None:
    """A turn; None for what nobody said or saw."""
    if not isinstance(message, Mapping):
        return None
    author, content, about = (message.get(name) for name in ("author", "content", "metadata"))
    if not isinstance(author, Mapping) or not isinstance(content, Mapping):
        return None
    kind, parts = text_of(content.get("content_type")), content.get("parts")
    hidden = isinstance(about, Mapping) and about.get("is_visually_hidden_from_conversation")
    if hidden or kind in _UNSAID:
        return None
    role = text_of(author.get("role"))
    if role == "tool" or kind not in _SPOKEN or text_of(message.get("recipient", "all")) != "all":
        raise Unreadable("the conversation uses tools", (kind or role)[:40])
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise Unreadable("a part of a turn is not text", kind[:40])
    text = "\n".join(parts).strip()
    return {"role": role, "content": text} if text else None
