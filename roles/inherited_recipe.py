"""Recipe of the parent, for a plan that changes something else than the data.

Longer training, another method or other hyperparameters show what they are worth on the same rows alone. So
nobody is asked for such a recipe, and none has to be written anew from memory.
"""

from __future__ import annotations

from memory.recipe import Cap, DataRecipe
from memory.records import Plan
from tools.dojo import Dojo

KEEPS_DATA = ("method", "hyperparameters", "duration")


def inherited_recipe(dojo: Dojo, plan: Plan) -> DataRecipe | None:
    """The parent's recipe, capped at the plan's rows; None where the plan changes the data, or has no parent
    with a recipe over the same sources and weights."""
    if plan.change not in KEEPS_DATA or plan.parent is None:
        return None
    recipe, before = dojo.journal.recipe(plan.parent), dojo.journal.plan(plan.parent)
    if recipe is None or before is None or set(recipe.sources) != set(plan.sources):
        return None
    if plan.shares != before.shares:
        return None
    operations = tuple(_capped(op, plan, before) if isinstance(op, Cap) else op for op in recipe.operations)
    return recipe.model_copy(update={"operations": operations})


def _capped(cap: Cap, plan: Plan, before: Plan) -> Cap:
    """The plan's rows where the parent took all that its plan allowed; no more than the parent's cap else."""
    return Cap(rows=plan.rows if cap.rows == before.rows else min(cap.rows, plan.rows))
