"""Reader of answers: what every metric of a task folder says about a reply, a gold value and a target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tasks.answers.equality import same_answer
from tasks.answers.extract import without_thinking
from tasks.base import ItemScore, Sample

SHOWN = 300
"""Characters of an answer that an item score keeps."""
_MARKED = re.compile(
    r"(?i:answer|答案)[ \t*_]{0,6}[:：][ \t]*([^\n]{1,2000})|^####[ \t]*([^\n]{1,2000})", re.M
)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
LONGEST_BOX = 2000
"""Characters of an answer in a box."""
PLAIN_FORMAT = "the answer alone, or worked steps and then a line `Answer: ...`"


@dataclass(frozen=True)
class Said:
    """What a reply says."""

    text: str
    """As shown to people; equal answers have equal texts where the metric allows it."""
    value: Any = None
    """In the form that the metric compares."""


def _right_answers(sample: Sample) -> tuple[str, ...]:
    return tuple(sample.gold) if isinstance(sample.gold, list | tuple) else (str(sample.gold),)


@dataclass(frozen=True)
class AnswerReader:
    """How answers are written, read and compared under one metric."""

    answer_format: str
    read: Callable[[str], Said | None]
    """The answer in a model's reply; None when there is none."""
    gold: Callable[[str], str | None]
    """A gold value as the scorer takes it, read whole; None when the text is none."""
    value: Callable[[Said, str], float]
    """``value(said, gold)``: 0.0 to 1.0."""
    render: Callable[[str, str], str]
    """``render(answer, reasoning)``: a training target."""
    alike: Callable[[str, str], bool] = same_answer
    """Whether two gold values are one value, written in two ways."""
    labels: tuple[str, ...] = ()
    """Every answer there is, where the list is closed."""
    against: Callable[[Sample], tuple[str, ...]] = _right_answers
    """What a reply is held against; any of several right answers counts."""

    def scorer(self, sample: Sample, answer: str) -> ItemScore:
        """The item score of a model's reply. Never raises."""
        said = self.read(answer)
        if said is None:
            return ItemScore(False, 0.0, None, "unparseable")
        value = max((self.value(said, gold) for gold in self.against(sample)), default=0.0)
        return graded(value, said.text)

    def extract(self, text: str) -> str | None:
        """The answer in a training target of any style: a gold value, else what a reply would say."""
        found = self.gold(text)
        if found is None and (said := self.read(text)) is not None:
            found = said.text
        return found


def graded(value: float, shown: str) -> ItemScore:
    """An item score from a value of 0.0 to 1.0; a hair below one counts as right."""
    value = min(1.0, max(0.0, value))
    right = value >= 1.0 - 1e-9
    return ItemScore(right, value, shown[:SHOWN], "" if right else "partly_right" if value > 0 else "wrong")


def marks(text: str) -> Iterator[str]:
    r"""What follows ``Answer:`` or ``####`` on its line, the last such line first; then what is boxed."""
    for found in reversed(list(_MARKED.finditer(text))[-20:]):
        line = (found.group(1) or found.group(2) or "").strip().strip("*_`").strip()
        if line:
            yield next(boxes(line), line)
    yield from boxes(text)


def boxes(text: str) -> Iterator[str]:
    r"""What stands in ``\boxed{...}``, braces matched, the last first."""
    for found in reversed(list(_BOXED.finditer(text))[-20:]):
        depth, end = 1, found.end()
        while end < len(text) and depth and end - found.end() < LONGEST_BOX:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        inside = text[found.end() : end - 1].strip()
        if not depth and inside:
            yield inside


def marked(text: str) -> str | None:
    """What the last marked line says, else the whole text; None for a blank one."""
    text = without_thinking(text)
    return next(marks(text), text.strip()) or None


def said_text(text: str) -> Said | None:
    """``marked`` as a reader of replies."""
    found = marked(text)
    return None if found is None else Said(found, found)


def render_marked(answer: str, reasoning: str) -> str:
    """The answer alone, or after worked steps as a marked line (what spans lines cannot be marked)."""
    return f"{reasoning.strip()}\nAnswer: {answer}" if reasoning.strip() else answer
