"""What a failure leaves to be done: the work is taken up again, as the diagnosis asks, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from graph.bench.injected_failures import FAULTS, Fault, FaultPlan
from memory.records import Experiment, Plan
from roles import playbook
from tests.bench.search.run import ITEMS, SimulatedDojo, experiment
from tests.bench.search.surface import made_surface


@dataclass
class FailsWhere(FaultPlan):
    """Failures at the trainings that a rule names, by their number from 0."""

    rule: Callable[[int], Fault | None] = lambda number: None

    def next(self) -> Fault | None:
        self.asked += 1
        return self.rule(self.asked - 1)


def run(fails: Callable[[int], Fault | None], experiments: int, search: str = "greedy") -> list[Experiment]:
    """The first experiments of a simulated run with these failures; fewer where nothing is left to plan."""
    dojo: Any = SimulatedDojo(made_surface(0, ITEMS), 0, search, 300.0)
    faults = FailsWhere(0, rule=fails)
    while len(dojo.journal.done) < experiments:
        plan = playbook.plan(dojo, f"e{len(dojo.journal.done) + 1:02d}")
        if not isinstance(plan, Plan):
            break
        experiment(dojo, plan, faults)
    return list(dojo.journal.done)


def once(way: str, at: int) -> Callable[[int], Fault | None]:
    return lambda number: FAULTS[way] if number == at else None  # type: ignore[index]


@pytest.mark.parametrize("search", ["greedy", "tree"])
def test_a_look_whose_training_failed_is_made_again_before_the_next_source(search: str) -> None:
    first, again, other = run(once("killed", 0), 3, search)
    assert first.failure is not None
    assert again.plan.sources == first.plan.sources
    assert again.evaluation is not None
    assert other.plan.sources != first.plan.sources


def test_a_look_that_fails_twice_is_given_up() -> None:
    first, second, third = run(lambda number: FAULTS["killed"] if number < 2 else None, 3)
    assert first.plan.sources == second.plan.sources != third.plan.sources


def longs(done: list[Experiment]) -> list[Experiment]:
    return [each for each in done if not each.plan.steps]


def first_long() -> int:
    """How many trainings come before the first that compares no sources."""
    return [bool(each.plan.steps) for each in run(lambda number: None, 8)].index(False)


@pytest.mark.parametrize("way", ["killed", "nan_loss", "hang", "script_error"])
def test_a_long_training_that_failed_is_taken_up_again_as_its_diagnosis_asks(way: str) -> None:
    before = first_long()
    failed, again = longs(run(once(way, before), before + 2))
    assert failed.failure is not None
    assert failed.training_plan is not None
    assert again.training_plan is not None
    assert again.plan.move == "repair"
    assert (again.plan.sources, again.plan.init_from) == (failed.plan.sources, failed.plan.init_from)
    assert failed.id in again.plan.reason
    if way == "nan_loss":
        assert again.training_plan.learning_rate <= failed.training_plan.learning_rate / 2
    if way == "hang":
        assert again.training_plan.max_steps < failed.training_plan.max_steps
    assert again.outcome == "kept"


def test_running_out_of_memory_goes_on_within_the_experiment() -> None:
    before = first_long()
    (only,) = longs(run(once("out_of_memory", before), before + 1))
    assert only.failure is None


def test_where_the_process_dies_twice_the_other_method_takes_its_place_and_a_third_time_never_comes() -> None:
    before = first_long()
    found = longs(run(lambda number: FAULTS["killed"] if number >= before else None, before + 20))
    died = [
        (each.training_plan.method, frozenset(each.plan.sources), each.plan.init_from)
        for each in found
        if each.failure and each.failure.code == "crashed" and each.training_plan
    ]
    assert {method for method, *_ in died} == {"full", "lora"}
    assert max(died.count(each) for each in died) == 2
    assert len(found) < 20  # where everything dies, the run ends in order


def test_failures_are_no_reason_to_believe_that_nothing_helps() -> None:
    before = first_long()
    done = run(lambda number: FAULTS["script_error"] if number > before and number % 2 else None, before + 9)
    assert {each.outcome for each in longs(done)} >= {"kept", "failed"}
    assert longs(done)[-1].plan.move in ("improve", "repair")


def test_a_hang_does_not_shorten_what_comes_after_a_training_that_ended() -> None:
    before = first_long()
    hung, halved, whole = map(time_granted, longs(run(once("hang", before), before + 3)))
    assert halved < 0.8 * hung
    assert whole > halved


def time_granted(done: Experiment) -> float:
    """The time limit of a training, of what its plan asked for."""
    assert done.training_plan is not None
    return done.training_plan.timeout_seconds / done.plan.max_seconds
