"""Trees of messages become the conversation that was shown last."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.detect import detect

Said = tuple[str, str, str, str]
"""(name, parent, role, text)."""
TREE: list[Said] = [
    ("s", "", "system", ""),
    ("q", "s", "user", "How old is the mill?"),
    ("x", "q", "assistant", "No idea."),
    ("a", "q", "assistant", "It is from 1704."),
    ("p", "a", "user", "And the weir?"),
    ("b", "p", "assistant", "Older."),
    ("c", "b", "assistant", "From 1650."),
]
PICTURE = {"content_type": "multimodal_text", "parts": [{"asset": 1}]}
WHOLE = ["How old is the mill?", "It is from 1704.", "And the weir?", "Older.\n\nFrom 1650."]


def tree(said: list[Said], last: str | None = "c", **changed: Any) -> dict[str, Any]:
    nodes: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    for name, parent, role, text in said:
        message = {
            "author": {"role": role}, "content": {"content_type": "text", "parts": [text]},
            "recipient": "all", "metadata": {},
        }  # fmt: skip
        nodes[name] = {"id": name, "message": message, "parent": parent or "root", "children": []}
        nodes[parent or "root"]["children"].append(name)
    nodes[said[-1][0]]["message"] |= changed
    return {"title": "The mill", "create_time": 1.5, "mapping": nodes, "current_node": last, "id": "7"}


def read(row: dict[str, Any]) -> Conversation | SetAside:
    return detect([row] * 3).read(row)


@pytest.mark.parametrize("last", ["c", None, "gone"])
def test_the_branch_that_was_shown_last_is_read(last: str | None) -> None:
    found = read(tree(TREE, last))
    assert isinstance(found, Conversation), found
    assert [message["content"] for message in found.messages] == WHOLE


def test_another_branch_is_read_where_it_was_the_last() -> None:
    found = read(tree(TREE, "x"))
    assert isinstance(found, Conversation), found
    assert [message["content"] for message in found.messages] == ["How old is the mill?", "No idea."]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"content": {"content_type": "code", "text": "1"}}, "the conversation uses tools"),
        ({"recipient": "python"}, "the conversation uses tools"),
        ({"author": {"role": "tool"}}, "the conversation uses tools"),
        (
            {"content": PICTURE},
            "a part of a turn is not text",
        ),
    ],
)
def test_what_is_no_text_sets_the_conversation_aside(changed: dict[str, Any], reason: str) -> None:
    found = read(tree(TREE, **changed))
    assert isinstance(found, SetAside)
    assert found.reason == reason


HIDDEN = {"metadata": {"is_visually_hidden_from_conversation": True}}


@pytest.mark.parametrize("changed", [{"content": {"content_type": "thoughts"}}, HIDDEN])
def test_what_nobody_saw_is_no_turn(changed: dict[str, Any]) -> None:
    found = read(tree(TREE, **changed))
    assert isinstance(found, Conversation), found
    assert found.messages[-1]["content"] == "Older."


def test_a_tree_that_goes_in_circles_ends() -> None:
    row = tree(TREE)
    row["mapping"]["root"]["parent"] = "c"
    row["current_node"] = None
    row["mapping"]["c"]["children"] = ["q"]
    read(row)
