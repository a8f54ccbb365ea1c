"""What lessons change in a run's plans, and that they give way when the run contradicts them."""

from __future__ import annotations

from typing import Any

import pytest

from memory.experience.lessons import Recalled
from memory.experience.trust import Trust
from memory.records import Lesson
from roles.lesson_verdict import misled
from tests.support.run_records import lesson
from tests.support.source_world import SourceWorld
from tests.test_memory_experience_ways import looked, runs


def own(id: str = "before/e02", **changes: Any) -> Lesson:
    fields: dict[str, Any] = {
        "task": "task",
        "domain": "custom",
        "features": {"data": "d"},
        "settings": {"kind": "direct", "sources": "clean", "start": "base"},
        "gain": 39.0,
        "effect": (39.0, 33.0, 45.0),
        "outcome": "kept",
    }
    return lesson(id, **(fields | changes))


def recalled(held: Lesson, trust: Trust | None = None) -> Recalled:
    return Recalled(held, 0.9, 0.9, "advice", trust or Trust())


def both_kinds(**more: Any) -> SourceWorld:
    looks = {"steps": 20.0, "bare_a": 30.0, "bare_b": 28.0}
    long = {"steps": 30.0, "bare_a": 60.0, "bare_b": 50.0}
    return SourceWorld(**({"looks": looks, "long": long, "worked": ("steps",)} | more))


def looks_of(world: SourceWorld) -> list[tuple[str, ...]]:
    return [e.plan.sources for e in world.history if e.plan.steps]


def test_what_is_surer_goes_before_what_is_larger():
    sure = own("a/e01", gain=30.0, effect=(30.0, 27.0, 33.0))
    lucky = own("b/e01", gain=40.0, effect=(40.0, 2.0, 78.0), settings={"kind": "all", "start": "base"})
    doubted = recalled(own("c/e01", gain=60.0, effect=(60.0, 57.0, 63.0)), Trust(0.4, 0, 3))
    world = SourceWorld(
        looks={"clean": 3.0}, long={"clean": 39.0}, advice=(recalled(lucky), doubted, recalled(sure))
    )
    first = world.step()
    assert first is not None
    assert first.lessons == ("a/e01",)
    assert "confirmed by 0 later runs, contradicted by 0" in first.reason


def test_the_mixture_of_a_lesson_is_taken_over_on_the_same_data_alone():
    mixed = own(
        settings={"kind": "direct", "sources": "clean\nswapped", "start": "base"},
        weights={"clean": 3.0, "swapped": 1.0},
    )
    world = SourceWorld(looks={"swapped": 3.0, "clean": 39.0}, long={"swapped": 4.0, "clean": 80.0})
    world.advice = (recalled(mixed),)
    first = world.step()
    assert first is not None
    assert first.shares == {"clean": 0.75, "swapped": 0.25}
    other = own(settings={"kind": "direct", "start": "base"}, weights={"x": 1.0}, features={"data": "other"})
    world = SourceWorld(looks={"swapped": 3.0, "clean": 39.0}, long={"swapped": 4.0, "clean": 80.0})
    world.advice = (recalled(other),)
    first = world.step()
    assert first is not None
    assert first.weights == {}


@pytest.mark.parametrize("gain", [1e9, float("inf"), float("nan")])
def test_a_lesson_promises_no_more_than_there_is_to_gain(gain):
    world = SourceWorld(looks={"clean": 39.0}, long={"clean": 80.0}, advice=(recalled(own(gain=gain)),))
    first = world.step()
    assert first is not None
    assert 0.0 <= first.expected_gain <= 100.0


@pytest.mark.parametrize(
    "settings",
    [{"kind": "rm -rf"}, {"kind": "chain_of_thought"}, {}, {"kind": "direct", "sources": "elsewhere"}],
)
def test_a_lesson_names_no_source_that_is_not_there(settings):
    world = SourceWorld(
        looks={"swapped": 3.0, "clean": 39.0},
        long={"swapped": 4.0, "clean": 80.0},
        advice=(recalled(own(settings=settings)),),
    )
    assert all(set(plan.sources) <= {"swapped", "clean"} for plan in world.run())


def test_a_first_plan_that_a_lesson_misled_is_followed_by_the_looks_it_was_to_save():
    world = SourceWorld(
        looks={"swapped": 3.0, "clean": 39.0},
        long={"swapped": 4.0, "clean": 80.0},
        advice=(recalled(own(settings={"kind": "direct", "sources": "swapped", "start": "base"})),),
    )
    world.step()
    assert world.history[0].plan.lessons == ("before/e02",)
    assert misled(world.dojo(), world.history[0])
    world.run()
    assert set(looks_of(world)) == {("swapped",), ("clean",)}


def test_after_a_lesson_that_held_nothing_is_looked_at_again():
    world = SourceWorld(
        looks={"swapped": 3.0, "clean": 39.0},
        long={"swapped": 4.0, "clean": 44.0},
        advice=(recalled(own()),),
    )
    world.step()
    assert not misled(world.dojo(), world.history[0])
    second = world.step()
    assert second is not None
    assert (second.steps, second.init_from) == (0, "e01")


def test_the_kind_that_lessons_of_other_tasks_favour_is_looked_at_and_the_other_is_not():
    cold, warm = both_kinds(), both_kinds(elsewhere=tuple(runs([-12.0, -10.0, -11.0, -9.0])))
    cold.run()
    warm.run()
    assert ("steps",) in looks_of(cold)[:3]
    assert looks_of(warm)[:2] == [("bare_a",), ("bare_b",)]
    assert "direct first, as lessons say" in warm.history[0].plan.reason
    assert [e.plan.steps for e in warm.history].index(0) < [e.plan.steps for e in cold.history].index(0)


def test_a_single_source_of_the_favoured_kind_is_trained_on_at_once():
    world = both_kinds(elsewhere=tuple(runs([12.0, 10.0, 11.0, 9.0])))
    first = world.step()
    assert first is not None
    assert (first.sources, first.steps, first.change) == (("steps",), 0, "first")
    assert "4 runs of" in first.reason


def test_a_preference_that_the_run_contradicts_is_given_up():
    elsewhere = tuple(runs([-30.0, -28.0, -31.0, -29.0]))
    poor = {"steps": 40.0, "bare_a": 0.0, "bare_b": 1.0}
    world = both_kinds(elsewhere=elsewhere, looks=poor, long=poor, seconds=600.0)
    world.run()
    assert looks_of(world)[:2] == [("bare_a",), ("bare_b",)]
    assert ("steps",) in looks_of(world)


def test_lessons_that_disagree_change_nothing():
    cold, warm = both_kinds(), both_kinds(elsewhere=tuple(runs([12.0, -10.0, 11.0, -9.0])))
    assert [plan.sources for plan in cold.run()] == [plan.sources for plan in warm.run()]


def test_lessons_of_the_run_itself_are_no_lessons_of_others():
    cold, warm = both_kinds(), both_kinds(elsewhere=tuple(looked("run", 5.0, 30.0, task="task")))
    assert [plan.sources for plan in cold.run()] == [plan.sources for plan in warm.run()]
