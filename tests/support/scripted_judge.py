"""A small judge behind real HTTP: it prefers the text that a function of the test's rates higher."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from memory.budget.spending import Cap, PriceTable, Spending
from tests.support.loopback_chat import ChatServer, Request, Script, text
from tools.chat.models import ModelSpec
from tools.evaluation.judge.asking import Asking
from tools.evaluation.judge.pairs import instructions
from tools.evaluation.judge.verdicts import FOLDER, VerdictFile
from tools.synthesis.teacher import Teacher
from tools.workspace import Workspace

NAME = "openai:scripted-judge"
KEY = "sk-scripted-0123456789"
PRICES = PriceTable.of_mapping({NAME: {"input_usd": 1.0, "output_usd": 4.0}})
_FENCE = re.compile(r'<untrusted id="(\w+)" what="([^"]*)">\n(.*?)\n</untrusted id="\1">', re.DOTALL)
Rate = Callable[[str, str], float]
"""``rate(question, answer)``."""


def fences(request: Request) -> dict[str, str]:
    """What stands in the fences of the last message, by label; all of the message must be in fences."""
    content = str(request.messages[-1]["content"])
    found = {
        what: "\n".join(line.removeprefix("> ").removeprefix(">") for line in body.split("\n"))
        for _, what, body in _FENCE.findall(content)
    }
    assert not _FENCE.sub("", content).strip(), "text stands outside the fences"
    assert list(found) == ["question", "first answer", "second answer"]
    return found


def prefers(rate: Rate, biased: Callable[[str], bool] = lambda question: False) -> Script:
    """A script that chooses what is rated higher, or whatever stands first where it is ``biased``."""

    def reply(request: Request) -> Any:
        shown = fences(request)
        question = shown["question"]
        first, second = (rate(question, shown[f"{place} answer"]) for place in ("first", "second"))
        better = "first" if biased(question) or first > second else "second" if second > first else "neither"
        return text(json.dumps({"reason": "I compared them.", "better": better})).with_usage(200, 20)

    return reply


def an_asking(server: ChatServer, workspace: Workspace, cap: Cap | None = None) -> Asking:
    """The judge on this server, with a cap of its own."""
    spending = Spending(PRICES)
    spending.cap_role("judge", cap or Cap())
    spec = ModelSpec(
        NAME, base_url=server.base_url, api_key=SecretStr(KEY), max_retries=0, max_output_tokens=100
    )
    teacher = Teacher([spec], spending, workspace.run_dir / FOLDER, concurrency=2, role="judge")
    system = instructions("Name the colour.", "The better answer is right.")
    return Asking(teacher, system, lambda: spending.left("judge"), VerdictFile(workspace))


def a_workspace(folder: Path) -> Workspace:
    """An empty run's folder."""
    return Workspace.create(folder, "run")
