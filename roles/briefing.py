"""What a role reads before it decides: its standing orders, and the case at hand from the journal."""

from __future__ import annotations

from memory.records import Experiment, Role
from roles.prompting import render
from tools.dojo import Dojo

BUDGET_TOKENS = 6000


def system_prompt(role: Role, dojo: Dojo) -> str:
    """A role's standing orders; the same throughout a run, so that providers can cache them."""
    return render(role)


def briefing(
    role: Role,
    dojo: Dojo,
    experiment: str,
    draft: Experiment | None = None,
    budget_tokens: int = BUDGET_TOKENS,
) -> str:
    """What a role needs to decide about one experiment, in at most ``budget_tokens`` tokens."""
    return f"{role}: experiment {experiment}"
