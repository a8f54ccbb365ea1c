"""From a language model's operations to a recipe that runs: completed, checked, rehearsed on a few rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from memory.recipe import (
    Cap,
    DataRecipe,
    Decontaminate,
    Filter,
    Generate,
    Judge,
    Map,
    Mix,
    Operation,
    Rephrase,
    SampleRows,
    Script,
    Select,
    Solve,
)
from memory.records import Plan
from roles.llm.reply_validator import InvalidDecision
from roles.llm.schemas import RecipeDecision
from tasks.errors import ExperimentFailed
from tools.curation.run import WRITES_TEXT, rows_of
from tools.dojo import Dojo

REHEARSAL_ROWS = 400
ASKS_TEACHER = (Solve, Rephrase, Generate, Judge)
LAST = (Mix, SampleRows, Cap)
"""Operations that weigh and count rows; what removes rows comes before them."""


def recipe_of(dojo: Dojo, plan: Plan, decision: RecipeDecision) -> DataRecipe:
    """The DataCurator's decision as a recipe.

    Raises:
        InvalidDecision: what does not fit, or what the rehearsal met.
    """
    given = list(decision.operations)
    _check_selects(plan, given)
    _check_filters(given)
    if dojo.teacher is None and (asking := [op.op for op in given if isinstance(op, ASKS_TEACHER)]):
        raise InvalidDecision(f"operations: {', '.join(asking)} ask a teacher model, and this run has none")
    operations: list[Operation] = [Select(sources=plan.sources), _map(dojo, plan, given)]
    operations += [op for op in given if not isinstance(op, Select | Map)]
    _add_decontaminate(operations)
    _add_mix(plan, operations)
    _add_cap(plan, operations)
    recipe = DataRecipe(operations=tuple(operations), seed=dojo.seed)
    _rehearse(dojo, recipe)
    return recipe


def _check_selects(plan: Plan, given: Sequence[Operation]) -> None:
    selected = {name for op in given if isinstance(op, Select) for name in op.sources}
    if selected and selected != set(plan.sources):
        raise InvalidDecision(f"select: the plan's sources are {', '.join(plan.sources)}; leave select out")


def _check_filters(given: Sequence[Operation]) -> None:
    for op in given:
        bounds = [op.minimum, op.maximum] if isinstance(op, Filter) else []
        if any(bound is not None and (not math.isfinite(bound) or bound < 0) for bound in bounds):
            raise InvalidDecision("filter: minimum and maximum are finite numbers, 0 or more")
        if isinstance(op, Filter) and op.rule == "on_domain" and (op.minimum or 0.0) > 1.0:
            raise InvalidDecision(
                f"filter on_domain: minimum is a cosine from 0.0 to 1.0, not {op.minimum:g}"
            )


def _map(dojo: Dojo, plan: Plan, given: Sequence[Operation]) -> Map:
    """The decision's columns, completed by the suggested ones."""
    maps = [op for op in given if isinstance(op, Map)]
    if len(maps) > 1:
        raise InvalidDecision("map: one for all sources")
    columns = dict(maps[0].columns) if maps else {}
    if strange := sorted(set(columns) - set(plan.sources)):
        raise InvalidDecision(
            f"map: {', '.join(strange)} not among the plan's sources ({', '.join(plan.sources)})"
        )
    for name in plan.sources:
        suggested = dict(dojo.profiles()[name].suggested_columns)
        if name not in columns and not suggested:
            raise InvalidDecision(f"map: no columns were found in {name}; name its prompt and answer columns")
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
    for op in operations:
        if isinstance(op, Mix):
            wrong = [name for name in op.weights if name not in plan.sources]
            if wrong or not all(math.isfinite(share) and share > 0 for share in op.weights.values()):
                raise InvalidDecision(
                    f"mix: a weight over 0 for sources of the plan ({', '.join(plan.sources)})"
                )
    if len(set(plan.weights.values())) > 1 and not any(isinstance(op, Mix) for op in operations):
        place = next((n for n, op in enumerate(operations) if isinstance(op, SampleRows | Cap)), None)
        operations.insert(len(operations) if place is None else place, Mix(weights=plan.weights))


def _add_cap(plan: Plan, operations: list[Operation]) -> None:
    caps = [op for op in operations if isinstance(op, Cap)]
    if not caps:
        operations.append(Cap(rows=plan.rows))
    elif len(caps) > 1 or operations[-1] is not caps[0]:
        raise InvalidDecision("cap: once, at the end")
    elif caps[0].rows > plan.rows:
        raise InvalidDecision(f"cap: at most the plan's {plan.rows} rows, not {caps[0].rows}")


def _rehearse(dojo: Dojo, recipe: DataRecipe) -> None:
    """The recipe on a sample of rows: wrong columns and scripts show at once.

    Without what asks a teacher, which costs money, and without limits on length, for which no
    tokenizer is at hand.
    """
    select, mapping, *rest = recipe.operations
    kept = [op for op in rest if not isinstance(op, ASKS_TEACHER) and getattr(op, "rule", "") != "length"]
    operations = (select, mapping, SampleRows(rows=REHEARSAL_ROWS), *kept)
    prompts = [sample.prompt for sample in dojo.validation]
    try:
        rows = rows_of(
            DataRecipe(operations=operations, seed=recipe.seed),
            dojo.pool,
            dojo.spec,
            dojo.decontaminator,
            prompts,
        )
    except ExperimentFailed as failed:
        raise InvalidDecision(f"the recipe fails on a sample of rows: {failed.message}") from failed
    if not rows and not any(isinstance(op, ASKS_TEACHER) for op in rest):
        scripts = any(isinstance(op, Script) for op in rest)
        hint = "does the script return rows?" if scripts else "which filter is too strict?"
        raise InvalidDecision(f"of {REHEARSAL_ROWS} sampled rows none is left; {hint}")
