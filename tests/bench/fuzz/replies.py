"""Targets that read what a language model replies, and what is asked at the doors of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from graph.approval.gates import read_answer
from graph.cli.ask import answer_of
from graph.cli.printable import json_text, printable, shown
from graph.doors.gym_env import _read as read_action
from roles.llm.reply_reading import read_reply
from roles.llm.schemas import (
    DiagnosisDecision,
    PlanDecision,
    RecipeDecision,
    TrainingDecision,
    VerdictDecision,
)
from tasks.credentials import cleared, holds_credential, without_credentials
from tasks.errors import InvalidDecision
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.text import encoded, json_value, parts_of, text_of
from tests.support import foreign_texts as foreign
from tools.chat.json_objects import lenient, without_thoughts, written_in
from tools.chat.redact import Redactor
from tools.chat.replies import readable, tokens_of
from tools.chat.untrusted_text import clean, delimited, one_line, visible
from tools.evaluation.judge.pairs import choice_of
from tools.models.export import markdown
from tools.process.root_cause import root_cause
from tools.report.sentences import named, quoted
from tools.synthesis.checks import rating_of
from tools.verbs.answer import bounded_facts, refusal

SCHEMAS = (PlanDecision, RecipeDecision, TrainingDecision, VerdictDecision, DiagnosisDecision)
PLAN = {
    "hypothesis": "cleaner sources help",
    "reason": "e01 gained 3 points",
    "change": "first",
    "sources": ["pool_a", "pool_b"],
    "expected_gain": 5,
    "share_of_remaining_budget": 0.3,
}
RECIPE = {"operations": [{"op": "select", "sources": ["a"]}, {"op": "cap", "rows": 500}], "reason": "as is"}


def _forms(name: str, arguments: dict[str, object]) -> Iterator[str]:
    whole = json.dumps(arguments)
    yield whole
    yield f"<think>I wonder {{}}</think>\nHere:\n```json\n{json.dumps(arguments, indent=1)}\n```\nDone."
    yield json.dumps({"name": name, "arguments": arguments})
    yield json.dumps({"type": "function", "function": {"name": name, "arguments": whole}})
    yield f"<tool_call>\n{json.dumps({'name': name, 'arguments': whole})}\n</tool_call>"
    yield f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
    yield repr(arguments).replace("}", ",}  # a comment")
    inner = "".join(f"<parameter={key}>{value}</parameter>" for key, value in arguments.items())
    yield f"<function={name}>{inner}</function>"
    yield "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in arguments.items()) + "} // so"


REPLIES = encoded(
    *_forms("PlanDecision", dict(PLAN)),
    *_forms("RecipeDecision", dict(RECIPE)),
    *_forms("look_at_rows", {"source": "a", "count": 3}),
    '{"better": "first", "reason": "x"}',
    '```json\n{"rating": 4}\n```',
    "None",
    "",
)


def _reply(folder: Path, content: bytes) -> None:
    from langchain_core.messages import AIMessage

    text = text_of(content)
    tools = frozenset({"look_at_rows"})
    for schema in SCHEMAS[len(text) % len(SCHEMAS) :][:2]:
        read_reply(AIMessage(content=text), schema, tools)
        broken = {
            "name": schema.__name__,
            "args": text,
            "id": "1",
            "error": None,
            "type": "invalid_tool_call",
        }
        read_reply(AIMessage(content="", invalid_tool_calls=[broken]), schema, tools)
        value = json_value(text)
        if isinstance(value, dict):
            call = {"name": schema.__name__, "args": value, "id": "1"}
            read_reply(AIMessage(content="", tool_calls=[call]), schema, tools)


def _values(folder: Path, content: bytes) -> None:
    text = text_of(content)
    written_in(text)
    without_thoughts(text)
    choice_of(text)
    rating_of(text)
    with suppress(ValueError):  # what it promises; a RecursionError is none
        lenient(text)


def _answer(folder: Path, content: bytes) -> None:
    text = text_of(content)
    for value in (text, json_value(text)):
        with suppress(InvalidDecision):
            read_answer(value)
    answer_of(False, text, None)


def _action(folder: Path, content: bytes) -> None:
    verb, arguments = parts_of(content, 2)
    read_action({"verb": json_value(verb), "arguments": arguments})
    bounded_facts({"a": json_value(arguments)})
    refusal(arguments)


def _shown(folder: Path, content: bytes) -> None:
    text = text_of(content)
    fenced = delimited(text, text[:100])
    for line in (one_line(text), named(text), quoted(text), refusal(text)):
        assert "\n" not in line, line
    for seen in (fenced, clean(text), visible(text), printable(text), shown(text)):
        assert not any(char in seen for char in "\x1b\u202e\u2066\x07\x9b"), seen
    readable(text).encode()  # what no file can hold is gone
    assert "<" not in markdown.words(text).replace("\\<", "").replace("&lt;", "")
    markdown.name(text)
    markdown.code(text)
    json.loads(json_text(text))
    tokens_of(text)


def _secrets(folder: Path, content: bytes) -> None:
    text = text_of(content)
    holds_credential(text)
    without_credentials(text)
    cleared({"a": [text]})
    Redactor(["sk-secret-of-this-run-1234"]).text(text)
    Redactor(["sk-secret-of-this-run-1234"]).error(RuntimeError(text))


def _log(folder: Path, content: bytes) -> None:
    root_cause(text_of(content))


LOGS = encoded(
    'Traceback (most recent call last):\n  File "/a/b.py", line 3, in f\n    x()\nValueError: no\n',
    "step 1\rstep 2\r\x1b[31mError: CUDA out of memory\x1b[0m\nmore\n",
    "[rank1]: RuntimeError: NCCL\n[rank0]: ok\n",
    "loading\nfailed to open /home/ann/model/x.bin\n",
)
SEEN = encoded(
    "plain words\n\nand a second line",
    "<script>alert(1)</script> [link](javascript:x) ![i](http://h/x.png) `code` | table |",
    "\x1b]52;c;aGk=\x07\x1b[2J\u202egnp.exe\u2066 \u200b\U000e0041",
    "key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789 and https://ann:secret@host/x",
    "AKIAIOSFODNN7EXAMPLE hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    "[bold]rich[/bold] \\[x] {{ jinja }} {% for %}",
)


def _targets() -> Iterator[Target]:
    yield Target(
        "decision", ("roles/llm/reply_reading.py:read_reply",), _reply, REPLIES, foreign.chat, dear=True
    )
    entries = ("tools/chat/json_objects.py:written_in", "tools/chat/json_objects.py:lenient")
    others = ("tools/evaluation/judge/pairs.py:choice_of", "tools/synthesis/checks.py:rating_of")
    yield Target("values in a reply", (*entries, *others), _values, REPLIES, foreign.chat)
    yield Target(
        "answer of a person",
        ("graph/approval/gates.py:read_answer", "graph/cli/ask.py:answer_of"),
        _answer,
        encoded("approve", '{"verdict": "edit", "changes": {"learning_rate": 0.1}}', '{"a": 1}', "reject"),
    )
    yield Target(
        "action of an agent",
        ("graph/doors/gym_env.py:_read", "tools/verbs/answer.py:bounded_facts"),
        _action,
        encoded('"plan"\x1f{"a": [1, 2, {"b": "c"}]}', "3\x1f{}", "list_sources\x1f[]"),
    )
    yield Target(
        "text that is shown",
        ("tools/chat/untrusted_text.py:delimited", "graph/cli/printable.py:printable"),
        _shown,
        SEEN,
    )
    yield Target(
        "secrets in a text",
        ("tasks/credentials.py:without_credentials", "tools/chat/redact.py:Redactor"),
        _secrets,
        SEEN,
    )
    yield Target("log of a child", ("tools/process/root_cause.py:root_cause",), _log, (*LOGS, *SEEN))


TARGETS = tuple(_targets())
