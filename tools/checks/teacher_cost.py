"""Cost of a recipe's operations that ask the teacher, before anything is sent."""

from __future__ import annotations

from memory.recipe import DataRecipe
from tasks.errors import boundary
from tools.curation.order import ASKS_TEACHER
from tools.dojo import Dojo
from tools.synthesis.estimate import estimate_recipe
from tools.synthesis.teacher import TeacherEstimate


def teacher_cost(dojo: Dojo, recipe: DataRecipe, most_rows: int = 2000) -> list[tuple[str, TeacherEstimate]]:
    """What each operation of a recipe would ask the teacher, and its price; nothing is sent.

    Estimated on at most ``most_rows`` raw rows; empty where nothing is asked.
    """
    if dojo.teacher is None or not any(isinstance(op, ASKS_TEACHER) for op in recipe.operations):
        return []
    with dojo.ledger.measure("data"), boundary("data", "estimating a recipe"):
        return estimate_recipe(
            recipe,
            dojo.pool,
            dojo.spec,
            dojo.decontaminator,
            dojo.teacher,
            dojo.count_tokens,
            dojo.max_rows,
            [sample.prompt for sample in dojo.validation],
            most_rows,
        )
