"""Answering time: a stopped evaluation makes no later one look cheap, and a look is weighed in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memory.journal.log import BASE, Journal
from memory.records import Evaluation
from tests.support.run_records import evaluation, plan, run_info
from tests.test_memory_early_stop import stop
from tools.evaluation.answering_time import (
    CHAMPION,
    FINISH_SECONDS,
    LastAnswers,
    finishing_seconds,
    full_seconds,
    look_pays,
    overhead_seconds,
    slowness,
)
from tools.evaluation.workload import Workload

EVEN = 1e12
"""A span at which attention costs nothing: work is tokens."""


def last(times: float, longer: float = 1.0) -> LastAnswers:
    """So many times the 300 search items of these records, with prompts so many times as long."""
    search = Workload((100,), 300, EVEN)
    return LastAnswers(search, (Workload((round(100 * longer),), round(300 * times), EVEN),))


def measured(wall: float, fixed: float = 0.0, answered: int = 0) -> Evaluation:
    stopped = stop(answered=answered, items=100) if answered else None
    changes = {"wall_seconds": wall, "fixed_seconds": fixed, "stopped": stopped}
    return evaluation(50.0).model_copy(update=changes)


def rambling(wall: float) -> Evaluation:
    """Answers of 60 tokens each."""
    found = measured(wall)
    return found.model_copy(update={"generated_tokens": 60 * found.score.n})


@pytest.fixture
def base() -> Evaluation:
    return measured(40.0)


@pytest.fixture
def journal(tmp_path: Path, base: Evaluation) -> Iterator[Journal]:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        clocks = dict.fromkeys(("think", "data", "train", "evaluate", "elapsed"), 0.0)
        journal.clock_source = lambda: dict(clocks)
        journal.append("evaluation", base, "base")
        yield journal


def finish(journal: Journal, id: str, found: Evaluation) -> None:
    spent = (journal.clock_source or dict)()
    totals = spent | {"data": spent["data"] + 2.0, "evaluate": spent["evaluate"] + found.wall_seconds}
    journal.append("plan", plan(id), id)
    journal.append("evaluation", found, id)
    journal.clock_source = lambda: dict(totals)
    journal.finish(id, "discarded")


def test_the_items_that_were_spared_are_counted_and_the_fixed_part_is_not_multiplied() -> None:
    assert full_seconds(measured(40.0)) == 40.0
    assert full_seconds(measured(12.0, answered=25)) == 48.0
    assert full_seconds(measured(12.0, fixed=2.0, answered=25)) == 42.0


def test_what_comes_next_is_planned_with_all_items(journal: Journal) -> None:
    for number in range(1, 4):
        finish(journal, f"e{number:02d}", measured(12.0, fixed=2.0, answered=25))
    assert overhead_seconds(journal) == pytest.approx(1.1 * (2.0 + 42.0) + 1.0)
    base, champion = 40.0 / 2, 2.0 + 40.0 / 2
    assert finishing_seconds(journal, last(0.5)) == pytest.approx(1.2 * (base + champion) + FINISH_SECONDS)


@pytest.mark.parametrize("base", [rambling(40.0)])
def test_a_base_that_never_ends_its_answers_says_little_of_a_model_that_was_taught_to(
    journal: Journal,
) -> None:
    taught = replace(last(1.0), taught_tokens=2.0)
    assert taught.seconds(journal, BASE) == pytest.approx(40.0)
    assert taught.seconds(journal, CHAMPION) == pytest.approx(40.0 * (100 + 3.0) / (100 + 60))
    assert replace(last(1.0), taught_tokens=1e6).seconds(journal, CHAMPION) == pytest.approx(40.0)
    finish(journal, "e01", rambling(60.0))
    assert taught.seconds(journal, CHAMPION) == pytest.approx(60.0)


def test_the_end_is_reserved_at_the_slower_pace_of_the_two_latest_answers(journal: Journal) -> None:
    finish(journal, "e01", measured(11.0, fixed=1.0))
    assert finishing_seconds(journal, last(4.0)) == pytest.approx(1.2 * (160.0 + 161.0) + FINISH_SECONDS)
    finish(journal, "e02", measured(9.0, fixed=1.0))
    assert finishing_seconds(journal, last(4.0)) == pytest.approx(1.2 * (40.0 + 41.0) + FINISH_SECONDS)
    finish(journal, "e03", measured(81.0, fixed=1.0))  # others have begun to use the machine
    assert finishing_seconds(journal, last(4.0)) == pytest.approx(1.2 * (320.0 + 321.0) + FINISH_SECONDS)


def test_a_champion_may_write_as_much_as_the_most_talkative_model_so_far(journal: Journal) -> None:
    talkative = measured(80.0).model_copy(update={"generated_tokens": 300 * 100})
    finish(journal, "e01", talkative)
    expected = 1.2 * (40.0 + 80.0) + FINISH_SECONDS
    assert finishing_seconds(journal, last(1.0)) == pytest.approx(expected)


def test_prompts_that_are_ten_times_as_long_have_ten_times_the_reserve(journal: Journal) -> None:
    usual, longer = (finishing_seconds(journal, last(1.0, factor)) - FINISH_SECONDS for factor in (1, 10))
    assert longer == pytest.approx(10 * usual)


def test_before_anything_is_trained_a_champion_is_taken_to_be_as_slow_as_the_base(journal: Journal) -> None:
    assert finishing_seconds(journal, last(1.0)) == pytest.approx(1.2 * 80.0 + FINISH_SECONDS)


def test_a_look_pays_by_the_share_that_answering_takes_of_the_measured_time(journal: Journal) -> None:
    """The base took 40 s: three quarters of it for one experiment in four are 7.5 s, 5% of 150 s."""
    assert look_pays(journal, {"train": 109.0}, 0.25)
    assert not look_pays(journal, {"train": 111.0}, 0.25)
    assert not look_pays(journal, {"train": 60.0, "think": 30.0, "data": 21.0}, 0.25)
    assert look_pays(journal, {"train": 60.0, "other": 500.0}, 0.25)  # time that is nobody's counts nowhere


def test_only_the_time_of_the_experiment_under_way_counts(journal: Journal) -> None:
    finish(journal, "e01", measured(40.0))
    totals = (journal.clock_source or dict)()
    assert look_pays(journal, totals | {"train": totals["train"] + 100.0}, 0.25)
    assert not look_pays(journal, totals | {"train": totals["train"] + 120.0}, 0.25)


def test_no_look_where_a_second_call_costs_as_much_as_it_may_save(journal: Journal) -> None:
    finish(journal, "e01", measured(40.0, fixed=20.0))
    totals = (journal.clock_source or dict)()
    assert not look_pays(journal, totals, 0.25)
    finish(journal, "e02", measured(40.0, fixed=2.0))
    totals = (journal.clock_source or dict)()
    assert look_pays(journal, totals, 0.25)


def test_before_the_base_is_measured_nothing_pays(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as empty:
        assert not look_pays(empty, {}, 0.25)
        assert finishing_seconds(empty, last(0.5)) == FINISH_SECONDS


def test_a_machine_that_others_use_is_known_by_its_quickest_answers(journal: Journal) -> None:
    search = last(1.0).search
    assert slowness(journal, search) == 1.0
    finish(journal, "e01", measured(40.0))
    finish(journal, "e02", measured(160.0))
    assert slowness(journal, search) == pytest.approx(4.0)
    finish(journal, "e03", measured(40.0))
    finish(journal, "e04", measured(40.0))
    assert slowness(journal, search) == pytest.approx(1.0)


def test_code_in_the_answers_of_a_trained_model_takes_its_time_again_at_the_end(journal: Journal) -> None:
    silent = measured(40.0)
    coded = silent.model_copy(update={"wall_seconds": 70.0, "judging_seconds": 30.0})
    finish(journal, "e01", silent)
    before = last(2.0).seconds(journal, "champion")
    finish(journal, "e02", coded)
    assert last(2.0).seconds(journal, "champion") == pytest.approx(before + 60.0)
    assert slowness(journal, last(2.0).search) == pytest.approx(1.0)  # the machine is no slower for it
