"""Which source is looked at next, and which the looks choose: by validation, whatever the data look like."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from memory.records import Evaluation, Experiment
from roles.source_looks import Look, chosen, next_look
from tasks.base import Score
from tests.support.run_records import plan as made_plan
from tools.training.estimate import Speed

GROUPS = {"chain_of_thought": (), "direct": ("big", "small", "odd"), "unusable": ("junk",)}
MIXED = {"chain_of_thought": ("steps",), "direct": ("big", "small", "odd"), "unusable": ()}


def score(value: float, half: float = 6.0) -> Score:
    return Score(metric="m", value=value, low=max(value - half, 0.0), high=min(value + half, 100.0), n=150)


def look(
    number: int, source: str, value: float | None, init_from: str = "base", steps: int = 40
) -> Experiment:
    parent = None if init_from == "base" else init_from
    plan = made_plan(f"e{number:02d}", parent, sources=(source,), init_from=init_from, steps=steps)
    evaluation = (
        None if value is None else Evaluation(split="validation", score=score(value), predictions="p")
    )
    return Experiment.model_construct(
        id=plan.experiment, plan=plan, evaluation=evaluation, outcome="discarded"
    )


def dojo(left: float = 300.0, base: float = 0.0, most: int | None = None) -> SimpleNamespace:
    profile = SimpleNamespace(
        mean_prompt_tokens=30.0, mean_answer_tokens=10.0, rows=500, suggested_columns={"a": "b"}
    )
    return SimpleNamespace(
        validation_score=lambda id: score(base),
        remaining_budget_seconds=lambda: left,
        overhead_seconds=lambda: 3.0,
        training_speed=lambda plan: Speed(1.0, 5000.0, "measured"),
        base_model=SimpleNamespace(parameters=1_000_000),
        profiles=lambda: dict.fromkeys(("steps", "big", "small", "odd", "junk"), profile),
        template_tokens=10,
        max_experiments=most,
    )


def ask(history: list[Experiment], groups=GROUPS, **facts: Any) -> Look | None:
    return next_look(dojo(**facts), history, groups)  # type: ignore[arg-type]


def names(history: list[Experiment], groups=GROUPS, base: float = 0.0) -> list[str]:
    return [seen.source for seen in chosen(history, groups, score(base))]


def test_every_usable_source_is_looked_at_from_the_base_for_the_same_steps():
    history: list[Experiment] = []
    for number, source in enumerate(("big", "small", "odd"), 1):
        found = ask(history)
        assert found is not None
        assert (found.source, found.init_from, found.steps) == (source, "base", ask([]).steps)
        history.append(look(number, source, 50.0 if source == "small" else 10.0, steps=found.steps))
    assert ask(history) is None


def test_the_best_on_validation_is_chosen_though_another_is_larger():
    history = [look(1, "big", 25.0), look(2, "small", 90.0), look(3, "odd", 25.0)]
    assert names(history) == ["small"]


def test_sources_of_its_kind_that_do_about_as_well_are_chosen_with_the_best():
    history = [look(1, "big", 60.0), look(2, "small", 62.0), look(3, "odd", 20.0)]
    assert names(history) == ["small", "big"]
    assert ask(history) is None


def test_where_no_source_teaches_yet_the_better_half_is_looked_at_for_twice_as_long():
    history = [look(1, "big", 0.0), look(2, "small", 2.0), look(3, "odd", 1.0)]
    first = ask(history)
    assert first is not None
    assert (first.source, first.init_from, first.steps) == ("small", "e02", 80)
    history.append(look(4, "small", 30.0, "e02", 80))
    second = ask(history)
    assert second is not None
    assert (second.source, second.init_from) == ("odd", "e03")
    history.append(look(5, "odd", 3.0, "e03", 80))
    assert ask(history) is None
    assert names(history) == ["small"]


def test_two_kinds_that_do_as_well_are_looked_at_again():
    history = [look(1, "steps", 38.0), look(2, "big", 40.0), look(3, "small", 5.0), look(4, "odd", 0.0)]
    found = ask(history, MIXED)
    assert found is not None
    assert (found.source, found.round) == ("big", 1)
    history += [look(5, "big", 45.0, "e02", 80), look(6, "steps", 70.0, "e01", 80)]
    assert ask(history, MIXED) is None
    assert names(history, MIXED) == ["steps"]


def test_a_look_that_failed_is_out_of_the_race():
    history = [look(1, "big", None), look(2, "small", 40.0), look(3, "odd", 0.0)]
    assert names(history) == ["small"]
    assert names([look(1, "big", None), look(2, "small", None), look(3, "odd", None)]) == []


@pytest.mark.parametrize("left", [10.0, 40.0])
def test_no_look_is_begun_where_time_does_not_hold_one_at_each_source(left):
    assert ask([], left=left) is None


def test_a_longer_look_is_not_begun_without_time_for_it():
    history = [look(1, "big", 0.0), look(2, "small", 2.0), look(3, "odd", 1.0)]
    assert ask(history, left=20.0) is None
    assert names(history)[0] == "small"


def test_a_single_usable_source_needs_no_comparison():
    assert ask([], {"chain_of_thought": (), "direct": ("big",), "unusable": ()}) is None


def test_after_the_looks_nobody_looks_again():
    history = [
        look(1, "big", 0.0),
        look(2, "small", 2.0),
        look(3, "odd", 1.0),
        look(4, "small", 9.0, "e02", 0),
    ]
    assert ask(history) is None


def test_a_few_experiments_are_not_spent_on_looks():
    assert ask([], most=3) is None
    assert ask([], most=5) is not None


def test_sources_of_one_kind_are_worth_more_of_the_time_than_two_kinds_that_can_be_compared():
    assert ask([], left=75.0) is not None
    assert ask([], MIXED, left=75.0) is None
