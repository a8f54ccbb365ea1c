"""From a language model's operations to a recipe that runs: completed, checked, rehearsed on a few rows."""

from __future__ import annotations

from collections.abc import Sequence

from memory.recipe import Cap, DataRecipe, Decontaminate, Map, Mix, Operation, SampleRows, Select
from memory.records import Plan
from roles.llm.schemas import RecipeDecision
from tasks.errors import InvalidDecision
from tools.checks.recipe import check_operations, check_recipe
from tools.checks.script_reference import whole_operations
from tools.curation.run import WRITES_TEXT
from tools.dojo import Dojo

LAST = (Mix, SampleRows, Cap)
"""Operations that weigh and count rows; what removes rows comes before them."""


def recipe_of(dojo: Dojo, plan: Plan, decision: RecipeDecision) -> DataRecipe:
    """The DataCurator's decision as a recipe.

    Raises:
        InvalidDecision: what does not fit, or what the rehearsal met.
    """
    given = whole_operations(dojo, decision.operations)
    check_operations(dojo, plan, given)
    operations: list[Operation] = [Select(sources=plan.sources), _map(dojo, plan, given)]
    operations += [op for op in given if not isinstance(op, Select | Map)]
    _add_decontaminate(operations)
    _add_mix(plan, operations)
    _add_cap(plan, operations)
    seed = dojo.seed if decision.seed is None else decision.seed
    recipe = DataRecipe(operations=tuple(operations), seed=seed)
    check_recipe(dojo, plan, recipe)
    return recipe


def _map(dojo: Dojo, plan: Plan, given: Sequence[Operation]) -> Map:
    """The decision's columns, completed by the suggested ones."""
    maps = [op for op in given if isinstance(op, Map)]
    columns = dict(maps[0].columns) if maps else {}
    for name in plan.sources:
        suggested = dict(dojo.profiles()[name].suggested_columns)
        if name not in columns and not suggested:
            raise InvalidDecision(
                f"operations: map: no columns were found in {name}; name its prompt and answer columns"
            )
        columns.setdefault(name, suggested)
    return Map(columns=columns)


def _add_decontaminate(operations: list[Operation]) -> None:
    """After the last operation that writes text, before rows are counted."""
    writing = [place for place, op in enumerate(operations) if isinstance(op, WRITES_TEXT)]
    start = writing[-1] if writing else 0
    if any(isinstance(op, Decontaminate) for op in operations[start:]):
        return
    place = next(
        (n for n, op in enumerate(operations) if n > start and isinstance(op, LAST)), len(operations)
    )
    operations.insert(place, Decontaminate())


def _add_mix(plan: Plan, operations: list[Operation]) -> None:
    if len(set(plan.weights.values())) > 1 and not any(isinstance(op, Mix) for op in operations):
        place = next((n for n, op in enumerate(operations) if isinstance(op, SampleRows | Cap)), None)
        operations.insert(len(operations) if place is None else place, Mix(weights=plan.weights))


def _add_cap(plan: Plan, operations: list[Operation]) -> None:
    if not any(isinstance(op, Cap) for op in operations):
        operations.append(Cap(rows=plan.rows))
