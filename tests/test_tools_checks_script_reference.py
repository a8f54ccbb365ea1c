"""A script is referred to, edited and read whole, instead of being written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from memory.recipe import Cap, Script
from memory.recipe_draft import ScriptDraft
from memory.records import Lesson, Plan
from roles.inherited_recipe import inherited_recipe
from roles.llm.briefing.build import briefing
from roles.llm.schemas import RecipeDecision
from roles.llm.validate_recipe import recipe_of
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.support.unsandboxed_scripts import run_all
from tools.checks.script_reference import scripts_by_owner, whole_script
from tools.toolkit.by_role import tools_for

PURPOSE = "leave rows as they are "
CODE = "".join(f"# step {n}: keep what is kept\n" for n in range(140)) + (
    "def transform(row):\n    answer = row['answer'].strip()\n    row['answer'] = answer\n    return row\n"
)


@pytest.fixture
def dojo(tmp_path: Path) -> StillDojo:
    """After e01 to e08, with scripts of some 4,000 characters; e09 is planned on e06, for its operations."""
    return make_dojo(tmp_path, 8, current="plan", code=CODE, change="operations")


def planned(dojo: StillDojo, **changes: Any) -> Plan:
    """The plan of e09, changed."""
    plan = dojo.journal.plan("e09")
    assert plan is not None
    return plan.model_copy(update=changes)


def draft(**fields: Any) -> ScriptDraft:
    return ScriptDraft.model_validate({"op": "script", **fields})


def refusal(dojo: StillDojo, **fields: Any) -> str:
    with pytest.raises(InvalidDecision) as caught:
        whole_script(dojo, draft(**fields))
    return str(caught.value)


def test_a_recipe_takes_a_script_over_by_reference(dojo: StillDojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.sandbox.run.run_many", lambda scripts, limits: run_all(scripts))
    operations = [{"op": "script", "from": "e08"}, {"op": "cap", "rows": 100}]
    decision = RecipeDecision.model_validate({"operations": operations, "seed": 11})
    made = recipe_of(dojo, planned(dojo), decision)
    script = next(op for op in made.operations if isinstance(op, Script))
    assert (script.code, script.purpose, made.seed) == (CODE, PURPOSE, 11)


def test_edits_are_exact_replacements_made_in_order(dojo: StillDojo) -> None:
    edits = [
        {"old": "answer = row['answer'].strip()", "new": "answer = row['answer'].strip().lower()"},
        {"old": ".lower()", "new": ".upper()"},
    ]
    script = whole_script(dojo, draft(**{"from": "e08"}, edits=edits, purpose="in capitals"))
    assert script.code == CODE.replace(".strip()", ".strip().upper()")
    assert script.purpose == "in capitals"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"from": "e99"}, "'e99' has no script; known: e01"),
        ({"from": "e08", "number": 2}, "number: e08 has 1, not 2"),
        ({"from": "e08", "code": "x"}, "either code or from"),
        ({"code": "def transform(row): return row"}, "say in purpose"),
        ({"code": "x", "purpose": "x", "edits": [{"old": "a", "new": "b"}]}, "edits go with from"),
        ({"purpose": "nothing else"}, "give code, or from whose script it is"),
        (
            {"from": "e08", "edits": [{"old": "keep what", "new": "x"}]},
            "number 1: its old text stands 140 times",
        ),
        ({"from": "e08", "edits": [{"old": "  return  row", "new": "x"}]}, "is not in the script of e08"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(dojo: StillDojo, fields, said: str) -> None:
    assert said in refusal(dojo, **fields)


def test_an_edit_that_misses_by_a_line_names_the_nearest_line(dojo: StillDojo) -> None:
    edit = {"old": "    answer = row['answer'].strip().title()\n", "new": "x"}
    assert "nearest line: answer = row['answer'].strip()" in refusal(dojo, **{"from": "e08", "edits": [edit]})


def test_the_schema_speaks_of_from_and_refuses_what_it_does_not_know() -> None:
    schema = json.dumps(RecipeDecision.model_json_schema())
    assert '"from"' in schema and "taken_from" not in schema
    with pytest.raises(ValidationError):
        draft(source="e08")


def test_a_script_of_up_to_6000_characters_stands_whole_in_the_briefing(dojo: StillDojo) -> None:
    page = briefing("data_curator", dojo, "e09")
    shown = page.partition("## The parent's recipe")[2].partition("\n## ")[0]
    assert all(f"> {line}".rstrip() in shown for line in CODE.split("\n"))
    assert '{"op": "script", "from": "e06"}' in shown


def test_a_longer_script_is_read_in_parts_and_comes_out_whole(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 2, code=CODE * 4)
    read = next(tool for tool in tools_for("data_curator", dojo) if tool.name == "read_recipe")
    parts = [read.invoke({"experiment": "e01", "part": part}) for part in (1, 2, 3)]
    lines = [line[1:].removeprefix(" ") for part in parts for line in part.split("\n") if line[:1] == ">"]
    assert "".join(lines).replace(" ", "") == (CODE * 4).replace("\n", "").replace(" ", "")
    assert "(part 3 of 3)" in parts[2]
    assert "ask for 1 to 3" in read.invoke({"experiment": "e01", "part": 4})
    assert "recipe of e01, seed 0" in parts[0]


def test_a_recalled_lessons_script_is_read_and_taken_over_too(dojo: StillDojo) -> None:
    lesson = dojo.told[0].lesson
    known = Lesson.model_validate(
        lesson.model_dump() | {"scripts": [{"purpose": "won before", "code": CODE}], "operations": ["map"]}
    )
    dojo.told = (dojo.told[0].__class__(known, 0.9, 0.9, "advice"),)
    assert whole_script(dojo, draft(**{"from": known.id})).purpose == "won before"
    read = next(tool for tool in tools_for("data_curator", dojo) if tool.name == "read_recipe")
    assert "def transform(row):" in read.invoke({"experiment": known.id})
    assert next(iter(scripts_by_owner(dojo))) == "e08"


# ---- whose data is kept


@pytest.mark.parametrize("change", ["method", "hyperparameters", "duration"])
def test_a_change_of_something_else_keeps_the_parents_recipe(dojo: StillDojo, change: str) -> None:
    assert inherited_recipe(dojo, planned(dojo, change=change)) == dojo.journal.recipe("e06")
    fewer = inherited_recipe(dojo, planned(dojo, change=change, rows=500))
    assert fewer is not None and fewer.operations[-1] == Cap(rows=500)


@pytest.mark.parametrize(
    "changes",
    [
        {"change": "sources"},
        {"change": "operations"},
        {"parent": None},
        {"sources": ("field-notes", "forum")},
        {"weights": {"field-notes": 3.0, "forum": 1.0}},
    ],
)
def test_a_change_of_the_data_is_the_curators(dojo: StillDojo, changes: dict[str, Any]) -> None:
    assert inherited_recipe(dojo, planned(dojo, change="duration")) is not None
    assert inherited_recipe(dojo, planned(dojo, **({"change": "duration"} | changes))) is None
