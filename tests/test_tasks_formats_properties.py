"""Whatever a row holds, detection and reading answer: no error, no invented text, turns in order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.declared import Declared
from tasks.formats.detect import detect

NAMES = st.sampled_from(
    [
        "prompt",
        "completion",
        "messages",
        "conversations",
        "chosen",
        "rejected",
        "instruction",
        "input",
        "output",
        "question",
        "answer",
        "answers",
        "context",
        "text",
        "label",
        "choices",
        "answerKey",
        "A",
        "B",
        "C",
        "D",
        "history",
        "system",
        "tools",
        "image",
        "premise",
        "hypothesis",
        "x",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
TURN = st.dictionaries(
    st.sampled_from(["role", "from", "content", "value", "text", "tool_calls", "weight", "name"]),
    SCALARS
    | st.sampled_from(["user", "human", "gpt", "assistant", "system", "tool", "function_call", "pirate"]),
    max_size=4,
)
VALUES = st.recursive(
    SCALARS | st.lists(TURN, max_size=4) | st.lists(TURN, max_size=3).map(json.dumps),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=5)


@given(
    ROWS,
    st.sampled_from(
        [None, Declared("{question} {x}", "answer"), Declared("{messages.0.content}", "A.x", "B")]
    ),
)
def test_detection_and_reading_never_raise(rows: list[dict[str, Any]], declared: Declared | None) -> None:
    found = detect(rows, declared=declared, labels={"label": ("no", "yes")}, targets="all")
    tally = found.tally(rows)
    assert tally.used + tally.set_aside == len(rows)
    assert "\n" not in tally.summary() or any("\n" in detail for _, detail in tally.examples.values())
    for read in found.conversations(rows):
        assert isinstance(read, Conversation | SetAside)
        if isinstance(read, Conversation):
            assert read.text or read.targets
            assert all(read.messages[place]["role"] == "assistant" for place in read.targets)
            assert read.format


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12
)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), TEXT), min_size=1, max_size=8))
def test_turns_of_a_chat_keep_their_order_and_text(turns: list[tuple[str, str]]) -> None:
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    read = detect([row]).read(row)
    roles = [role for role, _ in turns]
    last = max((n for n, role in enumerate(roles) if role == "assistant"), default=-1)
    if {*roles[: last + 1]} == {"assistant"}:
        assert read == SetAside("nothing is asked before the answer")
    elif "assistant" in roles:
        assert isinstance(read, Conversation)
        assert [(m["role"], m["content"]) for m in read.messages] == turns
        assert read.targets == (last,)
    else:
        assert read == SetAside("no turn of an assistant to train on")


@given(TEXT, st.text(max_size=8), TEXT)
def test_no_text_is_invented_from_columns(instruction: str, extra: str, output: str) -> None:
    row = {"instruction": instruction, "input": extra, "output": output}
    read = detect([row]).read(row)
    assert isinstance(read, Conversation)
    prompt, answer = (message["content"] for message in read.messages)
    assert prompt == (f"{instruction}\n{extra}" if extra.strip() else instruction)
    assert answer == output
