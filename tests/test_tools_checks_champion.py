"""The incumbent's rule, and which model of a run is tested for what the run claims."""

from __future__ import annotations

from typing import Literal

from memory.records import Comparison, Experiment, Failure, Verdict
from tests.support.run_records import comparison, plan
from tools.checks.champion import candidate_of, gate_words, outcome_of, replaces_incumbent


def experiment(
    number: int,
    delta: float,
    p_value: float,
    verdict: Literal["keep", "discard"] | None = None,
    failed: bool = False,
    over: str = "base",
) -> Experiment:
    id = f"e{number:02d}"
    found: Comparison = comparison(id, over, delta).model_copy(update={"p_value": p_value})
    done = Experiment(
        id=id,
        number=number,
        plan=plan(id),
        comparison=None if failed else found,
        failure=Failure(stage="train", code="diverged", message="loss 9") if failed else None,
        verdict=Verdict(verdict=verdict, note="seen") if verdict else None,
    )
    return done.model_copy(update={"outcome": outcome_of(done)})


def test_the_incumbent_changes_at_a_loose_level_and_only_for_the_better() -> None:
    assert replaces_incumbent(comparison("e01", "base", 3.0).model_copy(update={"p_value": 0.4}))
    assert not replaces_incumbent(comparison("e01", "base", 3.0).model_copy(update={"p_value": 0.41}))
    assert not replaces_incumbent(comparison("e01", "base", -3.0).model_copy(update={"p_value": 0.001}))


def test_the_gate_says_yes_or_no_and_why() -> None:
    loose = comparison("e01", "base", 2.0).model_copy(update={"p_value": 0.33})
    assert gate_words(loose) == "may it be kept: yes (difference +2.0 > 0, one-sided p 0.17 <= 0.2)"
    chance = loose.model_copy(update={"p_value": 0.5})
    assert gate_words(chance) == "may it be kept: no (difference +2.0 > 0, one-sided p 0.25 > 0.2)"
    worse = loose.model_copy(update={"delta": -2.0})
    assert gate_words(worse).startswith("may it be kept: no (difference -2.0 <= 0")


def test_the_candidate_is_the_best_on_the_search_items_kept_or_not() -> None:
    done = [
        experiment(1, 5.0, 0.01),
        experiment(2, 3.0, 0.2, over="e01"),
        experiment(3, 2.0, 0.6, over="e02"),
        experiment(4, 1.0, 0.9, over="e02"),
    ]
    assert [e.outcome for e in done] == ["kept", "kept", "discarded", "discarded"]
    for known, best in ((1, "e01"), (2, "e02"), (3, "e03"), (4, "e03")):
        found = candidate_of(done[:known])
        assert found is not None
        assert found.id == best


def test_where_nothing_was_kept_the_best_above_the_base_is_tested() -> None:
    done = [experiment(1, 1.0, 0.9), experiment(2, 2.0, 0.7, "discard"), experiment(3, -4.0, 0.01)]
    found = candidate_of(done)
    assert found is not None
    assert found.id == "e02"


def test_what_the_evaluator_refused_is_no_candidate() -> None:
    assert experiment(1, 8.0, 0.01, "discard").outcome == "discarded"
    assert candidate_of([experiment(1, 8.0, 0.01, "discard")]) is None


def test_without_anything_above_the_base_nothing_is_tested() -> None:
    assert candidate_of([]) is None
    done = [experiment(1, -2.0, 0.5), experiment(2, 0.0, 1.0), experiment(3, 9.0, 0.1, failed=True)]
    assert candidate_of(done) is None
