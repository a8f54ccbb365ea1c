"""Whole runs of the Planner on sources whose worth is known: what it ends up training on."""

from __future__ import annotations

import pytest

from memory.experience.lessons import Recalled
from memory.recipe import Repair
from memory.records import Plan
from tests.support.run_records import lesson as made_lesson
from tests.support.source_world import SourceWorld


def longer(plans: list[Plan]) -> list[Plan]:
    """What is more than a comparison of sources."""
    return [plan for plan in plans if not plan.steps]


def test_the_clean_source_is_trained_on_though_a_wrong_one_is_larger():
    world = SourceWorld(
        looks={"swapped": 3.0, "clean": 39.0, "cut": 0.0, "other": 0.0},
        long={"swapped": 4.0, "clean": 100.0, "cut": 0.0, "other": 0.0},
        rows={"swapped": 1200, "clean": 500},
    )
    plans = world.run()
    assert {plan.sources for plan in plans if plan.steps} == {("swapped",), ("clean",), ("cut",), ("other",)}
    assert {plan.sources for plan in longer(plans)} == {("clean",)}


def test_what_scores_nothing_alone_is_never_added_however_large_it_is():
    world = SourceWorld(
        looks={"huge": 0.0, "small": 30.0, "alike": 28.0},
        long={"huge": 0.0, "small": 40.0, "alike": 40.0},
        rows={"huge": 50_000},
    )
    plans = longer(world.run())
    assert set(plans[0].sources) == {"small", "alike"}
    assert not any("huge" in plan.sources for plan in plans)


def test_a_champion_that_is_wrong_itself_does_not_drop_the_source_of_the_best_score():
    world = SourceWorld(
        looks={"large": 26.0, "clean": 28.0, "noise": 0.0},
        long={"large": 30.0, "clean": 34.0, "noise": 0.0},
        audit={"large": 1.0, "clean": 0.2, "noise": 0.0},
    )
    plans = longer(world.run())
    assert set(plans[0].sources) == {"clean", "large"}
    assert all("clean" in plan.sources for plan in plans)


def test_a_source_that_a_good_champion_contradicts_is_left_out_again():
    world = SourceWorld(
        looks={"noisy": 38.0, "clean": 40.0, "unused": 0.0},
        long={"noisy": 85.0, "clean": 90.0, "unused": 0.0},
        audit={"noisy": 0.45, "clean": 0.88, "unused": 0.1},
    )
    plans = longer(world.run())
    assert set(plans[0].sources) == {"clean", "noisy"}
    assert plans[1].sources == ("clean",)
    assert "noisy" in plans[1].hypothesis and "unused" not in plans[1].hypothesis


def test_a_good_look_is_enough_and_the_others_are_looked_at_when_training_stalls():
    world = SourceWorld(
        looks={"steps": 70.0, "bare": 90.0, "poor": 5.0},
        long={"steps": 72.0, "bare": 99.0, "poor": 5.0},
        worked=("steps",),
    )
    plans = world.run()
    assert plans[0].sources == plans[1].sources == ("steps",)
    assert not plans[1].steps
    later = [plan.sources for plan in plans if plan.steps]
    assert later == [("steps",), ("bare",), ("poor",)]
    assert longer(plans)[-1].sources == ("bare",)


def test_without_time_for_a_look_at_each_the_kinds_are_compared():
    world = SourceWorld(
        looks=dict.fromkeys(("steps", "a", "b", "c"), 0.0),
        long={"steps": 40.0, "a": 1.0, "b": 1.0, "c": 1.0},
        worked=("steps",),
        seconds=45.0,
    )
    plans = world.run()
    assert plans[0].sources == ("steps",)
    assert set(plans[1].sources) == {"a", "b", "c"}
    assert not any(plan.steps for plan in plans)


def test_where_few_experiments_are_left_what_taught_something_goes_on_and_no_control_is_made():
    """As with a real model in a quarter of an hour: one experiment takes a third of the time."""
    world = SourceWorld(
        looks=dict.fromkeys(("steps", "bare"), 0.0),
        long={"steps": 40.0, "bare": 1.0},
        worked=("steps",),
        seconds=60.0,
        speed=1500.0,
    )
    plans = world.run()
    assert [plan.sources for plan in plans] == [("steps",)] * len(plans)
    assert plans[1].init_from == "e01"


def test_where_the_first_kind_taught_nothing_the_other_is_tried_however_short_the_time():
    world = SourceWorld(
        looks=dict.fromkeys(("steps", "bare"), 0.0),
        long={"steps": 0.0, "bare": 40.0},
        worked=("steps",),
        seconds=60.0,
        speed=1500.0,
    )
    assert world.run()[1].sources == ("bare",)


def test_a_repaired_source_is_tried_with_the_champions_data_once():
    world = SourceWorld(
        looks={"clean": 60.0, "history": 5.0},
        long={"clean": 70.0, "history": 5.0},
        audit={"clean": 0.7, "history": 0.1},
        repairs={"history": Repair(source="history", rule="relabel", labels={"a": "b", "b": "a"})},
    )
    plans = longer(world.run())
    assert plans[0].sources == ("clean",)
    assert [plan.sources for plan in plans].count(("clean", "history")) == 1


def test_no_direct_source_is_repaired_into_worked_answers():
    world = SourceWorld(
        looks={"steps": 60.0, "history": 5.0},
        long={"steps": 70.0, "history": 5.0},
        worked=("steps",),
        audit={"steps": 0.7, "history": 0.1},
        repairs={"history": Repair(source="history", rule="relabel", labels={"a": "b", "b": "a"})},
    )
    assert not any("history" in plan.sources for plan in longer(world.run()))


def test_a_mixture_that_stalls_is_narrowed_to_the_best_source():
    world = SourceWorld(
        looks={"best": 40.0, "alike": 38.0}, long={"best": 60.0, "alike": 60.0}, rows={"best": 500}
    )
    plans = longer(world.run())
    assert set(plans[0].sources) == {"best", "alike"}
    narrowed = next(place for place, plan in enumerate(plans) if plan.sources == ("best",))
    assert narrowed > 2


@pytest.mark.parametrize(("data", "sources"), [("d", {"clean"}), ("of another pool", {"clean", "swapped"})])
def test_a_lesson_names_its_sources_on_the_same_data_and_its_kind_elsewhere(data, sources):
    settings = {"kind": "direct", "sources": "clean", "start": "base"}
    lesson = made_lesson(
        "before/e02", task="task", domain="custom", features={"data": data}, settings=settings, gain=39.0
    )
    world = SourceWorld(
        looks={"swapped": 3.0, "clean": 39.0},
        long={"swapped": 4.0, "clean": 100.0},
        advice=(Recalled(lesson, 0.9, 0.9, "advice"),),
    )
    first = world.step()
    assert first is not None
    assert set(first.sources) == sources
    assert first.lessons == ("before/e02",)


def test_a_kind_that_is_ahead_of_the_incumbent_by_chance_does_not_change_the_data():
    world = SourceWorld(looks={}, long={"steps": 43.0, "a": 45.0, "b": 45.0}, worked=("steps",), seconds=45.0)
    world.looks = dict.fromkeys(world.long, 0.0)
    world.step()
    world.step()
    world.seconds = 200.0
    third = world.step()
    assert third is not None
    assert (third.sources, third.init_from) == (("steps",), "e02")
