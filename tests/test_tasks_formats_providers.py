"""Chats in the shapes that providers of language models take and give."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.detect import detect


def read(row: dict[str, Any]) -> Conversation:
    found = detect([row] * 3).read(row)
    assert isinstance(found, Conversation), found
    return found


def said(row: dict[str, Any]) -> str:
    return " | ".join(f"{turn['role']}: {turn['content']}" for turn in read(row).messages)


ASK = [{"role": "user", "content": "Why?"}]
GEMINI = [{"role": "user", "parts": [{"text": "Why?"}]}, {"role": "model", "parts": [{"text": "So."}]}]
BLOCKS = [
    {"role": "user", "content": [{"text": "Why?"}]},
    {"role": "assistant", "content": [{"text": "So."}]},
]
REPLY = {"role": "assistant", "content": "So."}
MARKED = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant:"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]}, "contents": GEMINI},
         "system: Be brief. | user: Why? | assistant: So."),
        ({"system": [{"text": "Be brief."}], "messages": BLOCKS},
         "system: Be brief. | user: Why? | assistant: So."),
        ({"request": {"messages": ASK}, "response": {"body": {"choices": [{"message": REPLY}]}}},
         "user: Why? | assistant: So."),
        ({"input": {"messages": ASK}, "preferred_output": [REPLY], "non_preferred_output": [REPLY]},
         "user: Why? | assistant: So."),
        ({"conversations": [{"from": "human", "value": "Why?"}], "chosen": {"from": "gpt", "value": "So."},
          "rejected": {"from": "gpt", "value": "No."}}, "user: Why? | assistant: So."),
        ({"chosen": f"{MARKED} So.", "rejected": f"{MARKED} No."},
         "user: Hi | assistant: Yes? | user: Why? | assistant: So."),
        ({"conversation": [{"human": "Hi", "assistant": "Yes?"}, {"human": "Why?", "assistant": "So."}]},
         "user: Hi | assistant: Yes? | user: Why? | assistant: So."),
        ({"prompt": MARKED, "completion": " So."},
         "user: Hi | assistant: Yes? | user: Why? | assistant: So."),
        ({"prompt": "Be brief.\n\n### Instruction:\nWhy?\n\n### Response:\n", "completion": "    x = 1\n"},
         "system: Be brief. | user: Why? | assistant:     x = 1"),
        ({"prompt": "Why does Human: stand here?", "completion": "So."},
         "user: Why does Human: stand here? | assistant: So."),
    ],
)  # fmt: skip
def test_the_turns_are_those_of_the_conversation(row: dict[str, Any], expected: str) -> None:
    assert said(row) == expected


def test_blocks_of_tools_and_thoughts_are_calls_results_and_reasoning() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Oslo"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "12"}]}
    thought = {"type": "thinking", "thinking": "It is cold.", "signature": "x"}
    row = {
        "messages": [
            *ASK,
            {"role": "assistant", "content": [{"type": "text", "text": "I look."}, use]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "So."}]},
        ]
    }
    found = read(row)
    assert [turn["role"] for turn in found.messages] == ["user", "assistant", "tool", "assistant"]
    assert found.messages[1]["tool_calls"][0]["function"] == {"name": "look", "arguments": {"city": "Oslo"}}
    assert found.messages[2] == {"role": "tool", "content": "12", "tool_call_id": "t1"}
    assert found.messages[3]["reasoning_content"] == "It is cold."
    assert found.answers == ("So.",)


def test_a_pair_without_marks_has_no_prompt() -> None:
    row = {"chosen": "So.", "rejected": "No."}
    found = detect([row]).read(row)
    assert isinstance(found, SetAside)
    assert found.reason == "a preference pair without a prompt"


def test_an_object_about_a_row_is_no_turn() -> None:
    row = {"question": "Why?", "answer": "So.", "meta": {"author": "Bo", "text": "a note"}}
    assert said(row) == "user: Why? | assistant: So."
