"""Chain-of-thought solutions by the teacher: rejection sampling by the task's own scorer.

The idea is that of self-taught reasoners (STaR, arXiv:2203.14465) and of rejection-sampled
fine-tuning (arXiv:2308.01825): a solution that comes to the right answer is mostly right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memory.recipe import Solve
from tasks.base import Sample, TaskSpec
from tools.curation.operations import Context, Example, Kept
from tools.curation.targets import rationale_of
from tools.synthesis.cache import Reply
from tools.synthesis.checks import agree, items_of, target_of
from tools.synthesis.prompts import instructions, material
from tools.synthesis.requests import RequestBatch
from tools.synthesis.teacher import Teacher


def solve(rows: Sequence[Example], op: Solve, context: Context, teacher: Teacher) -> Kept:
    """Worked solutions for a sample of the rows; see ``memory.recipe.Solve``.

    Raises:
        ExperimentFailed: ``teacher_failed`` or ``cap_reached``.
        InputError: the task runs code, and no sandbox works here.
    """
    batch, spec = RequestBatch("solve", rows, context, teacher), context.spec
    open_places = batch.some(op.rows)
    prompts = {place: material(problem=batch.rows[place].prompt) for place in open_places}
    system = solve_instructions(spec)
    batch.admit(
        batch.estimate([*prompts.values()], system, op.temperature, batch.answer_tokens(), op.samples)
    )
    items = dict(zip(open_places, items_of([batch.rows[i] for i in open_places], context), strict=True))
    solved: dict[int, Example] = {}
    reasons: dict[int, str] = {}
    for sample in range(op.samples):
        replies = batch.ask([prompts[place] for place in open_places], system, op.temperature, sample)
        tries: dict[int, Example] = {}
        for place, reply in zip(open_places, replies, strict=True):
            made, reasons[place] = solution(batch.rows[place], reply, context)
            tries |= {place: made} if made else {}
        reasons |= _refused(tries, batch, items)
        solved |= {place: made for place, made in tries.items() if not reasons[place]}
        open_places = [place for place in open_places if place not in solved]
        if not open_places:
            break
    batch.tally["accepted"] = len(solved)
    batch.tally["rejected"] = 0
    for place in open_places:
        batch.tally["rejected"] += 1
        batch.tally[f"of them {reasons[place]}"] += 1
    return batch.kept([solved.get(place, row) for place, row in enumerate(batch.rows)])


def _refused(
    tries: Mapping[int, Example], batch: RequestBatch, items: Mapping[int, Sample | None]
) -> dict[int, str]:
    """Why each solution does not count, by the row's place; empty for those that do."""
    spec, places = batch.context.spec, list(tries)
    targets = [tries[place].answer for place in places]
    right = agree([items[place] for place in places], [batch.rows[place] for place in places], targets, spec)
    reasons = {}
    for place, is_right in zip(places, right, strict=True):
        refuted = spec.verify(tries[place].prompt, tries[place].answer) is False
        reasons[place] = "with another answer" if not is_right else "refuted by the task" if refuted else ""
    return reasons


def solve_instructions(spec: TaskSpec) -> str:
    """The system's turn that asks for a solution."""
    return instructions(
        "solve", task=spec.description, answer_format=spec.answer_format, tokens=str(spec.max_new_tokens)
    )


def solution(row: Example, reply: Reply | None, context: Context) -> tuple[Example | None, str]:
    """The row with the reply as its chain-of-thought answer, or None and why; nobody has compared the answers
    yet."""
    if reply is None:
        return None, "without a reply"
    target = target_of(context.spec, reply.text)
    if target is None:
        return None, "without an answer"
    steps = rationale_of(context.spec, target)
    if not steps:
        return None, "without steps"
    if context.count_tokens(target) > context.spec.max_new_tokens:
        return None, "over the answer's budget of tokens"
    return row._replace(answer=target, reasoning=steps, teacher=reply.model), ""
