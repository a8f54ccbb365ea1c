"""What a model may decide of a result, held against the facts of a run: a verdict, a diagnosis."""

from __future__ import annotations

from typing import Any

import pytest

from memory.forgetting import Divergence, Forgetting
from memory.journal.log import Journal
from memory.records import Diagnosis, Experiment, Failure, Verdict
from roles.llm.schemas import (
    DiagnosisDecision,
    VerdictDecision,
)
from roles.llm.validate import diagnosis_of, verdict_of, with_notes
from tasks.errors import InvalidDecision
from tests.support.run_in_progress import make_dojo

DIAGNOSIS: dict[str, Any] = {
    "cause": "underfit",
    "level": "neither",
    "origin": "training",
    "evidence": [{"experiment": "e09", "fact": "the loss still falls"}],
    "next_move": "train_longer",
    "prediction": {"change": "duration", "claim": "longer helps", "expected_gain": 2.0},
}


@pytest.fixture(scope="module")
def dojos(tmp_path_factory):
    """Runs at their start and after eight experiments; nothing here writes into them."""
    folder = tmp_path_factory.mktemp("decisions")
    stages = {"first": (0, ""), "plan": (8, "plan"), "card": (8, "card"), "verdict": (8, "verdict")}
    made = {name: make_dojo(folder / name, n, current=stage) for name, (n, stage) in stages.items()}
    yield made
    for dojo in made.values():
        dojo.journal.close()


def test_no_reading_admits_what_the_test_refuses(dojos):
    dojo = dojos["verdict"]
    comparison = dojo.journal.comparison("e09")
    keep = VerdictDecision(verdict="keep", note="it feels better")
    assert verdict_of(dojo, comparison, keep).verdict == "keep"
    worse = comparison.model_copy(update={"delta": -2.0})
    with pytest.raises(InvalidDecision, match="does not allow keep"):
        verdict_of(dojo, worse, keep)
    with pytest.raises(InvalidDecision, match="is no error cluster; known: other_word"):
        verdict_of(dojo, comparison, keep.model_copy(update={"cluster_notes": {"zzz": "a note"}}))


def test_notes_outlive_a_verdict_that_is_none(dojos):
    dojo = dojos["verdict"]
    comparison = dojo.journal.comparison("e09")
    floor = Verdict(verdict="discard", note="paired test: -1.0")
    seen = {
        "verdict": "maybe",
        "note": "12 of 20 are fixed",
        "cluster_notes": {"other_word": "a neighbour", "z": "?"},
    }
    kept = with_notes(dojo, comparison, floor, seen)
    assert (kept.verdict, kept.decided_by) == ("discard", "playbook")
    assert kept.note == "paired test: -1.0; the model's note: 12 of 20 are fixed"
    assert kept.cluster_notes == {"other_word": "a neighbour"}
    assert with_notes(dojo, comparison, floor, {"note": 7, "cluster_notes": ["x"]}) == floor


def test_a_prediction_claims_what_its_change_can_bring(dojos):
    claim = "with forum beside it the names come right"
    sources = ("field-notes",)
    done = experiment(dojos["verdict"].journal).plan.model_copy(update={"sources": sources})
    told = r"names forum; say sources, or data where the operations change"
    with pytest.raises(InvalidDecision, match=told):
        diagnosis(
            dojos["verdict"],
            {"prediction": {"change": "operations", "claim": claim, "expected_gain": 2.0}},
            plan=done,
        )
    for change in ("sources", "data"):
        prediction = {"change": change, "claim": claim, "expected_gain": 2.0}
        made = diagnosis(dojos["verdict"], {"prediction": prediction}, plan=done)
        assert made.prediction is not None and made.prediction.change == change


def experiment(journal: Journal, **changes: Any) -> Experiment:
    fields = {name: getattr(journal, name)("e09") for name in ("plan", "card", "evaluation", "comparison")}
    return Experiment(id="e09", number=9, outcome="discarded", **fields).model_copy(update=changes)


def diagnosis(dojo, changes=None, **state):
    floor = Diagnosis(cause="none", evidence=(), next_move="tune", source_scores={"forum": 0.3})
    decision = DiagnosisDecision.model_validate(DIAGNOSIS | (changes or {}))
    return diagnosis_of(dojo, experiment(dojo.journal, **state), floor, decision)


def test_a_diagnosis_names_its_evidence_and_predicts(dojos):
    made = diagnosis(dojos["verdict"])
    assert made.evidence == ("e09: the loss still falls",)
    assert (made.level, made.origin, made.decided_by) == ("neither", "training", "llm")
    assert made.prediction is not None
    assert made.prediction.expected_gain == 2.0
    assert made.source_scores == {"forum": 0.3}


def test_forgetting_beyond_the_budget_is_a_cause_and_general_rows_are_its_next_move(dojos):
    lost = Forgetting(
        general=Divergence(mean=2.0, low=1.8, high=2.2, prompts=28, tokens=900, same=0.6), budget=0.5
    )
    made = diagnosis(dojos["verdict"], {"cause": "forgetting", "next_move": "replay"}, forgetting=lost)
    assert (made.cause, made.next_move) == ("forgetting", "replay")


@pytest.mark.parametrize(
    ("changes", "state", "told"),
    [
        ({"evidence": [{"experiment": "e77", "fact": "it was good"}]}, {}, "'e77' is no experiment"),
        ({"cause": "format"}, {}, "the level is format, not neither"),
        ({"cause": "data"}, {}, "with the cause data it is data"),
        ({"prediction": None}, {}, "name the one change"),
        ({"cause": "forgetting", "next_move": "replay"}, {}, "did not forget more"),
        (
            {"cause": "none"},
            {"failure": Failure(stage="train", code="diverged", message="nan")},
            "e09 failed (diverged)",
        ),
    ],
)
def test_a_diagnosis_that_contradicts_itself_or_the_run_is_refused(dojos, changes, state, told):
    with pytest.raises(InvalidDecision) as refused:
        diagnosis(dojos["verdict"], changes, **state)
    assert told in str(refused.value)
