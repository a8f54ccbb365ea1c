"""What was found and what a plan costs reach those who act next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memory.records import RowsReproduced
from roles.llm.briefing.build import briefing
from tests.support.loopback_chat import ChatServer
from tests.support.role_decisions import make_policy
from tests.support.run_in_progress import StillDojo, make_dojo
from tests.support.scripted_llm import scripted_reply

NOTES = "the value is right, the name behind it belongs to another row"


@pytest.mark.parametrize("role", ["planner", "data_curator"])
def test_notes_evidence_claims_and_the_loss_curve_reach_who_acts(tmp_path: Path, role) -> None:
    stage = "plan" if role == "data_curator" else ""
    dojo = make_dojo(tmp_path, 6, plant=NOTES, current=stage, change="operations" if stage else "")
    page = briefing(role, dojo, "e07")
    found = page.partition("## What the roles found")[2].partition("\n## ")[0]
    for wanted in (
        "> e06 (kept, 64.3):",
        f"> - cluster other_word: {NOTES}",
        "> - diagnosis: data; next move clean_data",
        f"> - evidence: other_word is 40% of all items of e06 {NOTES}",
        f"> - claim: without forum it copies {NOTES} (sources, +3.0 points)",
    ):
        assert wanted in found
    if role == "planner":
        assert "- e06: full lr 0.002" in page and "- loss: " in page


def test_the_claim_under_test_stands_in_the_curators_plan(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 7, plant=NOTES, current="plan")
    plan = dojo.journal.plan("e08")
    assert plan is not None and plan.tests == "e07"
    page = briefing("data_curator", dojo, "e08")
    assert f"claim under test: without forum it copies {NOTES} (+3.0 points over e07)" in page


def test_answers_of_the_data_are_held_against_what_an_answer_may_take(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 6, current="card", change="operations")
    told = "- answers: 5 tokens in the middle, 5 at the 95th percentile, 5 at most; "
    assert dojo.spec.max_new_tokens >= 5
    for role in ("data_curator", "training_engineer"):
        assert f"{told}all fit into the" in briefing(role, dojo, "e07")
    dojo.spec = dojo.spec.__class__(**{**vars(dojo.spec), "max_new_tokens": 4})
    assert f"{told}100% are LONGER than the 4" in briefing("training_engineer", dojo, "e07")


def test_a_plan_is_priced_in_epochs_and_steps_before_it_is_made(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 6)
    page = briefing("planner", dojo, "e07")
    assert "- one epoch over e06's data (60 rows of 22 tokens): about 12 s, 4 steps at batch 16" in page
    assert "0.05 of it " in page and "epochs (" in page
    left = dojo.remaining_budget_seconds()
    trains = (0.05 * left - dojo.overhead_seconds()) / 12.0
    assert f"0.05 of it {min(8.0, trains):.1f} epochs" in page


def test_before_the_first_data_the_price_is_that_of_the_usable_sources(tmp_path: Path) -> None:
    page = briefing("planner", make_dojo(tmp_path, 0), "e01")
    assert "- one epoch over the usable sources together (160 rows of" in page


def test_a_plans_time_is_told_in_epochs_to_who_sets_the_schedule(tmp_path: Path) -> None:
    page = briefing("training_engineer", make_dojo(tmp_path, 6, current="card"), "e07")
    assert "- its time holds " in page and "over e07's data (120 rows)" in page


def test_how_well_training_rows_are_known_is_told_beside_the_curve(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 1, current="")
    rewritten(dojo, reproduced=RowsReproduced(rows=64, whole=0.41, tokens=0.93).model_dump())
    page = briefing("planner", dojo, "e02")
    assert "- its last 64 training rows, seen about" in page
    assert "41% would be written word for word, 93% of their answer tokens are the likeliest" in page
    late: dict[str, Any] = {"stopped_early": "time", "planned_steps": 780, "end_rate_share": 0.01}
    rewritten(dojo, **late)
    page = briefing("planner", dojo, "e02")
    assert "- shortened to fit its time, 200 of 780 planned steps; the rate came down with it, to 1%" in page
    assert "stopped early" not in page


def rewritten(dojo: StillDojo, **fields: Any) -> None:
    """The training of e01 as if it had been measured so."""
    event = next(e for e in dojo.journal.events if (e.kind, e.experiment) == ("training", "e01"))
    event.data.update(fields)


@pytest.mark.parametrize("change", ["duration", "hyperparameters", "method"])
def test_nobody_is_asked_for_data_that_stays_the_parents(tmp_path: Path, change: str) -> None:
    dojo = make_dojo(tmp_path, 8, current="plan", change=change)
    plan = dojo.journal.plan("e09")
    assert plan is not None
    with ChatServer(scripted_reply) as server:
        policy = make_policy(server.base_url, max_retries=0, timeout_seconds=5.0)
        made = [policy.write_recipe(dojo, plan) for _ in range(2)]
    assert made[0] == made[1] == dojo.journal.recipe("e06")
    assert server.requests == []
    assert dojo.journal.notes.count(f"e09 keeps the data of e06: its plan changes {change}") == 1
