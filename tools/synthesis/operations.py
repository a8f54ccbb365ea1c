"""The operations of a recipe that ask a teacher: solve, rephrase, generate and judge.

What a teacher says is a claim. Solutions and new rows pass the task's own scorer, wordings
keep every number, code and name of their prompt, and what is not accepted leaves the rows as
they were. Rows that a teacher made or changed carry its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from memory.recipe import Generate, Judge, Rephrase, Solve
from tasks.splits import fingerprint
from tools.chat.replies import tokens_of
from tools.curation.operations import Context, Example, Kept, TeacherSteps
from tools.synthesis.cache import Reply
from tools.synthesis.checks import form_lines, keeps_form, keeps_question, parts, rating_of
from tools.synthesis.generate import generate
from tools.synthesis.prompts import instructions, material
from tools.synthesis.requests import RequestBatch
from tools.synthesis.solve import solve
from tools.synthesis.teacher import Teacher

RATING_TOKENS = 120
"""Of a judge's reply, for an estimate."""
JUDGE_TEMPERATURE = 0.0


def rephrase(rows: Sequence[Example], op: Rephrase, context: Context, teacher: Teacher) -> Kept:
    """Other wordings behind a sample of the rows; see ``memory.recipe.Rephrase``.

    Raises:
        ExperimentFailed: ``teacher_failed`` or ``cap_reached``.
    """
    batch, spec = RequestBatch("rephrase", rows, context, teacher), context.spec
    places = batch.some(op.rows)
    prompts = [material(prompt=batch.rows[place].prompt) for place in places]
    system = instructions("rephrase", task=spec.description, variants=str(op.variants))
    length = max((tokens_of(batch.rows[place].prompt) for place in places), default=1)
    batch.admit(batch.estimate(prompts, system, op.temperature, op.variants * (length + 20)))
    shared = form_lines([row.prompt for row in batch.rows])
    added: dict[int, list[Example]] = {}
    for place, reply in zip(places, batch.ask(prompts, system, op.temperature), strict=True):
        added[place] = _wordings(batch, place, reply, op.variants, shared)
    return batch.kept([each for i, row in enumerate(batch.rows) for each in (row, *added.get(i, ()))])


def _wordings(
    batch: RequestBatch, place: int, reply: Reply | None, variants: int, shared: frozenset[str]
) -> list[Example]:
    row, verify = batch.rows[place], batch.context.spec.verify
    texts = [text for mark, text in parts(reply.text) if mark == "wording"][:variants] if reply else []
    if reply is None or not texts:
        batch.tally["rows without a wording"] += 1
        return []
    kept, seen = [], {fingerprint(row.prompt)}
    for text in texts:
        mark = fingerprint(text)
        if mark in seen:
            outcome = "wordings rejected as repeats"
        elif not (keeps_question(text, row.prompt) and keeps_form(text, row.prompt, shared)):
            outcome = "wordings rejected for what they lost or added"
        elif verify(text, row.answer) is False:
            outcome = "wordings refuted by the task"
        else:
            outcome = "wordings accepted"
            kept.append(row._replace(prompt=text, teacher=reply.model))
        seen.add(mark)
        batch.tally[outcome] += 1
    return kept


def judge(rows: Sequence[Example], op: Judge, context: Context, teacher: Teacher) -> Kept:
    """Drop the rows of a sample that are rated under the minimum; see ``memory.recipe.Judge``.

    A rating that cannot be read keeps its row.

    Raises:
        ExperimentFailed: ``teacher_failed`` or ``cap_reached``.
    """
    batch = RequestBatch("judge", rows, context, teacher)
    places = batch.some(op.rows)
    asked = [batch.rows[place] for place in places]
    prompts = [material(prompt_of_the_row=row.prompt, answer_of_the_row=row.answer) for row in asked]
    system = instructions("judge", task=context.spec.description, criteria=op.criteria)
    batch.admit(batch.estimate(prompts, system, JUDGE_TEMPERATURE, RATING_TOKENS))
    replies = batch.ask(prompts, system, JUDGE_TEMPERATURE)
    ratings = [rating_of(reply.text) if reply else None for reply in replies]
    low = {place for place, rating in zip(places, ratings, strict=True) if rating and rating < op.minimum}
    unread = ratings.count(None)
    batch.tally["accepted"] = len(places) - len(low) - unread
    batch.tally["rejected"] = len(low)
    batch.tally["kept without a rating"] = unread
    return batch.kept([row for place, row in enumerate(batch.rows) if place not in low])


TEACHER_OPERATIONS: Mapping[type, Callable[..., Kept]] = {
    Solve: solve,
    Rephrase: rephrase,
    Generate: generate,
    Judge: judge,
}
"""By the operation's class, as ``tools.curation.operations.OPERATIONS``."""


def teacher_steps(teacher: Teacher) -> TeacherSteps:
    """The operations as curation takes them, bound to the teacher that they ask."""
    steps = {kind: partial(step, teacher=teacher) for kind, step in TEACHER_OPERATIONS.items()}
    return TeacherSteps(steps, teacher.digest())
