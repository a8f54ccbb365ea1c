"""A training that only forgetting kept from being kept goes on with general rows, then with more."""

from __future__ import annotations

from tests.support.source_world import SourceWorld

ONE = {"only": 30.0}
LONG = {"only": 60.0}


def test_what_forgot_too_much_goes_on_with_more_general_rows_until_it_keeps_to_the_budget() -> None:
    world = SourceWorld(looks=ONE, long=LONG, forgets=0.6)
    plans = [world.step() for _ in range(3)]
    first, second, third = (plan for plan in plans if plan)
    assert (first.replay, second.replay) == (0.0, 0.1)
    assert (second.sources, second.init_from, second.change) == (first.sources, "e01", "operations")
    assert "would have been kept but for what it forgot" in second.reason
    assert [e.outcome for e in world.history[:2]] == ["discarded", "kept"]
    # What goes on from it keeps the share: without it training would forget what the share had kept.
    assert third.init_from == world.history[1].id
    assert third.replay == 0.1


def test_a_larger_share_follows_where_the_first_was_not_enough() -> None:
    world = SourceWorld(looks=ONE, long=LONG, forgets=2.0)
    shares = [plan.replay for plan in (world.step() for _ in range(3)) if plan]
    assert shares == [0.0, 0.1, 0.3]
    assert world.history[2].outcome == "kept"


def test_where_no_share_is_enough_nothing_is_kept_and_nothing_more_built_on_what_forgot() -> None:
    world = SourceWorld(looks=ONE, long=LONG, forgets=50.0)
    plans = world.run(8)
    assert [(plan.init_from, plan.replay) for plan in plans[:3]] == [
        ("base", 0.0),
        ("e01", 0.1),
        ("e02", 0.3),
    ]
    assert world.best() is None
    assert len(plans) > 3 and all(plan.init_from == "base" for plan in plans[3:])


def test_what_learns_too_little_with_general_rows_is_not_made_the_same_way_again() -> None:
    world = SourceWorld(looks=ONE, long=LONG, forgets=0.6, seconds=3000.0)
    first = world.step()
    world.long = {"only": -5.0}
    again, other = world.step(), world.step()
    assert first and again and other
    assert (again.replay, world.history[1].outcome) == (0.1, "discarded")
    assert "would have been kept but for what it forgot" not in other.reason


def test_without_forgetting_no_general_rows_are_asked_for() -> None:
    world = SourceWorld(looks=ONE, long=LONG)
    assert all(plan.replay == 0.0 for plan in world.run(4))


def test_looks_compare_sources_and_take_no_general_rows() -> None:
    world = SourceWorld(
        looks={"one": 30.0, "two": 5.0, "three": 5.0},
        long={"one": 60.0, "two": 6.0, "three": 6.0},
        forgets=0.6,
    )
    plans = world.run(6)
    looks = [plan for plan in plans if plan.steps]
    assert {plan.sources for plan in looks} == {("one",), ("two",), ("three",)}
    assert all(plan.replay == 0.0 for plan in looks)
    after = next(plan for plan in plans if not plan.steps)
    assert after.sources == ("one",)
    assert after.replay == 0.1


def test_a_budget_that_holds_one_training_is_not_staked_on_what_it_may_forget() -> None:
    world = SourceWorld(looks=ONE, long=LONG, forgets=0.55, rows={"only": 1900}, speed=200.0, seconds=1400.0)
    first = world.step()
    assert first is not None
    assert (first.max_seconds, first.replay, world.history[0].outcome) == (1050.0, 0.1, "kept")


def test_a_model_without_general_answers_is_given_no_general_rows() -> None:
    world = SourceWorld(looks=ONE, long=LONG, rows={"only": 1900}, speed=200.0, seconds=1400.0)
    first = world.step()
    assert first is not None
    assert (first.max_seconds, first.replay) == (1050.0, 0.0)
