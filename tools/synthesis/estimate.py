"""Estimates of what a recipe would ask its teacher and pay: every operation up to its first call.

The operations themselves make the prompts, so the estimate is of what would be sent, cached
replies deducted; nothing is sent, written or paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from memory.recipe import DataRecipe, Record
from tasks.base import Source, TaskSpec
from tools.contamination.check import Decontaminator
from tools.curation.operations import Context, Example, Kept, Step, TeacherSteps
from tools.curation.run import CountTokens, dry_run
from tools.synthesis.operations import teacher_steps
from tools.synthesis.teacher import Asked, Teacher, TeacherEstimate


class _EstimatedError(Exception):
    """Ends an operation where it would begin to ask."""

    def __init__(self, estimate: TeacherEstimate) -> None:
        super().__init__()
        self.estimate = estimate


class _Costing(Teacher):
    """A teacher that tells what it would be asked, and is never asked."""

    def __init__(self, teacher: Teacher) -> None:
        vars(self).update(vars(teacher))

    def admit(self, estimate: TeacherEstimate, what: str) -> NoReturn:
        """Raises what the operation would ask."""
        raise _EstimatedError(estimate)

    def ask_all(
        self,
        prompts: Sequence[str],
        *,
        system: str,
        temperature: float,
        sample: int = 0,
        up_to_cap: bool = False,
    ) -> Asked:
        """Never asks: an operation has to be admitted first."""
        raise AssertionError("an operation asks before it is admitted")


def estimate_recipe(
    recipe: DataRecipe,
    pool: Mapping[str, Source],
    spec: TaskSpec,
    decontaminator: Decontaminator,
    teacher: Teacher,
    count_tokens: CountTokens = len,
    max_rows: int = 2000,
    domain_prompts: Sequence[str] = (),
    most_rows: int = 2000,
) -> list[tuple[str, TeacherEstimate]]:
    """(operation, estimate) for each operation that asks, on at most ``most_rows`` raw rows.

    An operation is estimated on the rows that the ones before it leave; what a teacher would add or
    take away is not known, so those that ask leave all rows.

    Raises:
        ExperimentFailed: as ``tools.curation.run.dry_run``.
    """
    found: list[tuple[str, TeacherEstimate]] = []

    def costing(step: Step) -> Step:
        def estimated(rows: Sequence[Example], op: Record, context: Context) -> Kept:
            try:
                return step(rows, op, context)
            except _EstimatedError as ended:
                found.append((str(getattr(op, "op", "")), ended.estimate))
            return Kept(list(rows))

        return estimated

    asking = teacher_steps(_Costing(teacher))
    counted = TeacherSteps({kind: costing(step) for kind, step in asking.steps.items()}, asking.digest)
    dry_run(recipe, pool, spec, decontaminator, count_tokens, max_rows, domain_prompts, most_rows, counted)
    return found
