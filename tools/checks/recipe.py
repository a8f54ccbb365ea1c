"""The check of a recipe: does it keep to its plan, and does it run on a sample of rows?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from memory.recipe import (
    Cap,
    DataRecipe,
    Filter,
    Map,
    Mix,
    Operation,
    Repair,
    Replay,
    Script,
    Select,
)
from memory.recipe_draft import DraftOperation
from memory.records import Plan
from tasks.errors import ExperimentFailed, InvalidDecision
from tools.checks.plan import nearest
from tools.checks.recipe_change import check_change
from tools.checks.repeated_failure import check_recipe_repeats
from tools.checks.script_reference import whole_operations
from tools.curation.completion import completed
from tools.curation.order import ASKS_TEACHER
from tools.curation.run import dry_run
from tools.dojo import Dojo

REHEARSAL_ROWS = 400
"""Raw rows that a recipe is tried on: wrong columns and scripts show at once."""


BOUNDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"length": ("minimum", "maximum"), "on_domain": ("minimum",)}
)
"""What a filter's rule takes; all other rules take none."""


def drafted_recipe(
    dojo: Dojo, plan: Plan, drafts: Sequence[DraftOperation], seed: int, last: Sequence[Operation] = ()
) -> DataRecipe:
    """The recipe that drafted operations come to: scripts whole, completed, checked and rehearsed.

    The same for whoever drafts it, and for a trial as for what is decided.

    Args:
        dojo: the run.
        plan: whose data they are.
        drafts: in order.
        seed: of samples and mixes.
        last: put behind them all.

    Raises:
        InvalidDecision: what does not fit the plan, or what the rehearsal met.
    """
    given = whole_operations(dojo, drafts)
    check_operations(dojo, plan, given)
    operations = (*completed(plan, dojo.profiles(), given), *last)
    recipe = DataRecipe(operations=operations, seed=seed)
    check_recipe(dojo, plan, recipe)
    return recipe


def check_recipe(dojo: Dojo, plan: Plan, recipe: DataRecipe) -> None:
    """Raise for the first operation that does not fit the plan, or for what a rehearsal meets.

    Raises:
        InvalidDecision: what is wrong, and what would fit.
    """
    check_operations(dojo, plan, recipe.operations)
    check_change(dojo, plan, recipe)
    check_recipe_repeats(dojo, recipe)
    _rehearse(dojo, recipe)


def check_operations(dojo: Dojo, plan: Plan, operations: Sequence[Operation]) -> None:
    """The operations against the plan, nothing run. They need not be complete yet.

    Raises:
        InvalidDecision: what is wrong, and what would fit.
    """
    _check_sources(plan, operations)
    _check_filters(dojo, operations)
    if dojo.teacher is None and (asking := [op.op for op in operations if isinstance(op, ASKS_TEACHER)]):
        raise InvalidDecision(
            f"operations: {', '.join(asking)} ask a teacher model, and this run has none; leave them out"
        )
    _check_counts(plan, operations)
    _check_replay(dojo, operations)


def _check_replay(dojo: Dojo, operations: Sequence[Operation]) -> None:
    for op in (op for op in operations if isinstance(op, Replay)):
        if op is not operations[-1]:
            raise InvalidDecision("operations: replay: once, at the very end")
        if op.source and op.source not in dojo.replay:
            declared = ", ".join(sorted(dojo.replay)) or "none is declared"
            raise InvalidDecision(
                f"operations: replay: no general rows called {op.source!r} ({declared}); without a source it "
                "takes the base model's own answers"
            )
        if not op.source and not (dojo.journal.general and dojo.journal.general.measurable):
            raise InvalidDecision(
                "operations: replay: the base model has no general answers to replay; leave it out"
            )


def _check_sources(plan: Plan, operations: Sequence[Operation]) -> None:
    selected = {name for op in operations if isinstance(op, Select) for name in op.sources}
    if selected and selected != set(plan.sources):
        raise InvalidDecision(
            f"operations: select: the plan's sources are {', '.join(plan.sources)}; these, and no others"
        )
    maps = [op for op in operations if isinstance(op, Map)]
    if len(maps) > 1:
        raise InvalidDecision("operations: map: once, with the columns of all sources")
    if maps and (strange := sorted(set(maps[0].columns) - set(plan.sources))):
        raise InvalidDecision(
            f"operations: map: {', '.join(strange)} not among the plan's sources ({', '.join(plan.sources)})"
        )
    for op in operations:
        if isinstance(op, Repair) and op.source not in plan.sources:
            raise InvalidDecision(
                f"operations: repair: {op.source!r} is not among the plan's sources; "
                f"{nearest(op.source, plan.sources)}"
            )


def _check_filters(dojo: Dojo, operations: Sequence[Operation]) -> None:
    for op in operations:
        if isinstance(op, Filter) and (wrong := _wrong_bounds(op, dojo.max_length)):
            raise InvalidDecision(f"operations: filter {op.rule}: {wrong}")


def _wrong_bounds(op: Filter, max_length: int) -> str:
    """What is wrong with a filter's bounds; a bound that is left aside would be another filter than asked."""
    given = {"minimum": op.minimum, "maximum": op.maximum}
    for name, value in given.items():
        if value is not None and (not math.isfinite(value) or value < 0):
            return f"{name} is a finite number, 0 or more, not {value:g}"
        if value and name not in (takes := BOUNDS.get(op.rule, ())):
            return f"takes no {name}{' but ' + takes[0] if takes else ''}; leave it out"
    if op.rule == "on_domain" and (op.minimum or 0.0) > 1.0:
        return f"minimum is a cosine from 0.0 to 1.0, not {op.minimum:g}"
    if op.rule != "length":
        return ""
    if op.maximum is not None and op.maximum < 1:
        return f"maximum is 1 token or more, not {op.maximum:g}; left out it is the run's own {max_length}"
    most = op.maximum or max_length
    return f"minimum {op.minimum:g} is over maximum {most:g}" if (op.minimum or 0.0) > most else ""


def _check_counts(plan: Plan, operations: Sequence[Operation]) -> None:
    for op in operations:
        if isinstance(op, Mix):
            wrong = [name for name in op.weights if name not in plan.sources]
            if wrong or not all(math.isfinite(share) and share > 0 for share in op.weights.values()):
                raise InvalidDecision(
                    f"operations: mix: a weight over 0 for sources of the plan ({', '.join(plan.sources)})"
                )
    caps = [op for op in operations if isinstance(op, Cap)]
    own = [op for op in operations if not isinstance(op, Replay)]
    if len(caps) > 1 or (caps and own[-1] is not caps[0]):
        raise InvalidDecision("operations: cap: once, at the end")
    if caps and caps[0].rows > plan.rows:
        raise InvalidDecision(f"operations: cap: at most the plan's {plan.rows} rows, not {caps[0].rows}")


def _rehearse(dojo: Dojo, recipe: DataRecipe) -> None:
    """The recipe on a sample of rows, without what asks a teacher, which costs money."""
    prompts = [sample.prompt for sample in dojo.validation]
    try:
        dry_run(
            recipe,
            dojo.pool,
            dojo.spec,
            dojo.decontaminator,
            dojo.count_tokens,
            dojo.max_rows,
            prompts,
            REHEARSAL_ROWS,
        )
    except ExperimentFailed as failed:
        if failed.code != "empty_data":
            raise InvalidDecision(
                f"operations: the recipe fails on a sample of rows: {failed.code}: {failed.message}"
            ) from failed
        if any(isinstance(op, ASKS_TEACHER) for op in recipe.operations):
            return  # the teacher may write the rows that the sample lacks
        scripts = any(isinstance(op, Script) for op in recipe.operations)
        hint = "does the script return rows?" if scripts else "which filter is too strict?"
        raise InvalidDecision(
            f"operations: of {REHEARSAL_ROWS} sampled rows none is left; {hint} {failed.message}"
        ) from failed
