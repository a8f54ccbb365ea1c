"""Early stop: what a record says of items that were not answered, and how its score is compared."""

from __future__ import annotations

from typing import Any

import pytest

from memory.calibration import overrides, predictions
from memory.early_stop import EarlyStop
from memory.journal.log import Journal
from memory.records import Evaluation
from tasks.base import Score
from tests.support.run_records import evaluation, plan, run_info
from tests.test_memory_calibration import experiment


def stop(**changes: Any) -> EarlyStop:
    fields: dict[str, Any] = {
        "answered": 38,
        "items": 150,
        "against": "e02",
        "against_value": 60.0,
        "delta": -25.0,
        "p_value": 0.003,
        "level": 0.05,
    }
    return EarlyStop(**{**fields, **changes})


def stopped(value: float, higher_is_better: bool = True, **changes: Any) -> Evaluation:
    score = Score(
        metric="m", value=value, low=value - 9, high=value + 9, n=38, higher_is_better=higher_is_better
    )
    return Evaluation(split="validation", score=score, predictions="p.jsonl", stopped=stop(**changes))


def test_a_stopped_evaluation_says_how_many_of_how_many_and_why() -> None:
    found = stopped(30.0)
    assert found.text() == "30.0 [21.0, 39.0] n=38 (38 of 150 items answered)"
    assert found.brief() == "30.0 (n=38)"
    assert found.stopped is not None
    why = (
        "38 of 150 items answered: 25.0 points behind e02 on them (one-sided p=0.003, stopped from 0.05 down)"
    )
    assert found.stopped.text() == why
    assert evaluation(30.0).text() == evaluation(30.0).score.text()
    assert evaluation(30.0).brief() == "30.0"


def test_luck_with_the_draw_does_not_enter_a_comparison() -> None:
    """On the answered items the other model was at 55 and at 70, on all of them at 60."""
    for value in (30.0, 45.0):
        found = stopped(value).paired_score
        assert (found.value, found.low, found.high, found.n) == (35.0, 26.0, 44.0, 38)


def test_where_less_is_better_points_behind_are_added() -> None:
    assert stopped(4.0, higher_is_better=False, against_value=2.0, delta=-1.5).paired_score.value == 3.5


def test_a_full_evaluation_is_compared_as_it_is() -> None:
    assert evaluation(30.0).paired_score == evaluation(30.0).score


def test_records_without_the_field_are_read_and_one_with_it_comes_back(tmp_path: Any) -> None:
    old = evaluation(30.0).model_dump(mode="json", exclude={"stopped", "fixed_seconds"})
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        journal.append("plan", plan("e01"), "e01")
        journal.append("evaluation", old, "e01")
        journal.append("plan", plan("e02"), "e02")
        journal.append("evaluation", stopped(30.0), "e02")
    again = Journal.open(tmp_path / "journal.jsonl", write=False)
    assert again.evaluation("e01") == evaluation(30.0)
    assert again.evaluation("e02") == stopped(30.0)


def test_a_prediction_and_a_worth_are_scored_by_paired_answers() -> None:
    before = experiment(1, 60.0, predicts=5.0, training={"init_from": "base"})
    after = experiment(2, None, tests="e01", training={"init_from": "base", "override_reason": "flat"})
    after = after.model_copy(update={"evaluation": stopped(80.0, against="e01", delta=-2.0)})
    (tested,) = predictions([before, after]).tested
    assert tested.actual == pytest.approx(-2.0)  # and not the 20 points between two different draws
    worth = overrides([before, after], base_score=20.0).overridden.mean_worth
    assert worth == pytest.approx((58.0 - 20.0) / 80.0)
