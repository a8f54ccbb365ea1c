"""Features of a task and its model, in words that mean the same on every task.

Lessons of other tasks are found by them. No name of a source, a column or a person's data is among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memory.lesson import Place
from tasks.base import Sample, TaskSpec

MOSTLY = 0.8
"""Share of the answers that have to be of one kind."""
SHORT_WORDS = 5
"""Words of a short answer: a name, a date, a phrase."""
READ_ANSWERS = 200


def place_of(spec: TaskSpec, validation: Sequence[Sample], hidden_size: int) -> Place:
    """Where a lesson is learned or a question asked, but for the kinds of the sources.

    Args:
        spec: the task.
        validation: its items; some of their reference answers say what kind they are.
        hidden_size: width of the base model.
    """
    return Place(metric=metric_kind(spec), answer=answer_kind(spec, validation), hidden_size=hidden_size)


def metric_kind(spec: TaskSpec) -> str:
    """``right``: a share of right answers; ``classes``: a mean over classes; ``overlap`` with a reference;
    ``error``, where less is better; ``judged``."""
    if spec.judge is not None:
        return "judged"
    if not spec.higher_is_better:
        return "error"
    name = spec.metric.casefold()
    if name.startswith(("rouge", "bleu", "chrf", "token_f1", "set_f1", "mean_over")):
        return "overlap"
    return "classes" if "f1" in name else "right"


def answer_kind(spec: TaskSpec, validation: Sequence[Sample]) -> str:
    """``program``, ``class`` of a closed list, ``letter``, ``number``, ``structure``, ``phrase``, ``text``;
    ``mixed`` where none is most of them."""
    if spec.script is not None:
        return "program"
    if spec.labels:
        return "class"
    kinds = [_kind_of(sample.gold) for sample in validation[:READ_ANSWERS]]
    return next((kind for kind in dict.fromkeys(kinds) if kinds.count(kind) >= MOSTLY * len(kinds)), "mixed")


def _kind_of(gold: Any) -> str:
    if isinstance(gold, bool) or not isinstance(gold, (str, int, float)):
        return "structure"
    text = str(gold).strip()
    if len(text) == 1 and text.isalpha():
        return "letter"
    try:
        float(text.replace(",", "").removesuffix("%").removeprefix("$"))
    except ValueError:
        return "phrase" if len(text.split()) <= SHORT_WORDS else "text"
    return "number"
