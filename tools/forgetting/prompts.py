"""General prompts: the fixed set on which forgetting is measured, and others whose answers may be replayed.

Both were written for this project. Of the fixed set (``general_prompts.jsonl``: facts, translation, code,
letters, stories, lists and more, in twelve languages) some have an answer that nobody guesses; they tell
whether a model answers anything general. The prompts for replay (``replay_prompts.toml``) are others: what
is trained on measures nothing.
"""

from __future__ import annotations

import functools
import json
import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_LATIN = re.compile(r"[A-Za-zÀ-ɏ0-9]+")


@dataclass(frozen=True)
class GeneralPrompt:
    """One prompt of the fixed set."""

    id: str
    language: str
    kind: str
    prompt: str
    expect: tuple[str, ...] = ()
    """What a right answer holds, any of them; empty where there is no one right answer."""


@functools.cache
def general_prompts() -> tuple[GeneralPrompt, ...]:
    """The fixed set, those with an expected answer first."""
    lines = (FOLDER / "general_prompts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return tuple(GeneralPrompt(**row | {"expect": tuple(row.get("expect", ()))}) for row in rows)


def answers_right(prompt: GeneralPrompt, answer: str) -> bool:
    """Whether an answer holds what is expected, as a word of its own where the script has such."""
    return any(_holds(answer.casefold(), wanted.casefold()) for wanted in prompt.expect)


def _holds(answer: str, wanted: str) -> bool:
    if _LATIN.fullmatch(wanted):
        return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", answer) is not None
    return wanted in answer


@functools.cache
def replay_prompts(seed: int = 0) -> tuple[str, ...]:
    """The prompts for replay, mixed, so that the first so many are of every kind."""
    known = tomllib.loads((FOLDER / "replay_prompts.toml").read_text(encoding="utf-8"))["language"]
    made = [text for language in known for text in _made(language["requests"], language["topics"])]
    return tuple(random.Random(seed).sample(made, len(made)))


def _made(requests: Sequence[str], topics: Sequence[str]) -> list[str]:
    return [request.replace("{topic}", topic) for request in requests for topic in topics]
