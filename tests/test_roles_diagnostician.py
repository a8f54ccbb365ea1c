"""Causes are read off the evidence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from memory.held_out import HeldOut
from memory.records import ErrorCluster, Evaluation, Experiment, Failure
from roles.diagnostician import diagnose
from tasks.base import Score
from tests.support.run_records import comparison, plan, training
from tests.test_memory_early_stop import stopped
from tools.checks.champion import replaces_incumbent

PLAN = plan("e01", change="first", expected_gain=1.0, sources=("a",), max_seconds=10.0)


@pytest.mark.parametrize(
    ("code", "cause", "move"),
    [
        ("does_not_fit", "resources", "smaller"),
        ("timeout", "resources", "smaller"),
        ("diverged", "divergence", "tune"),
        ("contaminated", "data", "change_sources"),
        ("crashed", "harness", "change_method"),
    ],
)
def test_a_failure_names_its_cause_and_its_stage(code, cause, move):
    failure = Failure(stage="train", code=code, message="loss became nan at step 7")
    experiment = Experiment(id="e01", number=1, plan=PLAN, failure=failure, outcome="failed")
    diagnosis = diagnose(None, experiment, {})  # type: ignore[arg-type]  # a failure is diagnosed without the Dojo
    assert (diagnosis.cause, diagnosis.next_move) == (cause, move)
    assert "loss became nan at step 7" in diagnosis.evidence[0]


def test_evidence_of_a_stopped_experiment_names_how_many_items_it_rests_on():
    trained = SimpleNamespace(losses=((5, 1.0), (10, 0.5)), held_out=None)
    done = Experiment.model_construct(
        id="e01",
        number=1,
        plan=PLAN,
        failure=None,
        evaluation=stopped(30.0).model_copy(
            update={"clusters": (ErrorCluster(name="wrong", count=20, share=20 / 38),)}
        ),
        training=trained,
        outcome="discarded",
    )
    evidence = " ".join(diagnose(None, done, {}).evidence)  # type: ignore[arg-type]  # no audit, no Dojo
    assert "n=38" in evidence
    assert "38 of 150 items answered: 25.0 points behind e02" in evidence
    assert "53% of the answered items" in evidence


def test_a_larger_number_alone_replaces_nobody():
    assert not replaces_incumbent(comparison("e02", "e01", 1.0, p_value=0.8))
    assert replaces_incumbent(comparison("e02", "e01", 3.0, p_value=0.2))
    assert not replaces_incumbent(comparison("e02", "e01", -9.0, p_value=0.001))


@pytest.mark.parametrize(
    ("rose", "cause", "move"), [(True, "overfit", "more_rows"), (False, "underfit", "train_longer")]
)
def test_rows_learnt_by_heart_are_not_trained_on_for_longer(rose, cause, move):
    losses = tuple((step, 4.0 * 0.9**step) for step in range(16))
    trained = training(
        steps=16,
        rows=700,
        losses=losses,
        held_out=HeldOut(
            rows=35,
            losses=((4, 0.5, 0.6), (16, 0.9, 0.5)),
            rose=rose,
            kept="best" if rose else "end",
            kept_step=4 if rose else 16,
            wall_seconds=0.2,
        ),
    )
    score = Score(metric="accuracy", value=40.0, low=35.0, high=45.0, n=300, unparseable_share=0.0)
    evaluation = Evaluation(split="validation", score=score, predictions="p.jsonl")
    experiment = Experiment(
        id="e01", number=1, plan=PLAN, training=trained, evaluation=evaluation, outcome="kept"
    )
    diagnosis = diagnose(None, experiment, {})  # type: ignore[arg-type]  # without an audit no Dojo is asked
    assert (diagnosis.cause, diagnosis.next_move) == (cause, move)
    assert any("35 held-out rows: loss 0.900" in fact for fact in diagnosis.evidence)
    assert any("0.500 at step 4" in fact for fact in diagnosis.evidence) == rose
