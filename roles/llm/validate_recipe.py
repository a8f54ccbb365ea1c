"""From a language model's operations to a recipe that runs: completed, checked, rehearsed on a few rows."""

from __future__ import annotations

from memory.recipe import DataRecipe, Replay
from memory.records import Plan
from roles.llm.schemas import RecipeDecision
from roles.replay import replay_source
from tools.checks.recipe import check_operations, check_recipe
from tools.checks.script_reference import whole_operations
from tools.curation.completion import completed
from tools.dojo import Dojo


def recipe_of(dojo: Dojo, plan: Plan, decision: RecipeDecision) -> DataRecipe:
    """The DataCurator's decision as a recipe.

    Raises:
        InvalidDecision: what does not fit, or what the rehearsal met.
    """
    given = whole_operations(dojo, decision.operations)
    check_operations(dojo, plan, given)
    operations = completed(plan, dojo.profiles(), given)
    if plan.replay and not any(isinstance(op, Replay) for op in operations):
        operations = (*operations, Replay(share=plan.replay, source=replay_source(dojo)))
    recipe = DataRecipe(operations=operations, seed=dojo.seed if decision.seed is None else decision.seed)
    check_recipe(dojo, plan, recipe)
    return recipe
