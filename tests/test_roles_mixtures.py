"""Which mixtures of good sources are tried, how many for how long, and what goes on from them."""

from __future__ import annotations

import pytest

from memory.early_stop import EarlyStop
from memory.explained import Explained
from memory.recipe import Mix
from memory.records import Evaluation, Experiment, Plan
from roles.data_curator import write_recipe
from roles.mixtures import mixtures, winner
from roles.source_looks import Seen
from tests.support.source_world import SourceWorld, score

LOOKS = {"one": 40.0, "two": 38.0, "three": 5.0}
LONG = {"one": 80.0, "two": 50.0, "three": 6.0}
ROWS = {"one": 500, "two": 1000, "three": 900}


def seen(*names: str) -> tuple[Seen, ...]:
    return tuple(Seen(name, f"e{number:02d}", score(40.0)) for number, name in enumerate(names, 1))


def explained(source: str, base: float, loss: float) -> Explained:
    return Explained(source=source, base_loss=base, loss=loss, rows=24)


def test_mixtures_weigh_by_rows_by_the_best_and_by_who_explains_whom() -> None:
    by = {
        "e01": {"one": explained("one", 3.0, 1.0), "two": explained("two", 3.0, 2.5)},
        "e02": {"two": explained("two", 3.0, 1.0)},
    }
    found = mixtures(seen("one", "two"), ROWS, by)
    assert found == (
        {"one": pytest.approx(1 / 3, abs=1e-3), "two": pytest.approx(2 / 3, abs=1e-3)},
        {"one": 1.0},
        {"one": 0.5, "two": 0.5},
        {"one": 0.8, "two": 0.2},
    )


def test_a_source_that_the_best_one_contradicts_is_left_out_by_the_last_mixture() -> None:
    by = {
        "e01": {"two": explained("two", 3.0, 5.0)},
        "e02": {"two": explained("two", 3.0, 1.0)},
    }
    assert [mixture.get("two", 0.0) for mixture in mixtures(seen("one", "two"), ROWS, by)] == [
        0.667,
        0.0,
        0.5,
    ]


def test_mixtures_that_come_to_the_same_are_one_and_one_source_is_none() -> None:
    assert mixtures(seen("one"), ROWS, {}) == ()
    assert mixtures(seen("one", "two"), {"one": 500, "two": 500}, {}) == (
        {"one": 0.5, "two": 0.5},
        {"one": 1.0},
    )


def test_with_time_the_better_half_goes_on_for_twice_as_long_and_training_from_the_last() -> None:
    world = SourceWorld(looks=LOOKS, long=LONG, rows=ROWS, seconds=3000.0)
    plans = world.run(12)
    trials = [plan for plan in plans if plan.steps and plan.weights]
    steps = trials[0].steps
    assert [plan.steps for plan in trials] == [steps] * 3 + [2 * steps] * 2
    looks = {plan.sources: plan.experiment for plan in plans if plan.steps and not plan.weights}
    assert {plan.init_from for plan in trials[:3]} == {looks["one",]}
    assert {plan.init_from for plan in trials[3:]} < {plan.experiment for plan in trials[:3]}
    # The more of the better source, the better this world's validation score.
    after = next(plan for plan in plans if not plan.steps)
    last = next(plan for plan in reversed(trials) if plan.weights == {"one": 1.0})
    assert (after.sources, after.init_from) == (("one",), last.experiment)


def test_a_trial_trains_on_its_mixture_even_shares_of_uneven_sources_too() -> None:
    world = SourceWorld(looks=LOOKS, long=LONG, rows=ROWS, seconds=3000.0)
    several = [plan for plan in world.run(12) if plan.steps and len(plan.weights) > 1]
    assert {"one": 0.5, "two": 0.5} in [plan.weights for plan in several]
    for plan in several:
        mixes = [op for op in write_recipe(world.dojo(), plan).operations if isinstance(op, Mix)]
        assert [op.weights for op in mixes] == [plan.weights]


def test_a_trial_that_was_stopped_early_is_ranked_by_the_items_that_both_answered() -> None:
    even, alone = mixtures(seen("one", "two"), {"one": 500, "two": 500}, {})
    behind = EarlyStop(
        answered=37, items=150, against="e02", against_value=75.0, delta=-15.0, p_value=0.01, level=0.05
    )  # easy items were drawn: 90 on them, and 15 points under the other all the same

    def trial(id: str, weights: dict[str, float], value: float, stopped: EarlyStop | None) -> Experiment:
        said = Evaluation(split="validation", score=score(value), predictions="p", stopped=stopped)
        return Experiment.model_construct(
            id=id, plan=Plan.model_construct(steps=20, weights=weights, sources=()), evaluation=said
        )

    history = [trial("e03", even, 75.0, None), trial("e04", alone, 90.0, behind)]
    found = winner(history, seen("one", "two"), {"one": 500, "two": 500}, {})
    assert found is not None
    assert (found.experiment, found.points) == ("e03", 75.0)


def test_a_short_budget_mixes_all_rows_as_before() -> None:
    world = SourceWorld(looks=LOOKS, long=LONG, rows=ROWS, seconds=300.0)
    plans = world.run(8)
    assert not any(plan.steps and plan.weights for plan in plans)
    assert set(next(plan for plan in plans if not plan.steps).sources) == {"one", "two"}


def test_without_valuation_no_source_is_looked_at() -> None:
    world = SourceWorld(looks=LOOKS, long=LONG, rows=ROWS, seconds=3000.0, without=frozenset({"valuation"}))
    assert not any(plan.steps for plan in world.run(4))
