"""Predictions and overrides are scored by what happened, and say so when nothing has."""

from __future__ import annotations

from typing import Any

import pytest

from memory.calibration import count_decisions, hit, overrides, predictions
from memory.records import Decision, Diagnosis, Evaluation, Experiment, Prediction, TrainingPlan
from tasks.base import Score
from tests.support.run_records import plan


def experiment(
    number: int,
    score: float | None,
    *,
    predicts: float | None = None,
    tests: str = "",
    training: dict[str, Any] | None = None,
    outcome: str = "discarded",
    higher_is_better: bool = True,
) -> Experiment:
    """One finished experiment; ``predicts`` is what its diagnosis expects of the next change."""
    id = f"e{number:02d}"
    prediction = None
    if predicts is not None:
        prediction = Prediction(change="duration", claim=f"longer helps {id}", expected_gain=predicts)
    evaluation = None
    if score is not None:
        measured = Score(
            metric="m", value=score, low=score, high=score, n=300, higher_is_better=higher_is_better
        )
        evaluation = Evaluation(split="validation", score=measured, predictions="p.jsonl")
    return Experiment(
        id=id,
        number=number,
        plan=plan(id, change="first", expected_gain=1.0, tests=tests),
        training_plan=TrainingPlan(**training) if training is not None else None,
        evaluation=evaluation,
        diagnosis=Diagnosis(
            cause="underfit", evidence=("e",), next_move="train_longer", prediction=prediction
        ),
        outcome=outcome,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("expected", "actual", "came"),
    [
        (5.0, 1.0, True),
        (5.0, 0.9, False),
        (5.0, 30.0, True),
        (5.0, -5.0, False),
        (-3.0, -1.0, True),
        (-3.0, 0.0, False),
        (0.5, 0.9, True),
        (0.0, -0.9, True),
        (0.0, 2.0, False),
        (0.9, 1.1, False),
    ],
)
def test_the_direction_decides_and_less_than_a_point_is_no_change(
    expected: float, actual: float, came: bool
) -> None:
    assert hit(expected, actual) is came


def test_a_prediction_is_measured_against_the_experiment_that_was_diagnosed() -> None:
    record = predictions(
        [
            experiment(1, 40.0, predicts=6.0),
            experiment(2, 55.0, predicts=4.0),
            experiment(3, 44.0, tests="e01", predicts=2.0),
            experiment(4, 52.0, tests="e02"),
        ]
    )
    found = [(item.diagnosed, item.tested_by, item.expected, item.actual, item.hit) for item in record.tested]
    assert found == [("e01", "e03", 6.0, 4.0, True), ("e02", "e04", 4.0, -3.0, False)]
    assert (record.n, record.hits, record.mean_absolute_error) == (2, 1, pytest.approx(4.5))
    assert record.text() == (
        "Predictions: 1 of 2 came true. Expected +5.0 points on average, got +0.5; mean error 4.5 points."
    )


def test_a_prediction_is_scored_once_by_the_first_test_that_reached_a_score() -> None:
    record = predictions(
        [
            experiment(1, 40.0, predicts=6.0),
            experiment(2, None, tests="e01", outcome="failed"),
            experiment(3, 38.0, tests="e01"),
            experiment(4, 47.0, tests="e01"),
        ]
    )
    assert [(item.tested_by, item.actual) for item in record.tested] == [("e03", -2.0)]


def test_a_test_without_a_score_is_shown_and_not_counted() -> None:
    record = predictions([experiment(1, 40.0, predicts=6.0), experiment(2, None, tests="e01")])
    (item,) = record.tested
    assert (item.tested_by, item.actual, item.hit) == ("e02", None, None)
    assert (record.n, record.mean_absolute_error) == (0, None)
    assert record.text() == (
        "Predictions: no record yet, none was tested to a score. 1 more reached no score."
    )


def test_only_later_experiments_test_and_only_what_was_predicted_is_tested() -> None:
    record = predictions(
        [
            experiment(1, 40.0, tests="e02"),
            experiment(2, 41.0, predicts=1.0),
            experiment(3, 50.0, tests="e01"),
        ]
    )
    assert record.tested == ()
    assert "no record yet" in record.text()


def test_where_lower_is_better_a_falling_score_is_a_gain() -> None:
    record = predictions(
        [
            experiment(1, 40.0, predicts=6.0, higher_is_better=False),
            experiment(2, 33.0, tests="e01", higher_is_better=False),
        ]
    )
    assert (record.tested[0].actual, record.hits) == (7.0, 1)


def test_overrides_are_told_apart_by_outcome_and_worth() -> None:
    record = overrides(
        [
            experiment(1, 60.0, training={}, outcome="kept"),
            experiment(2, 70.0, training={"init_from": "e01", "override_reason": "the loss is flat"}),
            experiment(3, None, training={"override_reason": "faster"}, outcome="failed"),
            experiment(4, 20.0),
        ],
        base_score=20.0,
    )
    assert (record.followed.n, record.followed.kept) == (1, 1)
    assert record.followed.mean_worth == pytest.approx(40 / 80)
    assert (record.overridden.n, record.overridden.kept) == (2, 0)
    assert record.overridden.mean_worth == pytest.approx((10 / 40 - 1.0) / 2)
    assert record.text().startswith(
        "Overrides of the optimiser's hyperparameters: 0 of 2 kept, mean worth -0.38. "
        "With the optimiser's hyperparameters: 1 of 1 kept, mean worth +0.50."
    )


def test_a_run_without_overrides_says_so() -> None:
    assert overrides([], 20.0).text() == (
        "Overrides of the optimiser's hyperparameters: no record yet. "
        "With the optimiser's hyperparameters: none yet."
    )
    assert "no record yet" in overrides([experiment(1, 60.0, training={})], 20.0).text()


def test_worth_is_that_of_the_optimiser() -> None:
    from roles.trials import trials_from

    history = [
        experiment(1, 60.0, training={}),
        experiment(2, 64.0, training={"init_from": "e01"}),
        experiment(3, None, training={}),
    ]
    trials = trials_from(history, 20.0, "full")
    assert overrides(history, 20.0).followed.mean_worth == pytest.approx(
        sum(trial.worth for trial in trials) / len(trials)
    )


def test_decisions_are_counted_by_mind() -> None:
    def decision(by: str, calls: int, repairs: int = 0, problems: tuple[str, ...] = ()) -> Decision:
        return Decision(
            role="planner",
            subject="plan",
            decided_by=by,  # type: ignore[arg-type]
            model="openai:m",
            calls=calls,
            repairs=repairs,
            problems=problems,
        )

    count = count_decisions(
        [
            decision("llm", 1),
            decision("llm", 3, repairs=2, problems=("no JSON", "no source")),
            decision("playbook", 4, repairs=3, problems=("no JSON",)),
            decision("playbook", 0, problems=("the provider is down",)),
            decision("playbook", 0),
        ]
    )
    assert (count.llm, count.playbook, count.taken_over, count.repaired, count.repairs) == (2, 3, 2, 1, 5)
    assert count.text() == "llm 2, playbook 3 (taken over 2)"
