"""Lists and objects that a data frame wrote into a cell are read; nothing else is, and nothing is run."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.formats.conversation import Conversation
from tasks.formats.detect import detect
from tasks.formats.python_literals import python_literal
from tasks.formats.values import opened


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("['a', \"it's\"]", ["a", "it's"]),
        ("['a' 'b'\n 'c']", ["a", "b", "c"]),
        ("{'text': array(['x'], dtype=object), 'answer_start': array([-1, 2])}",
         {"text": ["x"], "answer_start": [-1, 2]}),
        ("[{'a': 1}\n {'a': None}]", [{"a": 1}, {"a": None}]),
        ("{'a': nan, 'b': True}", {"a": None, "b": True}),
    ],
)  # fmt: skip
def test_a_literal_is_read(text: str, value: Any) -> None:
    assert opened(text) == value


@pytest.mark.parametrize(
    "text",
    ["['a' + 'b']", "[x for x in y]", "{'a'}", "['a'", "[print('a')]", "['a'.upper()]", "[__import__('os')]"],
)
def test_what_would_have_to_be_run_stays_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"literal|object"):
        python_literal(text)
    assert opened(text) == text


@pytest.mark.parametrize("text", ["[INST] Hi [/INST]", "[1 2 3]", "[sic]", "{name}"])
def test_texts_in_brackets_stay_texts(text: str) -> None:
    assert opened(text) == text


def test_a_chat_in_a_cell_is_a_chat() -> None:
    cell = str([{"role": "user", "content": "it's"}, {"role": "assistant", "content": "a"}])
    found = detect([{"messages": cell}]).read({"messages": cell})
    assert isinstance(found, Conversation)
    assert [message["content"] for message in found.messages] == ["it's", "a"]
