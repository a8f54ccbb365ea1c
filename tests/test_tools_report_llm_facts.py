"""The report's section on language models: there when there is something to say, true and escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memory.journal.log import Journal
from memory.records import Decision, Diagnosis, Prediction, Role, TrainingPlan, Usage
from tests.support.run_folder import NASTY, make_run
from tests.support.run_records import evaluation, plan, run_info
from tools.report.html import render_report
from tools.report.llm_facts import policy_facts

TITLE = "What the language model decided and cost"


def decision(role: Role, by: str, **fields: Any) -> Decision:
    given: dict[str, Any] = {"subject": "plan", "model": "openai:m", "calls": 1, "repairs": 0}
    return Decision(role=role, decided_by=by, **{**given, **fields})  # type: ignore[arg-type]


def usage(role: Role, model: str, tokens: int, **fields: Any) -> Usage:
    return Usage(
        role=role, model=model, input_tokens=tokens, output_tokens=10, usd=0.5, wall_seconds=2.0, **fields
    )


def make_llm_run(folder: Path) -> Journal:
    """Two experiments: the first predicts, the second tests it with hyperparameters of the model's own."""
    journal = Journal.create(folder / "journal.jsonl", run_info(policy="llm"))
    journal.append("evaluation", evaluation(20.0), "base")
    journal.append("usage", usage("planner", "openai:m", 1000, cached_tokens=400))
    journal.append("decision", decision("planner", "llm", repairs=1, problems=("no such source",)))
    journal.append("plan", plan("e01"), "e01")
    journal.append("training_plan", TrainingPlan(), "e01")
    journal.append("evaluation", evaluation(40.0), "e01")
    prediction = Prediction(change="duration", claim=f"twice as long helps {NASTY}", expected_gain=6.0)
    journal.append(
        "diagnosis",
        Diagnosis(cause="underfit", evidence=("x",), next_move="train_longer", prediction=prediction),
        "e01",
    )
    journal.finish("e01", "kept")
    journal.append("usage", usage("diagnostician", "openai:small", 3000, estimated=True))
    why = (f"first {NASTY}", f"the reply was cut {NASTY}")
    journal.append("decision", decision("diagnostician", "playbook", subject="diagnosis", problems=why))
    journal.append("plan", plan("e02", "e01").model_copy(update={"tests": "e01"}), "e02")
    journal.append(
        "training_plan", TrainingPlan(override_reason=f"the curve is flat {NASTY}", init_from="e01"), "e02"
    )
    journal.append("evaluation", evaluation(45.0), "e02")
    journal.finish("e02", "discarded")
    return journal


def test_a_run_of_the_playbook_has_no_such_section(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        assert policy_facts(journal) is None
        assert TITLE not in render_report(journal, tmp_path / "run")


def test_roles_models_and_experiments_add_up_to_the_same_whole(tmp_path: Path) -> None:
    with make_llm_run(tmp_path) as journal:
        found = policy_facts(journal)
    assert found is not None
    assert (found.total.calls, found.total.tokens, found.total.estimated) == (2, 4020, 1)
    assert [(line.role, line.decisions.llm, line.decisions.taken_over) for line in found.roles] == [
        ("planner", 1, 0),
        ("diagnostician", 0, 1),
    ]
    assert dict(found.models)["openai:small"].input_tokens == 3000
    assert [(id, account.tokens) for id, account in found.experiments] == [("e01", 1010), ("e02", 3010)]
    for parts in (found.models, found.experiments):
        assert sum(account.tokens for _, account in parts) == found.total.tokens


def test_predictions_and_overrides_are_shown_with_their_outcome(tmp_path: Path) -> None:
    with make_llm_run(tmp_path) as journal:
        page = render_report(journal, tmp_path)
    assert TITLE in page
    for fact in (
        "Predictions: 1 of 1 came true.",
        "+6.0",
        "+5.0",
        "0 of 1 kept, mean worth +0.08",
        "For 1 call the provider told no usage",
        "the reply was cut",
    ):
        assert fact in page, fact


def test_what_a_model_wrote_is_escaped(tmp_path: Path) -> None:
    with make_llm_run(tmp_path) as journal:
        page = render_report(journal, tmp_path)
    assert NASTY not in page
    section = page[page.index(TITLE) :]
    assert section.count("&lt;script&gt;") >= 3


def test_a_run_with_a_teacher_alone_shows_its_cost(tmp_path: Path) -> None:
    with make_run(tmp_path / "run") as journal:
        journal.append("usage", usage("teacher", "openai:m", 1234567))
        found = policy_facts(journal)
        page = render_report(journal, tmp_path / "run")
    assert found is not None and found.decisions.n == 0
    assert "1,234,567" in page
    assert "Decided by the model" not in page
