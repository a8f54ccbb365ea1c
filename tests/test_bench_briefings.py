"""The bench that rebuilds a run from replies: what a role needs is found, and what is not there is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roles.llm.briefing.build import briefing
from tests.bench.briefings import Rebuilt, decisions_of, missing, needed, size_of, then
from tests.support.golden import STAGES

CODE = (
    "".join(f"# {n}: a value stands before its name\n" for n in range(80))
    + "def transform(row):\n    return row\n"
)
PLAN: dict[str, Any] = {
    "hypothesis": "Steps that name the value first are copied rightly",
    "reason": "e01: wrong_number is the largest cluster",
    "sources": ["open-ledger-qa"],
    "expected_gain": 9.0,
    "share_of_remaining_budget": 0.2,
}
READING = {
    "verdict": "Keep",
    "note": "many fixed, few broken",
    "cluster_notes": {"wrong_number": "The least value is found, but that of another row is said."},
}
DIAGNOSIS: dict[str, Any] = {
    "cause": "data",
    "level": "capability",
    "origin": "data",
    "evidence": [{"experiment": "e01", "fact": "Two of three wrong numbers are those of another row."}],
    "next_move": "change_sources",
    "note": "rewrite the steps",
    "prediction": {"change": "operations", "claim": "Finer steps halve wrong_number.", "expected_gain": 9.0},
}
REPLIES: dict[str, list[dict[str, Any]]] = {
    "e01": [
        {"PlanDecision": PLAN | {"change": "first"}},
        {"RecipeDecision": {"operations": [{"op": "script", "purpose": "value first", "code": CODE}]}},
        {"ReadingDecision": READING},
        {"DiagnosisDecision": DIAGNOSIS},
    ],
    "e02": [{"PlanDecision": PLAN | {"change": "operations", "init_from": "e01", "tests": "e01"}}],
}


@pytest.fixture
def replies(tmp_path: Path) -> Path:
    number = 0
    for experiment, each in REPLIES.items():
        for call in each:
            number += 1
            ((name, arguments),) = call.items()
            user = f"## What was tried\nNothing.\n\n# Experiment {experiment}\n"
            body = {
                "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": user}],
                "tools": [{"function": {"name": name}}],
            }
            answer = {"tool_calls": [{"name": name, "arguments": arguments}]}
            (tmp_path / f"req-{number}.json").write_text(json.dumps({"body": body}))
            (tmp_path / f"res-{number}.json").write_text(json.dumps(answer))
    return tmp_path


@pytest.mark.slow
def test_every_role_finds_what_its_decision_needs(replies: Path, tmp_path: Path) -> None:
    decisions = decisions_of(replies)
    facts = needed(decisions, "e02")
    for role in ("planner", "data_curator"):
        dojo = Rebuilt(tmp_path / role, decisions).to("e02", STAGES[role])
        page = briefing(role, dojo, "e02")
        assert missing(page, facts[role]) == []
        assert 0 < size_of(role, dojo, "e02")["briefing"] < 6000
    assert "script, last line" in facts["data_curator"]


def test_what_an_old_request_lacked_is_named(replies: Path) -> None:
    facts = needed(decisions_of(replies), "e02")["planner"]
    _, _, page = then(replies, "e02")["planner"]
    assert missing(page, facts) == list(facts)
