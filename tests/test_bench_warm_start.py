"""The bench of warm starts: simulated runs are repeatable, and a wrong lesson says the contrary."""

from __future__ import annotations

import pytest

from memory.experience.catalogue import entry_of
from tests.bench.warm_start.simulated import ListedMemory, SimulatedRun
from tests.bench.warm_start.spoiled import opposite, spoiled
from tests.bench.warm_start.surfaces import Surface, draw
from tests.bench.warm_start.table import Pair, cold_run, pair_of, table
from tests.test_memory_experience_ways import rates
from tools.training.learning_rate import place_of_rate


@pytest.fixture(scope="module")
def cold() -> SimulatedRun:
    return cold_run(draw(3, 0), 0)


def test_a_run_over_a_surface_learns_and_stays_in_its_budget(cold: SimulatedRun) -> None:
    assert cold.final > cold.surface.base + 10.0
    assert cold.seconds <= cold.budget_seconds + 1.0
    assert [lesson.id for lesson in cold.memory.lessons] == [f"{cold.name}/{e.id}" for e in cold.history]
    again = cold_run(cold.surface, 0)
    assert again.track == cold.track


def test_its_own_lessons_start_the_next_run(cold: SimulatedRun) -> None:
    warm = SimulatedRun(cold.surface, "warm", ListedMemory(cold.memory.lessons), 1).run(most=1)
    assert warm.history[0].plan.lessons
    assert warm.history[0].plan.steps == 0


def test_sources_of_other_tasks_are_named_in_no_plan(cold: SimulatedRun) -> None:
    other: Surface = draw(5, 0)
    warm = SimulatedRun(other, "warm", ListedMemory(cold.memory.lessons), 0).run(most=4)
    assert all(set(e.plan.sources) <= set(other.quality) for e in warm.history)


def test_looks_share_the_rate_that_lessons_of_other_tasks_favour() -> None:
    favoured = [each for n in range(4) for each in rates(f"r{n}", {2 / 3: 20.0, 0.3: 40.0})]
    run = SimulatedRun(draw(4, 0), "warm", ListedMemory(favoured), 0).run(most=3)
    plans = [e.training_plan for e in run.history if e.training_plan and e.plan.steps]
    assert len(plans) == 3
    assert len({plan.learning_rate for plan in plans}) == 1
    assert plans[0].hyperparameters_from.startswith("lessons, ")
    assert place_of_rate(plans[0].learning_rate, "full", 128) == pytest.approx(0.3, abs=0.1)


def test_a_poisoned_rate_is_refused_where_everybody_can_read_it(cold: SimulatedRun) -> None:
    poisoned = [
        lesson.model_copy(update={"settings": lesson.settings | {"learning_rate": 50.0}, "gain": 99.0})
        for lesson in cold.memory.lessons
    ]
    run = SimulatedRun(cold.surface, "warm", ListedMemory(poisoned), 0).run(most=1)
    made = run.history[0].training_plan
    assert made is not None
    assert made.learning_rate < 0.01
    assert "refused: learning_rate: 50 is out of range" in made.hyperparameters_from


def test_a_spoiled_lesson_says_the_contrary(cold: SimulatedRun) -> None:
    kept = next(lesson for lesson in cold.memory.lessons if lesson.outcome == "kept")
    wrong = opposite(kept)
    assert entry_of(wrong).effect == -entry_of(kept).effect
    assert wrong.tried and kept.tried and wrong.tried.removed == -kept.tried.removed
    assert wrong.outcome == "discarded"
    changed = [a != b for a, b in zip(spoiled(cold.memory.lessons, 0.5, 0), cold.memory.lessons, strict=True)]
    assert sum(changed) == round(0.5 * len(changed))


def test_the_table_counts_and_tells_those_that_never_got_there(cold: SimulatedRun) -> None:
    same = pair_of(cold, cold)
    assert same.cold == same.warm
    assert same.gained == 0.0
    lost = Pair((4, 100.0), (9, 300.0), False, -5.0)
    row = list(table({"some": [lost, lost]}))[-1]
    assert "| 4.0 / 9.0 | 0.44x [0.44, 0.44] | 100.0 / 300.0 | 0.33x" in row
    assert "| 2 | -5.0 [-5.0, -5.0], median -5.0 |" in row
