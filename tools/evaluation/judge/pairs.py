"""Pairs of answers as a judge reads them, in both orders, and its two verdicts as one value.

A judge tends to prefer what stands first (Zheng et al. 2023, arXiv:2306.05685), so each pair is asked twice
with the answers exchanged, and a verdict that goes with the place and not with the answer is a tie.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from tools.chat.prompt_files import PromptFiles
from tools.chat.untrusted_text import delimited

PROMPTS = PromptFiles(Path(__file__).parent / "prompts")
TEXT_CHARACTERS = 24_000
"""Of a question or an answer; of a longer one the middle is left out, and that is written where it was."""
Choice = Literal["first", "second", "neither"]
Outcome = Literal["won", "lost", "tie", "flipped"]
VALUES: dict[Outcome, float] = {"won": 1.0, "lost": 0.0, "tie": 0.5, "flipped": 0.5}
"""Of the answer."""
_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)
_FLAT = re.compile(r"\{[^{}]{0,2000}\}")


@dataclass(frozen=True)
class Pair:
    """An answer, and what it is compared with."""

    question: str
    answer: str
    other: str

    @property
    def prompts(self) -> tuple[str, str]:
        """The user's turns: the answer first, then the answer second."""
        return _shown(self.question, self.answer, self.other), _shown(self.question, self.other, self.answer)


def _shown(question: str, first: str, second: str) -> str:
    texts = {"question": question, "first answer": first, "second answer": second}
    return "\n\n".join(delimited(text, what, TEXT_CHARACTERS) for what, text in texts.items())


def instructions(task: str, criteria: str) -> str:
    """The system's turn, the same for all pairs of a task."""
    return PROMPTS.render("pairwise", task=task, criteria=criteria)


def digest_of(system: str, prompt: str) -> str:
    """SHA-256 of a request."""
    return sha256(f"{system}\n\n{prompt}".encode("utf-8", "replace")).hexdigest()


def choice_of(reply: str) -> Choice | None:
    """What a reply chooses: JSON with ``better``, perhaps after other words; None for anything else."""
    fenced = _FENCED.match(reply)
    whole = fenced[1] if fenced else reply
    for text in (whole, *reversed(_FLAT.findall(whole)[-20:])):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            continue
        better = said.get("better") if isinstance(said, dict) else None
        return better if better in ("first", "second", "neither") else None
    return None


def outcome_of(answer_first: Choice, answer_second: Choice) -> Outcome:
    """Both verdicts as one: from the request with the answer first, and from that with the answer second."""
    if answer_first == answer_second == "neither":
        return "tie"
    if (answer_first, answer_second) == ("first", "second"):
        return "won"
    if (answer_first, answer_second) == ("second", "first"):
        return "lost"
    return "flipped"
