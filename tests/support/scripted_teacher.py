"""A small teacher behind real HTTP: it adds two numbers, right or wrong as the question's hash has it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from memory.budget.spending import PriceTable, Spending
from tests.support.loopback_chat import ChatServer, Script, text
from tools.chat.models import ModelSpec
from tools.synthesis.teacher import Teacher

KEY = "sk-scripted-0123456789"
PRICES = PriceTable.of_mapping({"openai:scripted-teacher": {"input_usd": 1.0, "output_usd": 4.0}})
_NUMBERS = re.compile(r"has (\d+) \w+ and finds (\d+) more")


def wrong_about(question: str, percent: int = 40) -> bool:
    """Whether the scripted teacher gets a question wrong: the same for the same numbers."""
    first, second = map(int, _NUMBERS.search(question).groups())  # type: ignore[union-attr]
    return zlib.crc32(f"{first}+{second}".encode()) % 100 < percent


def worked(question: str, percent: int = 40) -> str:
    """A chain-of-thought answer in words of the teacher's own; its equation always holds."""
    first, second = map(int, _NUMBERS.search(question).groups())  # type: ignore[union-attr]
    second += wrong_about(question, percent)
    return f"{first}+{second}={first + second}. The answer is {first + second}."


def adds(percent: int = 40) -> Script:
    """A script that solves, with so many wrong answers in a hundred questions."""
    return lambda request: text(worked(request.messages[-1]["content"], percent))


def a_teacher(
    server: ChatServer,
    folder: Path,
    spending: Spending | None = None,
    names: Sequence[str] = ("openai:scripted-teacher",),
    concurrency: int = 4,
    **options: object,
) -> Teacher:
    """A teacher that asks the server; retries are off, so that tests need not wait for them."""
    given = {"base_url": server.base_url, "api_key": SecretStr(KEY), "max_retries": 0, **options}
    specs = [ModelSpec(name, **given) for name in names]  # type: ignore[arg-type]
    return Teacher(specs, spending or Spending(PRICES), folder, concurrency)
