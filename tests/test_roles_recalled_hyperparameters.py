"""Hyperparameters from lessons: held against this run's limits, whoever wrote the lesson."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from roles.recalled_hyperparameters import cited, from_other_tasks
from tests.support.run_records import lesson
from tests.test_memory_experience_ways import USUAL, rates, ways
from tools.training.learning_rate import place_of_rate, rate_at

GOOD = {"method": "full", "learning_rate": 0.002, "per_device_train_batch_size": 32.0}


def dojo(*lessons: Any, width: int = 128) -> Any:
    return SimpleNamespace(
        spec=SimpleNamespace(id="aime25"),
        base_model=SimpleNamespace(hidden_size=width),
        profiles=dict,
        template_tokens=0,
        ways=lambda kinds: ways(*lessons),
    )


def favouring(place: float) -> list[Any]:
    return [each for n in range(4) for each in rates(f"r{n}", {USUAL: 20.0, place: 40.0})]


def test_a_cited_lessons_values_are_taken_over():
    found, refused = cited(dojo(), (lesson(settings=GOOD),), "full")
    assert found is not None
    assert (found.learning_rate, found.batch_size, found.origin) == (0.002, 32, "lesson r1/e01")
    assert refused == ""
    assert cited(dojo(), (lesson(settings=GOOD),), "lora") == (None, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 50.0}, "out of range"),
        ({"learning_rate": float("nan")}, "out of range"),
        ({"learning_rate": -0.001}, "out of range"),
        ({"learning_rate": "fast"}, "no number"),
        ({"per_device_train_batch_size": 1e9}, "whole number"),
        ({"per_device_train_batch_size": float("nan")}, "whole number"),
        ({"per_device_train_batch_size": "all"}, "no number"),
    ],
)
def test_a_value_that_fits_no_training_is_refused_with_the_reason(changes, said):
    found, refused = cited(dojo(), (lesson(settings=GOOD | changes),), "full")
    assert found is None
    assert refused.startswith("lesson r1/e01 refused: ")
    assert said in refused
    second, _ = cited(dojo(), (lesson(settings=GOOD | changes), lesson("r2/e01", settings=GOOD)), "full")
    assert second is not None and second.origin == "lesson r2/e01"


def test_the_rate_of_other_tasks_comes_at_its_place_in_this_models_range():
    narrow, wide = (from_other_tasks(dojo(*favouring(0.3), width=width), "full") for width in (128, 1024))
    assert narrow is not None and wide is not None
    assert wide.learning_rate < narrow.learning_rate / 5
    places = [place_of_rate(found.learning_rate, "full", w) for found, w in ((narrow, 128), (wide, 1024))]
    assert places[0] == pytest.approx(places[1])
    assert "4 runs of 1 task" in narrow.origin
    assert from_other_tasks(dojo(), "full") is None


def test_all_lessons_of_other_tasks_together_go_before_a_single_one():
    elsewhere = lesson(task="gsm8k", settings=GOOD)
    pooled, _ = cited(dojo(*favouring(0.3)), (elsewhere,), "full")
    alone, _ = cited(dojo(), (elsewhere,), "full")
    assert pooled is not None and pooled.origin.startswith("lessons, ")
    assert alone is not None and alone.origin == "lesson r1/e01"


def test_a_place_and_its_rate_are_two_ways_to_say_the_same():
    for width in (128, 576, 4096):
        for place in (0.0, 0.4, 1.0):
            assert place_of_rate(rate_at(place, "lora", width), "lora", width) == pytest.approx(place)
