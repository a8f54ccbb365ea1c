"""The DataCurator: from a plan and the profiles to a recipe of typed operations.

The order matters and is always the same: read the columns, drop what is blank, repair the
sources for which an audit found a rule, drop what is unreadable, put answers into the task's
format, drop what is off the domain, repeats and contradictions, what the task can refute, and
what the sealed splits hold; only then weigh and cap, so that the cap counts rows that are worth
training on, and last mix general rows in, where the plan asks for them.
"""

from __future__ import annotations

from memory.recipe import (
    Cap,
    DataRecipe,
    Decontaminate,
    Deduplicate,
    Filter,
    Map,
    Normalise,
    Operation,
    Replay,
    Select,
    Verify,
)
from memory.records import Plan
from roles.replay import replay_source
from tools.checks.source_kinds import CHAIN_OF_THOUGHT_SHARE
from tools.dojo import Dojo


def write_recipe(dojo: Dojo, plan: Plan) -> DataRecipe:
    """The playbook's recipe for a plan."""
    profiles = dojo.profiles()
    operations: list[Operation] = [
        Select(sources=plan.sources),
        Map(columns={name: dict(profiles[name].suggested_columns) for name in plan.sources}),
        Filter(rule="nonempty"),
        *(repair for name, repair in dojo.repairs().items() if name in plan.sources),
        Filter(rule="parseable"),
        Normalise(answer_format=True),
        Filter(rule="on_domain"),
        Filter(rule="length", maximum=float(dojo.max_length)),
        Deduplicate(near=True, conflicts=True),
        Verify(strict=False),
        Decontaminate(),
    ]
    if all(profiles[name].reasoning_share >= CHAIN_OF_THOUGHT_SHARE for name in plan.sources):
        # Every chosen source is meant to show its steps: the odd bare answer would teach to skip them.
        operations.append(Filter(rule="reasoning"))
    if plan.mix:
        operations.append(plan.mix)
    operations.append(Cap(rows=plan.rows))
    if plan.replay:
        operations.append(Replay(share=plan.replay, source=replay_source(dojo)))
    return DataRecipe(operations=tuple(operations), seed=dojo.seed)
