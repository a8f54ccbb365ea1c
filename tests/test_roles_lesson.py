"""What a lesson keeps of an experiment: enough that a later run can do it again, and judge it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memory.experience.catalogue import current, entry_of
from memory.recipe import Script
from memory.records import Experiment, Failure
from roles.lesson import lesson_of
from roles.llm.briefing.build import briefing
from tests.support.run_in_progress import StillDojo, make_dojo
from tools.checks.source_kinds import usable_kinds

CODE = "def transform(row):\n    return row | {'answer': row['answer'].strip()}\n"


@pytest.fixture(scope="module")
def dojo(tmp_path_factory: pytest.TempPathFactory) -> StillDojo:
    return make_dojo(tmp_path_factory.mktemp("run"), 8, code=CODE)


def experiment(dojo: StillDojo, id: str) -> Experiment:
    found = dojo.journal.experiment(id)
    assert found is not None
    return found


def test_a_lesson_keeps_what_won(dojo: StillDojo) -> None:
    lesson = lesson_of(dojo, experiment(dojo, "e06"))
    assert lesson is not None
    assert lesson.scripts == (Script(purpose="leave rows as they are ", code=CODE),)
    assert 'filter {"rule": "parseable"}' in lesson.operations
    assert not any(CODE in operation for operation in lesson.operations)
    assert lesson.cause == "data: the labels of forum look shifted "
    assert lesson.claim == "attempt 6 copies more words "
    comparison = experiment(dojo, "e06").comparison
    assert comparison is not None
    assert lesson.effect == (comparison.delta, comparison.low, comparison.high)
    for said in (
        "Changed duration: attempt 6 copies more words",
        "Script: leave rows as they are",
        "[+",
        "data,",
    ):
        assert said in lesson.text


def test_a_lesson_says_where_it_was_learned_and_what_was_tried_in_words_of_every_task(
    dojo: StillDojo,
) -> None:
    lesson = lesson_of(dojo, experiment(dojo, "e06"))
    assert lesson is not None and lesson.place is not None and lesson.tried is not None
    assert lesson.place.hidden_size == dojo.base_model.hidden_size
    assert lesson.place.kinds == usable_kinds(dojo.profiles())
    e06 = experiment(dojo, "e06")
    assert e06.training_plan is not None and e06.evaluation is not None
    before = dojo.validation_score(e06.training_plan.init_from).value
    removed = 100 * (e06.evaluation.paired_score.value - before) / (100 - before)
    assert lesson.tried.removed == pytest.approx(removed)
    assert lesson.tried.start == ("base" if e06.training_plan.init_from == "base" else "trained")
    told = lesson.place.model_dump_json() + lesson.tried.model_dump_json()
    assert not any(name in told for name in dojo.pool)


def test_trainings_from_other_weights_stand_on_another_footing(dojo: StillDojo) -> None:
    e08 = experiment(dojo, "e08")
    assert e08.training_plan is not None
    footings = set()
    for start in ("base", "e06", "e05"):
        training = e08.training_plan.model_copy(update={"init_from": start})
        lesson = lesson_of(dojo, e08.model_copy(update={"training_plan": training}))
        assert lesson is not None and lesson.tried is not None
        footings.add(lesson.tried.footing)
    assert len(footings) == 3


def test_a_failure_that_a_lesson_led_to_is_kept_as_its_counter_lesson(dojo: StillDojo) -> None:
    e06 = experiment(dojo, "e06")
    followed, alone = (
        e06.model_copy(
            update={
                "plan": e06.plan.model_copy(update={"lessons": cited}),
                "evaluation": None,
                "comparison": None,
                "failure": Failure(stage="train", code="diverged", message="the loss is NaN"),
            }
        )
        for cited in ((dojo.told[0].lesson.id,), ())
    )
    counter = lesson_of(dojo, followed)
    assert counter is not None
    assert counter.contradicts == (dojo.told[0].lesson.id,)
    assert (counter.gain, counter.outcome) == (0.0, "discarded")
    assert "failed at train (diverged)" in counter.text
    assert lesson_of(dojo, alone) is None


def test_whose_weights_a_training_went_on_from_is_told_as_what_they_were(dojo: StillDojo) -> None:
    e08 = experiment(dojo, "e08")
    assert e08.training_plan is not None
    told = {}
    for start in ("base", "e06", "e05"):
        training = e08.training_plan.model_copy(update={"init_from": start})
        lesson = lesson_of(dojo, e08.model_copy(update={"training_plan": training}))
        assert lesson is not None
        told[start] = lesson.text.partition(" from ")[2].partition(", learning rate")[0]
    assert told == {
        "base": "the base",
        "e06": "an earlier champion, which changed duration",
        "e05": "the weights of a discarded experiment, which changed hyperparameters",
    }


def test_two_lessons_that_differ_in_a_script_alone_both_stand(dojo: StillDojo) -> None:
    first = lesson_of(dojo, experiment(dojo, "e06"))
    assert first is not None
    other = first.model_copy(
        update={"id": "x", "created": "2099", "scripts": (Script(purpose="another", code=CODE + "#"),)}
    )
    again = first.model_copy(update={"id": "y", "created": "2099"})
    assert set(current(map(entry_of, (first, other)))) == {first.id, "x"}
    assert set(current(map(entry_of, (first, again)))) == {"y"}


def test_the_next_run_is_told_of_a_lessons_script(dojo: StillDojo, tmp_path: Path) -> None:
    lesson = lesson_of(dojo, experiment(dojo, "e06"))
    assert lesson is not None
    fresh = make_dojo(tmp_path, 0, current="plan")
    fresh.told = (replace(fresh.told[0], lesson=lesson),)
    page = briefing("data_curator", fresh, "e01")
    assert f"{lesson.id} (advice, copy" in page
    assert "its 1 scripts can be read and taken over by this id" in page
