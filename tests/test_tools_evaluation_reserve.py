"""Reserve: how long a child may take, by what the experiment under way and the run's end still need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.forgetting import GeneralAnswers
from memory.journal.log import Journal
from memory.records import Evaluation
from tests.support.run_records import evaluation, plan, run_info, training, write_experiment
from tools.evaluation.answering_time import MARGIN
from tools.evaluation.reserve import LEAST_READ_SHARE, Reserve
from tools.evaluation.workload import Workload

EVEN = 1e12
LEFT, GENERAL, TAIL = 5000.0, 37.0, 10.0


def measured(wall: float) -> Evaluation:
    return evaluation(0.0).model_copy(update={"wall_seconds": wall, "fixed_seconds": 0.0})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        journal.append("evaluation", measured(40.0), "base")
        general = GeneralAnswers(right=9, asked=28, prompts=56, candidate_seconds=GENERAL)
        journal.note(general.text(), general=general.model_dump(mode="json"))
        yield journal


def reserve_of(journal: Journal) -> Reserve:
    """300 search items, half as many to confirm on, twice as many in the test."""
    search, confirmation, test = (Workload((100,), items, EVEN) for items in (300, 150, 600))
    return Reserve(journal, search, confirmation, test, TAIL)


def test_a_training_leaves_time_to_measure_what_it_trained(journal: Journal) -> None:
    reserve = reserve_of(journal)
    before = reserve.job_seconds(LEFT)
    assert before == pytest.approx(LEFT - reserve.finishing_seconds() / MARGIN)
    journal.append("plan", plan("e01"), "e01")
    assert before - reserve.job_seconds(LEFT) == pytest.approx(40.0 + GENERAL)


def test_an_evaluation_leaves_time_for_what_may_be_forgotten(
    journal: Journal,
) -> None:
    write_experiment(journal, "e01", "kept", 30.0)
    journal.append("plan", plan("e02"), "e02")
    journal.append("training", training(), "e02")
    reserve = reserve_of(journal)
    whole = LEFT - reserve.finishing_seconds() / MARGIN
    assert reserve.job_seconds(LEFT) == pytest.approx(whole - GENERAL)
    journal.append("evaluation", measured(40.0), "e02")
    assert reserve.job_seconds(LEFT) == pytest.approx(LEFT - reserve.finishing_seconds() / MARGIN)


def test_on_a_machine_that_has_become_slow_more_is_left_for_it(journal: Journal) -> None:
    journal.append("plan", plan("e01"), "e01")
    quick = reserve_of(journal).measuring_seconds("e01")
    journal.append("training", training(), "e01")
    journal.append("evaluation", measured(400.0), "e01")
    journal.finish("e01", "discarded")
    journal.append("plan", plan("e02"), "e02")
    assert reserve_of(journal).measuring_seconds("e02") == pytest.approx(400.0 + 10 * GENERAL)
    assert quick == pytest.approx(40.0 + GENERAL)


def test_the_first_trained_model_may_take_from_the_reading_of_the_test(journal: Journal) -> None:
    journal.append("plan", plan("e01"), "e01")
    journal.append("training", training(), "e01")
    reserve = reserve_of(journal)
    last = TAIL + reserve.for_both(reserve.confirming) + LEAST_READ_SHARE * reserve.for_both(reserve.reading)
    assert reserve.job_seconds(LEFT) == pytest.approx(LEFT - last - GENERAL)
    assert last < reserve.finishing_seconds() / MARGIN
    journal.append("evaluation", measured(40.0), "e01")
    # What the budget of a run came to: nothing was left but for the end, and a gain of 15 points was lost.
    tight = reserve.finishing_seconds() / MARGIN
    assert reserve.job_seconds(tight) >= GENERAL


def test_without_general_answers_nothing_is_left_for_them(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        journal.append("evaluation", measured(40.0), "base")
        journal.append("plan", plan("e01"), "e01")
        assert reserve_of(journal).measuring_seconds("e01") == pytest.approx(40.0)
