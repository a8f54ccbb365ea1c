"""Checks on a teacher's text before it becomes training data.

A solution counts when the task's own scorer accepts it; a wording when it holds all that
makes the question the one it is; a rating when it is a number from 1 to 5.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from tasks.base import Sample, TaskSpec
from tasks.repeats.signature import sign, word_hash
from tools.contamination.smiles import looks_like_smiles
from tools.curation.operations import Context, Example, tidy
from tools.curation.targets import answer_key, in_format, rationale_of
from tools.evaluation.score_answers import score_answers

SHARED = 0.5
"""A line in this share of the prompts or more belongs to the task's form."""
_MARK = re.compile(r"^[ \t]*=== (prompt|answer|wording) ===[ \t]*$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)
_EDGES = ".,;:!?\"'`"
_OPERATORS = frozenset(word_hash(sign) for sign in "+*/^=%×÷√-")
_ONE = word_hash("1")
"""``one of them`` is no number of the question."""


# ---- solutions


def target_of(spec: TaskSpec, reply: str) -> str | None:
    """A reply as a training target in the task's own format, steps included; None without an answer."""
    answer = spec.extract(reply)
    if answer is None:
        return None
    return reply.strip() if in_format(spec, reply) else spec.render(answer, rationale_of(spec, reply))


def agree(
    items: Sequence[Sample | None], rows: Sequence[Example], targets: Sequence[str], spec: TaskSpec
) -> list[bool]:
    """Whether each target's answer is right by its row.

    By the task's scorer where there is an item, else by equality with the row's own answer.

    Raises:
        InputError: the task runs code, and no sandbox works here.
    """
    same = [
        answer_key(spec, target) == answer_key(spec, row.answer)
        for row, target in zip(rows, targets, strict=True)
    ]
    scored = [position for position, item in enumerate(items) if item is not None]
    samples = [item for item in items if item is not None]
    item_scores = score_answers(spec, samples, [targets[position] for position in scored])
    for position, item_score in zip(scored, item_scores, strict=True):
        same[position] = item_score.right
    return same


def items_of(rows: Sequence[Example], context: Context) -> list[Sample | None]:
    """The evaluation item that a row amounts to, where one can be made that accepts the row's own answer.

    A row in the published columns makes one; so does any row of a task with a single subset.

    Raises:
        InputError: the task runs code, and no sandbox works here.
    """
    found: list[Sample | None] = [None] * len(rows)
    for make in (_published_item, _plain_item):
        made = [(i, item) for i, row in enumerate(rows) if not found[i] and (item := make(row, context))]
        item_scores = score_answers(
            context.spec, [item for _, item in made], [rows[i].answer for i, _ in made]
        )
        for (position, item), item_score in zip(made, item_scores, strict=True):
            if item_score.right:
                found[position] = item
    return found


def _published_item(row: Example, context: Context) -> Sample | None:
    published, source = context.spec.published, context.pool.get(row.source)
    if published is None or source is None or not 0 <= row.row < len(source.rows):
        return None
    raw = source.rows[row.row]
    for subset in published.subsets_of(raw):
        try:
            item = published.sample(raw, subset)
        except ValueError:
            continue
        if tidy(item.prompt) == tidy(row.prompt):  # else the row was rewritten since
            return item
    return None


def _plain_item(row: Example, context: Context) -> Sample | None:
    spec = context.spec
    gold = spec.extract(row.answer)
    if gold is None or len(spec.subsets) != 1 or spec.script is not None or spec.judge is not None:
        return None
    return Sample("", spec.subsets[0], row.prompt, gold)


# ---- wordings and new prompts


def parts(reply: str) -> list[tuple[str, str]]:
    """What stands under each ``=== mark ===`` of a reply, in order; empty when none does."""
    pieces = _MARK.split(reply)
    marks = zip(pieces[1::2], pieces[2::2], strict=True)
    return [(mark, text.strip()) for mark, text in marks if text.strip()]


def pairs(reply: str) -> list[tuple[str, str]]:
    """The (prompt, answer) pairs of a reply; a prompt without the answer after it is left out."""
    found = parts(reply)
    return [
        (text, answer)
        for (mark, text), (next_mark, answer) in pairwise(found)
        if (mark, next_mark) == ("prompt", "answer")
    ]


def form_lines(prompts: Sequence[str], share: float = SHARED) -> frozenset[str]:
    """The lines that at least this share (0.0 to 1.0) of the prompts have: they ask for the answer's form."""
    seen = Counter(line for prompt in prompts for line in _lines(prompt))
    least = max(2, share * len(prompts))
    return frozenset(line for line, count in seen.items() if count >= least)


def keeps_form(new: str, old: str, shared: frozenset[str]) -> bool:
    """Whether the shared lines of the old prompt stand in the new one."""
    return _lines(old) & shared <= _lines(new)


def _lines(prompt: str) -> set[str]:
    return {line.strip() for line in prompt.split("\n") if line.strip()}


def keeps_question(new: str, old: str) -> bool:
    """Whether all numbers, codes, molecules, names and options of the old prompt stand in the new one.

    Further numbers would make another question, so there may be none.
    """
    before, after = sign(old), sign(new)
    lost, gained = (
        Counter(some.numbers) - Counter(other.numbers) for some, other in ((before, after), (after, before))
    )
    names = before.anchors - _OPERATORS
    return (
        not lost
        and gained.keys() <= {_ONE}
        and before.codes == after.codes
        and before.options == after.options
        and names <= after.vocabulary
        and _molecules(old) == _molecules(new)
    )


def _molecules(text: str) -> Counter[str]:
    words = (word.strip(_EDGES) for word in text.split())
    return Counter(word for word in words if looks_like_smiles(word))


# ---- ratings


def rating_of(reply: str) -> int | None:
    """The rating of a reply that is one JSON object with a whole number from 1 to 5; else None."""
    delimited = _FENCED.match(reply)
    try:
        said = json.loads(delimited[1] if delimited else reply)
    except (ValueError, RecursionError):
        return None
    rating = said.get("rating") if isinstance(said, dict) else None
    return rating if isinstance(rating, int) and not isinstance(rating, bool) and 1 <= rating <= 5 else None
