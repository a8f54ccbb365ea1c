"""Completion of a recipe: what every recipe needs is put in where it is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memory.recipe import Cap, Decontaminate, Map, Mix, Operation, Replay, SampleRows, Select
from memory.records import Plan
from tasks.errors import InvalidDecision
from tools.curation.order import WRITES_TEXT
from tools.curation.profile import SourceProfile

LAST = (Mix, SampleRows, Cap, Replay)
"""Operations that weigh and count rows; what removes rows comes before them."""


def completed(
    plan: Plan, profiles: Mapping[str, SourceProfile], given: Sequence[Operation]
) -> tuple[Operation, ...]:
    """The operations with select, map, decontaminate, mix and cap where they are missing.

    Args:
        plan: sources, weights and rows.
        profiles: the sources' suggested columns.
        given: operations in order; they are kept in it.

    Raises:
        InvalidDecision: a source without suggested columns, and the map names none.
    """
    operations: list[Operation] = [Select(sources=plan.sources), _map(plan, profiles, given)]
    operations += [op for op in given if not isinstance(op, Select | Map)]
    _add_decontaminate(operations)
    _add_mix(plan, operations)
    _add_cap(plan, operations)
    return tuple(operations)


def _map(plan: Plan, profiles: Mapping[str, SourceProfile], given: Sequence[Operation]) -> Map:
    """The decision's columns, completed by the suggested ones."""
    maps = [op for op in given if isinstance(op, Map)]
    columns = dict(maps[0].columns) if maps else {}
    for name in plan.sources:
        suggested = dict(profiles[name].suggested_columns)
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
    if plan.mix and not any(isinstance(op, Mix) for op in operations):
        counted = (place for place, op in enumerate(operations) if isinstance(op, LAST))
        operations.insert(next(counted, len(operations)), plan.mix)


def _add_cap(plan: Plan, operations: list[Operation]) -> None:
    if not any(isinstance(op, Cap) for op in operations):
        place = len(operations) - any(isinstance(op, Replay) for op in operations)
        operations.insert(place, Cap(rows=plan.rows))
