"""No second is counted twice, and none is lost to a resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.budget.clocks import Budget, Ledger
from memory.journal.log import Journal
from tests.support.run_records import evaluation, plan, run_info


class Time:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_every_second_goes_to_one_clock() -> None:
    time = Time()
    ledger = Ledger(Budget(100.0), now=time)
    time.seconds += 1
    with ledger.measure("train"):
        time.seconds += 10
        with ledger.measure("evaluate"):
            time.seconds += 3
            assert ledger.spent()["evaluate"] == 3
        time.seconds += 5
        assert ledger.spent()["train"] == 15
    time.seconds += 2
    assert ledger.spent() == {"think": 0, "data": 0, "train": 15, "evaluate": 3, "other": 3}
    assert ledger.elapsed_seconds == 21
    assert ledger.remaining_seconds == 79


def test_a_block_that_raises_is_counted() -> None:
    time = Time()
    ledger = Ledger(Budget(100.0), now=time)

    def fail() -> None:
        with ledger.measure("data"):
            time.seconds += 4
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    time.seconds += 1
    assert ledger.spent()["data"] == 4
    assert ledger.spent()["other"] == 1


def test_the_budget_never_goes_below_zero() -> None:
    time = Time()
    ledger = Ledger(Budget(5.0), now=time)
    time.seconds += 9
    assert ledger.remaining_seconds == 0


def test_a_resumed_run_goes_on_from_what_was_spent_and_skips_the_time_it_was_dead(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    time = Time()
    with Journal.create(path, run_info(budget_seconds=100.0)) as journal:
        ledger = Ledger.attach(journal, now=time)
        with ledger.measure("train"):
            time.seconds += 30
            journal.heartbeat()
            time.seconds += 2  # lost: nothing was written after it
    later = Time()
    later.seconds = 5_000_000.0
    with Journal.open(path) as journal:
        ledger = Ledger.attach(journal, now=later)
        assert ledger.elapsed_seconds == 30
        assert ledger.remaining_seconds == 70
        with ledger.measure("evaluate"):
            later.seconds += 7
        assert ledger.spent() == {"think": 0, "data": 0, "train": 30, "evaluate": 7, "other": 0}


def test_whoever_reads_the_clocks_from_another_thread_counts_no_second_twice() -> None:
    """The heartbeat may look between any two steps of ``measure``: here at each look at the time."""
    seen: list[float] = []
    looked_at: list[Ledger] = []

    def now() -> float:
        if looked_at:
            ledger = looked_at.pop()
            seen.append(ledger.snapshot()["elapsed"])
            looked_at.append(ledger)
        return time.seconds

    time = Time()
    ledger = Ledger(Budget(100.0), now=now)
    looked_at.append(ledger)
    with ledger.measure("train"):
        time.seconds += 30
        with ledger.measure("evaluate"):
            time.seconds += 10
    assert max(seen) <= 40.0 and ledger.snapshot()["elapsed"] == 40.0


def test_an_experiment_is_charged_for_its_own_time(tmp_path: Path) -> None:
    time = Time()
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        ledger = Ledger.attach(journal, now=time)
        with ledger.measure("evaluate"):
            time.seconds += 6
        journal.append("evaluation", evaluation(20.0), "base")
        with ledger.measure("evaluate"):
            time.seconds += 5
        journal.note("the base answers 3 of 28 general questions right", general={"measurable": False})
        for id, train_seconds in (("e01", 20), ("e02", 8)):
            with ledger.measure("think"):
                time.seconds += 1
            journal.append("plan", plan(id), id)
            with ledger.measure("train"):
                time.seconds += train_seconds
            journal.finish(id, "kept")
        first, second = journal.experiments()
    assert first.clocks == {"think": 1, "data": 0, "train": 20, "evaluate": 0}
    assert second.clocks == {"think": 1, "data": 0, "train": 8, "evaluate": 0}
