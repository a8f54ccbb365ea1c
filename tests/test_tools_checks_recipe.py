"""A recipe is refused alike where it is tried and where it is decided, with what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from memory.records import Plan
from roles.llm.schemas import RecipeDecision
from roles.llm.validate_recipe import recipe_of
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import StillDojo, make_dojo
from tools.toolkit.by_role import tools_for


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillDojo]:
    made = make_dojo(tmp_path_factory.mktemp("runs"), 1)
    yield made
    made.journal.close()


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "more rows than planned": ([{"op": "cap", "rows": 21}], "cap: at most the plan's 20 rows, not 21"),
    "a cap too early": ([{"op": "cap", "rows": 5}, {"op": "filter", "rule": "nonempty"}], "once, at the end"),
    "weights for others": ([{"op": "mix", "weights": {"drafts": 1}}], "sources of the plan (forum)"),
    "other sources": ([{"op": "select", "sources": ["drafts"]}], "the plan's sources are forum; these"),
    "other columns": ([{"op": "map", "columns": {"drafts": {"prompt": "q"}}}], "drafts not among the plan's"),
    "another's repair": ([{"op": "repair", "source": "form", "rule": "case"}], "did you mean forum?"),
    "general rows": ([{"op": "replay"}], "has no general answers to replay; leave it out"),
    "rows of no length": ([{"op": "filter", "rule": "length", "maximum": 0}], "is the run's own"),
    "rows of half a token": ([{"op": "filter", "rule": "length", "maximum": 0.5}], "maximum is 1 token or"),
    "no row fits": (
        [{"op": "filter", "rule": "length", "minimum": 9, "maximum": 8}],
        "minimum 9 is over maximum 8",
    ),
    "a bound that nothing heeds": (
        [{"op": "filter", "rule": "nonempty", "minimum": 3}],
        "filter nonempty: takes no minimum; leave it out",
    ),
    "a bound of another rule": (
        [{"op": "filter", "rule": "on_domain", "maximum": 0.5}],
        "filter on_domain: takes no maximum but minimum; leave it out",
    ),
    "nothing is left": ([{"op": "verify", "strict": True}], "verify removed the last"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_decision_would_be_refused_for_is_refused_in_a_trial(
    dojo: StillDojo, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    operations, told = REFUSED[what]
    plan = Plan.first("e09", ("forum",), 60.0, rows=20)
    monkeypatch.setattr(dojo.journal, "unfinished", lambda: "e09")
    monkeypatch.setattr(dojo.journal, "plan", lambda id: plan)
    (tool,) = [tool for tool in tools_for("data_curator", dojo) if tool.name == "try_recipe"]
    said = tool.invoke({"operations": operations})
    assert said.startswith("failed: operations: ") and told in said, said
    with pytest.raises(InvalidDecision, match=re.escape(told)):
        recipe_of(dojo, plan, RecipeDecision.model_validate({"operations": operations}))
