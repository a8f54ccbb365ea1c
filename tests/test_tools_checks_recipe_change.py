"""A recipe is held against what its plan changes: the rest stays as the parent has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.recipe import Cap, DataRecipe, Deduplicate, Filter, Map, Mix, Operation, Script, Select
from memory.records import Change, Plan
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import StillDojo, make_dojo
from tools.checks.recipe_change import check_change

CODE = "def transform(row):\n    return row\n"
OWN = (Filter(rule="nonempty"), Script(purpose="trim", code=CODE), Mix(weights={"a": 2.0, "b": 1.0}))


@pytest.fixture
def dojo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StillDojo]:
    """A run whose e01 has a filter, a script and a mix."""
    made = make_dojo(tmp_path / "run", 0)
    monkeypatch.setattr(made.journal, "recipe", lambda id: recipe(*OWN) if id == "e01" else None)
    yield made
    made.journal.close()


def recipe(*operations: Operation, sources: tuple[str, ...] = ("a", "b"), rows: int = 100) -> DataRecipe:
    columns = {name: {"prompt": "q", "answer": "a"} for name in sources}
    return DataRecipe(operations=(Select(sources=sources), Map(columns=columns), *operations, Cap(rows=rows)))


def plan(change: Change, sources: tuple[str, ...] = ("a", "b"), parent: str | None = "e01") -> Plan:
    fields: dict[str, Any] = {"hypothesis": "h", "reason": "r", "expected_gain": 1.0, "max_seconds": 60.0}
    return Plan(experiment="e02", parent=parent, change=change, sources=sources, **fields)


@pytest.mark.parametrize("change", ["duration", "method", "hyperparameters"])
def test_a_plan_that_keeps_the_data_takes_no_other_recipe(dojo: StillDojo, change: Change) -> None:
    same = (OWN[0], Script(purpose="in other words", code=CODE), Mix(weights={"a": 4.0, "b": 2.0}))
    check_change(dojo, plan(change), recipe(*same, rows=50))
    with pytest.raises(InvalidDecision, match=f"changes {change} and keeps the data of e01, yet script"):
        check_change(dojo, plan(change), recipe(OWN[0], OWN[2]))
    with pytest.raises(InvalidDecision, match="yet deduplicate is new"):
        check_change(dojo, plan(change), recipe(*OWN, Deduplicate()))
    with pytest.raises(InvalidDecision, match="their order differs"):
        check_change(dojo, plan(change), recipe(OWN[1], OWN[0], OWN[2]))


def test_a_plan_of_sources_keeps_what_writes_rows_and_no_more(dojo: StillDojo) -> None:
    others = plan("sources", ("a", "c"))
    check_change(dojo, others, recipe(OWN[1], Deduplicate(), sources=("a", "c")))
    another = Script(purpose="trim", code=CODE + "# another\n")
    with pytest.raises(InvalidDecision, match=r"keeps the operations that write rows of e01.*or of data"):
        check_change(dojo, others, recipe(another, sources=("a", "c")))


@pytest.mark.parametrize("change", ["operations", "data", "first"])
def test_other_plans_leave_the_operations_free(dojo: StillDojo, change: Change) -> None:
    check_change(dojo, plan(change), recipe(Deduplicate()))


def test_without_a_parent_there_is_nothing_to_keep(dojo: StillDojo) -> None:
    check_change(dojo, plan("sources", parent=None), recipe(Deduplicate()))
