"""The check of a recipe against its plan's change: what the plan does not change stays as the parent has it.

An experiment that changes two things explains neither. A plan of ``sources`` keeps the operations that write
text, for a script or a generator changes the data as much as another source does; a plan of ``operations``
may change any; a plan of ``data`` brings sources with the operations that they need; all others keep the
data. Counts (cap, sample) are the plan's, and decontamination is put in where it is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memory.recipe import (
    Cap,
    DataRecipe,
    Decontaminate,
    Generate,
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
from tasks.errors import InvalidDecision
from tools.dojo import Dojo

WRITES_ROWS = (Script, Solve, Rephrase, Generate)
"""What of a recipe a change of sources leaves alone."""
COUNTED = (Select, Map, Cap, SampleRows, Decontaminate)
"""What follows from the plan, or is put in by itself."""
FREE = ("first", "operations", "data")


def check_change(dojo: Dojo, plan: Plan, recipe: DataRecipe) -> None:
    """Raise where a recipe changes what its plan does not.

    Raises:
        InvalidDecision: which operations differ from the parent's, and what would fit.
    """
    before = dojo.journal.recipe(plan.parent) if plan.parent else None
    if before is None or plan.change in FREE:
        return
    if plan.change != "sources" and set(before.sources) != set(plan.sources):
        return  # what the check of the plan lets pass no more
    kept = WRITES_ROWS if plan.change == "sources" else None
    old, new = _told(before.operations, kept), _told(recipe.operations, kept)
    if old == new:
        return
    gone, added = Counter(old) - Counter(new), Counter(new) - Counter(old)
    differing = [f"{_name(text)} is missing or differs" for text in gone]
    differing += [f"{_name(text)} is new" for text in added if _name(text) not in map(_name, gone)]
    differing = differing or ["their order differs"]
    keeps = "the operations that write rows" if kept else "the data"
    raise InvalidDecision(
        f"operations: the plan changes {plan.change} and keeps {keeps} of {plan.parent}, yet "
        f"{', '.join(differing)}; hand them in as {plan.parent} has them. What needs another script as "
        "well is a plan of operations, or of data, which is sources and operations together"
    )


def _told(operations: Sequence[Operation], kept: tuple[type, ...] | None) -> list[str]:
    """The operations that have to be the same, each as text; a script's purpose is no part of it."""
    chosen = [op for op in operations if (isinstance(op, kept) if kept else not isinstance(op, COUNTED))]
    return [
        f"script {op.code.strip()}"
        if isinstance(op, Script)
        else f"{op.op} {sorted(op.shares.items())}"
        if isinstance(op, Mix)
        else f"{op.op} {op.model_dump_json(exclude={'op'})}"
        for op in chosen
    ]


def _name(text: str) -> str:
    return text.partition(" ")[0]
