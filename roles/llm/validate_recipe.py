"""From a language model's operations to a recipe that runs: completed, checked, rehearsed on a few rows."""

from __future__ import annotations

from memory.recipe import DataRecipe, Replay
from memory.records import Plan
from roles.llm.schemas import RecipeDecision
from roles.replay import replay_source
from tools.checks.recipe import drafted_recipe
from tools.dojo import Dojo


def recipe_of(dojo: Dojo, plan: Plan, decision: RecipeDecision) -> DataRecipe:
    """The DataCurator's decision as a recipe.

    Raises:
        InvalidDecision: what does not fit, or what the rehearsal met.
    """
    replayed = not plan.replay or any(isinstance(op, Replay) for op in decision.operations)
    last = () if replayed else (Replay(share=plan.replay, source=replay_source(dojo)),)
    seed = dojo.seed if decision.seed is None else decision.seed
    return drafted_recipe(dojo, plan, decision.operations, seed, last)
