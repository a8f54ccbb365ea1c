"""Trust in a lesson: confirmed and contradicted by later runs, and with age."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memory.experience.catalogue import entry_of
from memory.experience.trust import HALF_LIFE_DAYS, UNKNOWN_AGE_DAYS, Trust, age_days, decay, trust_in
from memory.records import Lesson
from tests.support.run_records import lesson

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SURE = {"effect": (12.0, 8.0, 16.0), "gain": 12.0}


def trust(*lessons: Lesson, of: str = "r1/e01") -> Trust:
    return trust_in(map(entry_of, lessons), NOW)[of]


def test_a_sure_lesson_alone_has_all_the_trust_and_an_unsure_one_less():
    assert trust(lesson(**SURE)).weight == pytest.approx(1.0, abs=1e-3)
    unsure = trust(lesson(effect=(0.5, -9.0, 10.0), gain=0.5)).weight
    assert 0.7 < unsure < 0.8


def test_a_lesson_that_refutes_another_by_name_takes_weight_off_it():
    first = lesson(**SURE)
    refuting = [lesson(f"r{n}/e01", contradicts=("r1/e01",), settings={}, gain=-3.0) for n in (2, 3, 4)]
    weights = [trust(first, *refuting[:count]).weight for count in range(4)]
    assert weights == sorted(weights, reverse=True)
    assert weights[3] < 0.55
    assert trust(first, *refuting).contradictions == 3


def test_confirmations_stand_against_contradictions():
    first = lesson(**SURE)
    against = [lesson(f"r{n}/e01", contradicts=("r1/e01",), settings={}) for n in (2, 3)]
    confirming = [lesson(f"r{n}/e01", confirms=("r1/e01",), settings={}) for n in (4, 5, 6, 7)]
    assert trust(first, *against, *confirming).weight > trust(first, *against).weight + 0.2
    found = trust(first, *against, *confirming)
    assert (found.confirmations, found.contradictions) == (4, 2)


def test_lessons_on_the_same_settings_vote_by_their_effect():
    other = lesson("r2/e01", effect=(-9.0, -13.0, -5.0), gain=-9.0)
    found = trust(lesson(**SURE), other)
    assert found.contradictions == 1
    assert found.weight < 0.8
    elsewhere = lesson("r2/e01", task="gsm8k", effect=(-9.0, -13.0, -5.0), gain=-9.0)
    assert trust(lesson(**SURE), elsewhere).contradictions == 0


def test_a_run_has_one_vote_and_none_on_its_own_lessons():
    first = lesson(**SURE)
    many = [lesson(f"r2/e{n:02d}", contradicts=("r1/e01",), settings={}) for n in range(20)]
    assert trust(first, *many).weight == trust(first, many[0]).weight
    own = lesson("r1/e09", contradicts=("r1/e01",), settings={})
    assert trust(first, own).contradictions == 0


def test_trust_in_an_old_lesson_fades_and_never_below_that_of_a_disputed_one():
    ages = ["2026-01-01", "2025-07-01", "2024-01-01", "1999-01-01"]
    weights = [trust(lesson(**SURE, created=created)).weight for created in ages]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.99
    assert weights[-1] == pytest.approx(0.75)


def test_an_old_vote_counts_for_less():
    first = lesson(**SURE)
    fresh = lesson("r2/e01", contradicts=("r1/e01",), settings={}, created="2026-01-01T00:00:00+00:00")
    old = fresh.model_copy(update={"created": "2024-01-01T00:00:00+00:00"})
    assert trust(first, old).weight > trust(first, fresh).weight + 0.1


def test_ages_of_any_text_are_read():
    assert age_days("2025-12-31T00:00:00+00:00", NOW) == 1.0
    assert age_days("2025-12-31T00:00:00", NOW) == 1.0
    assert age_days("9999-01-01", NOW) == 0.0
    assert age_days("long ago", NOW) == UNKNOWN_AGE_DAYS
    assert decay("2025-07-05T00:00:00+00:00", NOW) == pytest.approx(0.5)
    assert HALF_LIFE_DAYS == 180.0


def test_numbers_that_are_none_do_no_harm():
    odd = lesson("r2/e01", gain=float("nan"), effect=(float("inf"), float("-inf"), float("nan")))
    assert 0.0 < trust(lesson(**SURE), odd).weight <= 1.0
