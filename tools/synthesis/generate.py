"""New rows by the teacher, in the manner of rows that are shown to it.

A model that makes up questions makes up answers as well. So a new row stays only when the task
can verify it, or when the teacher, asked for a solution without seeing the answer, comes to
the same one (agreement of independent solutions, arXiv:2203.11171).
"""

from __future__ import annotations

from collections.abc import Sequence

from memory.recipe import Generate
from tasks.splits import fingerprint
from tools.chat.replies import tokens_of
from tools.curation.domain import Domain
from tools.curation.operations import GENERATED, Context, Example, Kept
from tools.curation.targets import answer_key, rationale_of
from tools.synthesis.checks import form_lines, keeps_form, pairs, target_of
from tools.synthesis.prompts import instructions, material
from tools.synthesis.requests import RequestBatch
from tools.synthesis.solve import solve_instructions
from tools.synthesis.teacher import Teacher, TeacherEstimate

ROWS_PER_CALL = 4
"""New rows asked for at a time: more resemble each other, fewer make the examples cost more."""
SEEDS_CONSIDERED = 2000
"""Rows among which examples are drawn."""
LOOK_PROMPTS = 400
"""Prompts from which the look of the rows is taken."""
SOLUTION_TEMPERATURE = 0.0
"""Of the second solution: the teacher's best guess."""


def generate(rows: Sequence[Example], op: Generate, context: Context, teacher: Teacher) -> Kept:
    """New rows after those there are; see ``memory.recipe.Generate``.

    Raises:
        ExperimentFailed: ``teacher_failed`` or ``cap_reached``.
    """
    batch, spec = RequestBatch("generate", rows, context, teacher), context.spec
    known = [batch.rows[place] for place in batch.some(SEEDS_CONSIDERED)]
    readable = [row for row in known if spec.extract(row.answer) is not None]
    seeds = [row for row in readable if spec.verify(row.prompt, row.answer) is not False]
    if not seeds:
        batch.tally["rows fit to be shown as examples"] = 0
        return batch.kept(batch.rows)
    count = min(ROWS_PER_CALL, op.rows)
    groups = [context.rng.sample(seeds, min(op.seeds, len(seeds))) for _ in range(-(-op.rows // count))]
    verified, undecided = _fit(batch, _drafts(batch, op, groups, count), [row.prompt for row in seeds])
    accepted = sorted([*verified, *_agreed(batch, undecided)])[: op.rows]
    batch.tally["accepted"] = len(accepted)
    made = [row._replace(row=number) for number, (_, row) in enumerate(accepted)]
    return batch.kept([*batch.rows, *made])


Draft = tuple[int, Example]
"""Its place among the drafts, and the row."""


def _drafts(
    batch: RequestBatch, op: Generate, groups: Sequence[Sequence[Example]], count: int
) -> list[tuple[Sequence[Example], Example]]:
    """What the teacher made up, each with the examples that it was shown."""
    spec = batch.context.spec
    system = instructions(
        "generate",
        task=spec.description,
        answer_format=spec.answer_format,
        count=str(count),
        tokens=str(spec.max_new_tokens),
    )
    prompts = [_examples(group) for group in groups]
    typical = [row.prompt for group in groups for row in group][: op.rows]
    length = sum(map(tokens_of, typical)) // len(typical)
    drafting = batch.estimate(prompts, system, op.temperature, count * (length + batch.answer_tokens()))
    if drafting.calls:  # else the drafts are on the disk, and what remains to be asked shows exactly
        drafting = drafting.plus(_solutions(batch, typical, op.rows))
    batch.admit(drafting)
    found = []
    for group, reply in zip(groups, batch.ask(prompts, system, op.temperature), strict=True):
        for prompt, answer in pairs(reply.text) if reply else ():
            found.append((group, Example(prompt, answer, "", GENERATED, 0, reply.model if reply else "")))
    return found


def _examples(group: Sequence[Example]) -> str:
    texts: dict[str, str] = {}
    for number, row in enumerate(group, start=1):
        texts |= {f"prompt_of_example_{number}": row.prompt, f"answer_of_example_{number}": row.answer}
    return material(**texts)


def _solutions(batch: RequestBatch, prompts: Sequence[str], rows: int) -> TeacherEstimate:
    """What second solutions of so many rows come to at most, if their prompts are like these."""
    system = solve_instructions(batch.context.spec)
    few = batch.estimate(
        [material(problem=prompt) for prompt in prompts], system, SOLUTION_TEMPERATURE, batch.answer_tokens()
    )
    return few.times(rows / (few.calls + few.cached_calls))


def _fit(
    batch: RequestBatch, drafts: Sequence[tuple[Sequence[Example], Example]], known: Sequence[str]
) -> tuple[list[Draft], list[Draft]]:
    """Drafts that the task verified, and those that it can say nothing about; the others are told."""
    spec, count_tokens = batch.context.spec, batch.context.count_tokens
    domain = Domain(known[:LOOK_PROMPTS])
    alike = domain.similarities([row.prompt for _, row in drafts])
    seen = {fingerprint(row.prompt) for row in batch.rows}
    verified, undecided = [], []
    for place, ((group, row), similarity) in enumerate(zip(drafts, alike, strict=True)):
        target = target_of(spec, row.answer)
        mark = fingerprint(row.prompt)
        shared = form_lines([example.prompt for example in group], share=1.0)
        if target is None or count_tokens(target) > spec.max_new_tokens:
            batch.tally["rejected without a fitting answer"] += 1
        elif similarity < domain.threshold or not keeps_form(row.prompt, group[0].prompt, shared):
            batch.tally["rejected as unlike the rows"] += 1
        elif mark in seen:
            batch.tally["rejected as repeats"] += 1
        else:
            seen.add(mark)
            made = row._replace(answer=target, reasoning=rationale_of(spec, target))
            right = spec.verify(row.prompt, target)
            if right is None:
                undecided.append((place, made))
            elif right:
                verified.append((place, made))
            else:
                batch.tally["refuted by the task"] += 1
    return verified, undecided


def _agreed(batch: RequestBatch, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts whose answer a second solution finds again, made without sight of the first."""
    if not drafts:
        return []
    spec = batch.context.spec
    prompts, system = [material(problem=row.prompt) for _, row in drafts], solve_instructions(spec)
    batch.admit(batch.estimate(prompts, system, SOLUTION_TEMPERATURE, batch.answer_tokens()))
    kept = []
    for draft, reply in zip(drafts, batch.ask(prompts, system, SOLUTION_TEMPERATURE), strict=True):
        said = target_of(spec, reply.text) if reply else None
        if said is not None and answer_key(spec, said) == answer_key(spec, draft[1].answer):
            kept.append(draft)
        else:
            batch.tally["rejected without a second solution that agrees"] += 1
    return kept
