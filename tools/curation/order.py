"""Order of a recipe's operations: what comes before what, checked before a row is read."""

from __future__ import annotations

from collections.abc import Mapping

from memory.recipe import (
    DataRecipe,
    Decontaminate,
    Generate,
    Judge,
    Map,
    Repair,
    Rephrase,
    Replay,
    Script,
    Select,
    Solve,
)
from tasks.base import Source
from tools.curation.operations import TeacherSteps, bad_recipe, select

WRITES_TEXT: tuple[type, ...] = (Repair, Script)
"""Operations whose rows may hold any words: decontamination must come after them."""
ASKS_TEACHER = (Solve, Rephrase, Generate, Judge)


def check_order(recipe: DataRecipe, pool: Mapping[str, Source]) -> None:
    """Whether the operations can follow each other like this.

    Raises:
        ExperimentFailed: ``bad_recipe``.
    """
    kinds = [type(op) for op in recipe.operations]
    if kinds[0] is not Select or kinds.count(Map) != 1:
        raise bad_recipe("a recipe starts with select and holds one map")
    place = kinds.index(Map)
    if any(kind is not Select for kind in kinds[:place]) or Select in kinds[place:]:
        raise bad_recipe("every select comes before the map, every other operation after it")
    writing = [position for position, kind in enumerate(kinds) if issubclass(kind, WRITES_TEXT)]
    if writing and Decontaminate not in kinds[writing[-1] :]:
        raise bad_recipe(f"a decontaminate comes after the last {recipe.operations[writing[-1]].op}")
    if Replay in kinds[:-1]:
        raise bad_recipe("replay comes once, as the last operation: its rows are not the task's")
    for op in recipe.operations[:place]:
        if isinstance(op, Select):
            select(op, pool, most=0)  # names of sources that are not there


def asking(recipe: DataRecipe) -> list[str]:
    """The operations that ask a teacher."""
    return [op.op for op in recipe.operations if isinstance(op, ASKS_TEACHER)]


def check_teacher(recipe: DataRecipe, teacher: TeacherSteps | None) -> None:
    """Whether there is a teacher, where one is asked.

    Raises:
        ExperimentFailed: ``bad_recipe``.
    """
    if teacher is None and (asked := asking(recipe)):
        named = ", ".join(dict.fromkeys(asked))
        raise bad_recipe(f"this recipe asks a teacher ({named}): give one with --teacher provider:model")


def taught_last(recipe: DataRecipe) -> bool:
    """Whether a teacher writes rows after the last decontamination."""
    kinds = [type(op) for op in recipe.operations]
    taught = [position for position, kind in enumerate(kinds) if issubclass(kind, ASKS_TEACHER)]
    return bool(taught) and Decontaminate not in kinds[taught[-1] :]
