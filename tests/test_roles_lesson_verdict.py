"""What an experiment says about the lessons that its plan followed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from memory.records import Experiment, Failure
from roles.lesson_verdict import LessonVerdict, verdict_on_lessons
from tests.support.run_records import comparison, lesson, plan

PROMISED = {"gain": 40.0, "effect": (40.0, 35.0, 45.0), "outcome": "kept"}


def verdict(held: Any, **parts: Any) -> LessonVerdict:
    followed = plan("e01").model_copy(update={"lessons": (held.id,)})
    done = Experiment.model_construct(
        id="e01", plan=followed, **({"comparison": None, "failure": None} | parts)
    )
    dojo: Any = SimpleNamespace(
        spec=SimpleNamespace(id="aime25"), lessons=lambda ids: (held,) if held.id in ids else ()
    )
    return verdict_on_lessons(dojo, done)


@pytest.mark.parametrize(
    ("delta", "confirms", "contradicts"),
    [(38.0, True, False), (3.0, False, False), (-9.0, False, True), (12.0, False, True)],
    ids=["as promised", "chance", "harm", "far less than promised"],
)
def test_an_outcome_bears_a_lesson_out_or_refutes_it(delta, confirms, contradicts):
    promised = PROMISED if delta != 3.0 else {"gain": 8.0, "effect": (8.0, 1.0, 15.0), "outcome": "kept"}
    found = verdict(lesson(**promised), comparison=comparison("e01", "base", delta))
    assert (bool(found.confirms), bool(found.contradicts)) == (confirms, contradicts)


def test_a_promise_counts_on_its_own_task_and_from_the_base_alone():
    elsewhere = verdict(lesson(task="gsm8k", **PROMISED), comparison=comparison("e01", "base", 12.0))
    later = verdict(lesson(**PROMISED), comparison=comparison("e01", "e00", 12.0))
    assert elsewhere.contradicts == later.contradicts == ()


@pytest.mark.parametrize(("stage", "blamed"), [("train", True), ("probe", True), ("data", False)])
def test_a_training_that_failed_on_a_lessons_settings_refutes_it(stage, blamed):
    found = verdict(lesson(), failure=Failure(stage=stage, code="diverged", message="loss is NaN"))
    assert bool(found.contradicts) == blamed
    assert not found.confirms


def test_without_a_lesson_or_an_outcome_nothing_is_said():
    assert verdict(lesson()) == LessonVerdict()
    done = Experiment.model_construct(id="e01", plan=plan("e01"), comparison=comparison("e01", "base", 9.0))
    dojo: Any = SimpleNamespace(lessons=lambda ids: ())
    assert verdict_on_lessons(dojo, done) == LessonVerdict()
