"""Lessons of all tasks on kinds of data and learning rates: differences within a run, pooled over runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memory.experience.catalogue import entry_of
from memory.experience.trust import trust_in
from memory.experience.ways import Situation, Ways, likeness_of
from memory.lesson import Place, Tried
from memory.records import Lesson
from tests.support.run_records import lesson

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Place(metric="right", answer="number", kinds=("chain_of_thought", "direct"), hidden_size=128)
HERE = Situation("here", "custom", "mini", "ftdojo-mini", PLACE)
USUAL = 2 / 3


def tried(**changes: Any) -> Tried:
    fields: dict[str, Any] = {
        "kind": "direct",
        "start": "base",
        "footing": "",
        "method": "full",
        "rate_place": USUAL,
        "batch_size": 16,
        "chain_of_thought_share": 0.0,
        "rows_read": 1000.0,
        "removed": 20.0,
        "error": 4.0,
    }
    return Tried.model_validate(fields | changes)


def taught(run: str, number: int, task: str = "there", place: Place = PLACE, **changes: Any) -> Lesson:
    return lesson(
        f"{run}/e{number:02d}",
        task=task,
        domain="custom",
        features={"base_model": "ftdojo-mini", "edition": "mini"},
        settings={},
        place=place,
        tried=tried(**changes),
    )


def ways(*lessons: Lesson, here: Situation = HERE) -> Ways:
    entries = [entry_of(each) for each in lessons]
    return Ways(entries, here, NOW, trust_in(entries, NOW))


def looked(run: str, worked: float, direct: float, **more: Any) -> list[Lesson]:
    """A run's looks at both kinds, by what each removed of the error."""
    return [
        taught(run, 1, kind="chain_of_thought", removed=worked, **more),
        taught(run, 2, kind="direct", removed=direct, **more),
    ]


def runs(differences: list[float], **more: Any) -> list[Lesson]:
    return [
        each
        for number, difference in enumerate(differences)
        for each in looked(f"r{number}", 30.0 + 7 * number, 30.0 + 7 * number - difference, **more)
    ]


def test_the_kind_that_won_within_runs_is_preferred_however_hard_the_tasks():
    found = ways(*runs([10.0, 12.0, 9.0, 11.0])).preference("chain_of_thought")
    assert found is not None
    assert found.points == pytest.approx(10.5, abs=1.0)
    assert found.probability > 0.9
    other = ways(*runs([10.0, 12.0, 9.0, 11.0])).preference("direct")
    assert other is not None
    assert other.points == pytest.approx(-found.points)


def test_runs_that_tried_one_kind_say_nothing_about_the_other():
    assert ways(taught("r1", 1, kind="direct", removed=80.0)).preference("direct") is None


def test_kinds_are_compared_by_trainings_of_about_the_same_length():
    long = taught("r1", 1, kind="direct", removed=60.0, rows_read=9000.0)
    short = taught("r1", 2, kind="chain_of_thought", removed=20.0)
    assert ways(long, short).preference("direct") is None


def test_what_this_run_finds_is_set_against_what_others_found():
    others, own = runs([10.0, 12.0, 9.0]), looked("now", 5.0, 35.0, task="here")
    before, after = ways(*others), ways(*others, *own)
    first, second = before.preference("chain_of_thought"), after.preference("chain_of_thought")
    assert first is not None and second is not None
    assert first.points > 8.0
    assert second.points < 0.0
    assert ways(*own).preference("direct") is None, "alone it is no experience of other runs"


def test_a_third_of_lessons_turned_round_does_not_turn_the_preference():
    found = ways(*runs([10.0, 12.0, 9.0, 11.0, -10.0, -11.0])).preference("chain_of_thought")
    assert found is not None
    assert found.points > 2.0


def rates(run: str, gains: dict[float, float], task: str = "there", footing: str = "") -> list[Lesson]:
    return [
        taught(run, number, task, rate_place=place, removed=removed, footing=footing or run)
        for number, (place, removed) in enumerate(gains.items())
    ]


def test_a_rate_that_won_on_the_same_footing_is_favoured():
    found = ways(*(each for n in range(4) for each in rates(f"r{n}", {USUAL: 20.0, 0.3: 40.0}))).rate(
        "full", USUAL
    )
    assert found is not None
    assert found.place == pytest.approx(0.3, abs=0.1)
    assert found.gain.points > 5.0


@pytest.mark.parametrize(
    "gains",
    [{USUAL: 40.0, 0.3: 20.0}, {USUAL: 30.0, 0.3: 30.5}, {0.1: 10.0, 0.3: 40.0}, {USUAL: 10.0, 1.4: 40.0}],
    ids=["the usual won", "no difference", "never compared with the usual", "outside the range"],
)
def test_without_a_reason_the_usual_rate_stays(gains):
    assert ways(*(each for n in range(4) for each in rates(f"r{n}", gains))).rate("full", USUAL) is None


def test_trainings_on_another_footing_are_not_compared_by_rate():
    apart = [
        *(rates(f"r{n}", {USUAL: 10.0}, footing=f"{n}first")[0] for n in range(4)),
        *(rates(f"q{n}", {0.3: 60.0}, footing=f"{n}later")[0] for n in range(4)),
    ]
    assert ways(*apart).rate("full", USUAL) is None


def test_what_is_unlike_counts_for_less():
    near = entry_of(taught("r1", 1))
    far = entry_of(taught("r1", 1, place=Place(metric="overlap", answer="text", hidden_size=4096)))
    old = entry_of(lesson())
    assert 1.0 >= likeness_of(near, HERE) > likeness_of(far, HERE) > likeness_of(old, HERE) > 0.0
    other_model = Situation("here", "custom", "mini", "larger", PLACE.model_copy(update={"hidden_size": 512}))
    assert likeness_of(near, other_model) == pytest.approx(0.35)


def test_nothing_is_known_without_lessons():
    empty = ways()
    assert empty.preference("direct") is empty.expected("direct") is empty.rate("full", USUAL) is None
    assert ways(lesson()).rate("full", USUAL) is None, "a lesson of an earlier version"
