"""Rows of every format that is read, each with the conversation that it stands for, written by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.custom.files import read_path
from tasks.custom.read_rows import read_table, source_of
from tasks.formats.declared import Declared
from tests.support.copy_word_task import copy_spec
from tools.curation.operations import Raw, to_example

Turn = dict[str, Any]
CALL = {"type": "function", "function": {"name": "stock", "arguments": {"part": "A7"}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "stock",
        "description": "Counts parts.",
        "parameters": {"type": "object", "properties": {"part": {"type": "string"}}},
    },
}


def said(*turns: tuple[str, str]) -> list[Turn]:
    """Turns of (role, text)."""
    return [{"role": role, "content": text} for role, text in turns]


@dataclass(frozen=True)
class Example:
    """One row and what it says."""

    row: dict[str, Any]
    messages: list[Turn]
    tools: list[dict[str, Any]] = field(default_factory=list)
    declared: Declared | None = None


USER, ANSWER = ("user", "Is it open?"), ("assistant", "Until six.")
MORE = [("user", "And on Sunday?"), ("assistant", "No.")]
PAIR = said(USER, ANSWER)
CHAT = said(("system", "Be brief."), USER, ANSWER, *MORE)
THOUGHT = "<think>\nIt shuts at six.\n</think>\n\nUntil six."
ASKS = {"role": "assistant", "content": "", "tool_calls": [CALL]}
TOOLED = [*said(("user", "How many A7?")), ASKS, *said(("tool", "12"), ("assistant", "Twelve."))]
MARKED = "### Human: Is it open?\n### Assistant: Until six.\n### Human: And on Sunday?\n### Assistant: No."

EXAMPLES = {
    "prompt and completion": Example({"prompt": USER[1], "completion": ANSWER[1]}, PAIR),
    "the same as messages": Example({"prompt": said(USER), "completion": said(ANSWER)}, PAIR),
    "messages": Example({"messages": CHAT}, CHAT),
    "from and value": Example(
        {"conversations": [{"from": "human", "value": USER[1]}, {"from": "gpt", "value": ANSWER[1]}]}, PAIR
    ),
    "content parts": Example(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": USER[1]}]}, PAIR[1]]}, PAIR
    ),
    "reasoning in the answer": Example(
        {"messages": said(USER, ("assistant", THOUGHT))}, said(USER, ("assistant", THOUGHT))
    ),
    "tool calls": Example({"messages": TOOLED, "tools": [TOOL]}, TOOLED, [TOOL]),
    "instruction": Example(
        {"instruction": "Translate.", "input": "Haus", "output": "house"},
        said(("user", "Translate.\nHaus"), ("assistant", "house")),
    ),
    "instruction with history": Example(
        {"instruction": MORE[0][1], "input": "", "output": MORE[1][1], "history": [[USER[1], ANSWER[1]]]},
        said(USER, ANSWER, *MORE),
    ),
    "context and question": Example(
        {"context": "The shop shuts at six.", "question": USER[1], "answer": ANSWER[1]},
        said(("user", f"The shop shuts at six.\n\n{USER[1]}"), ANSWER),
    ),
    "spans": Example(
        {
            "context": "It shuts at six.",
            "question": "When?",
            "answers": {"text": ["at six"], "answer_start": [9]},
        },
        said(("user", "It shuts at six.\n\nWhen?"), ("assistant", "at six")),
    ),
    "several answers": Example(
        {"question": "When?", "answer": ["at six", "6 pm"]}, said(("user", "When?"), ("assistant", "at six"))
    ),
    "multiple choice": Example(
        {"question": "Which is a fruit?", "choices": ["stone", "plum"], "answer": 1},
        said(("user", "Which is a fruit?\nA. stone\nB. plum"), ("assistant", "B")),
    ),
    "classification": Example(
        {"text": "It broke at once.", "label": "bad"},
        said(("user", "It broke at once."), ("assistant", "bad")),
    ),
    "preference": Example({"prompt": USER[1], "chosen": ANSWER[1], "rejected": "Dunno."}, PAIR),
    "preference as conversations": Example(
        {"chosen": PAIR, "rejected": said(USER, ("assistant", "Dunno."))}, PAIR
    ),
    "feedback": Example({"prompt": USER[1], "completion": ANSWER[1], "label": True}, PAIR),
    "marked text": Example({"text": MARKED}, said(USER, ANSWER, *MORE)),
    "two columns": Example({"de": "Haus", "en": "house"}, said(("user", "Haus"), ("assistant", "house"))),
    "declared": Example(
        {"site": "Ulm", "ask": USER[1], "reply": ANSWER[1]},
        said(("user", f"Site Ulm. {USER[1]}"), ANSWER),
        declared=Declared("Site {site}. {ask}", "reply"),
    ),
}


def record_of(example: Example, folder: Path) -> dict[str, Any]:
    """The row as a training set holds it: read from a file, by the way that a run goes."""
    file = folder / "rows.jsonl"
    file.write_text((json.dumps(example.row) + "\n") * 3)
    (table,) = read_path(file).tables
    source = source_of(read_table(table, example.declared))
    found = to_example(Raw(source.name, 0, source.rows[0]), source.columns, copy_spec())
    assert found is not None
    return found.record()
