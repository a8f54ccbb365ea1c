"""The executor: real children on two seats, one queue, and calls that were begun ahead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ExperimentFailed, Interrupted
from tests.support import worker_jobs
from tools.process.executor import Executor, Handle, Status
from tools.process.job import Job
from tools.process.placed import Call, Link, PlacedWorker
from tools.process.worker import Worker

JOBS = "tests.support.worker_jobs"
LONG = 120.0
"""Seconds after which a test has failed anyway."""


@pytest.fixture(scope="module")
def seats() -> Iterator[list[Worker]]:
    made = [Worker(threads=1, preload=()) for _ in range(2)]
    yield made
    for seat in made:
        seat.close()


class Kept:
    """A seat whose worker outlives the executor of one test."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.warm, self.do, self.interrupt = worker.warm, worker.do, worker.interrupt

    def close(self) -> None:
        """The next test needs it."""


@pytest.fixture
def executor(seats: list[Worker]) -> Iterator[Executor]:
    made = Executor([Kept(seat) for seat in seats])
    yield made
    made.close()


@pytest.fixture
def placed(executor: Executor) -> PlacedWorker:
    return PlacedWorker(executor, threads=1)


def job(tmp_path: Path, name: str, /, **payload: Any) -> Job:
    return Job(f"{JOBS}:{name}", payload, tmp_path / f"{name}.log", "train", LONG)


def link(tmp_path: Path, name: str, /, **payload: Any) -> Link:
    return Link(Call(f"{JOBS}:{name}", payload), LONG, tmp_path / f"{name}.log", "train")


def ended(executor: Executor, handle: Handle) -> Status:
    status = executor.poll(handle, LONG)
    assert status.ended
    return status


def meeting(tmp_path: Path, name: str, *others: str) -> dict[str, Any]:
    return {"place": str(tmp_path), "name": name, "others": list(others), "seconds": LONG}


@pytest.mark.parametrize("resident", [False, True])
def test_two_seats_work_at_the_same_time(executor: Executor, tmp_path: Path, resident: bool) -> None:
    one = executor.submit(job(tmp_path, "meet", **meeting(tmp_path, "a", "b")), resident=resident)
    two = executor.submit(job(tmp_path, "meet", **meeting(tmp_path, "b", "a")), resident=resident)
    found = [ended(executor, each) for each in (one, two)]
    assert [each.state for each in found] == ["done", "done"]
    assert {each.seat for each in found} == {0, 1}
    assert all(each.result and each.usage and each.usage.wall_seconds > 0 for each in found)


def test_the_queue_takes_urgent_jobs_first(executor: Executor, tmp_path: Path) -> None:
    busy = [executor.submit(job(tmp_path, "meet", **meeting(tmp_path, n, "gate"))) for n in ("a", "b")]
    # Whoever is taken before the gate waits for it in vain: no seat would be left to open it.
    late = executor.submit(job(tmp_path, "meet", **meeting(tmp_path, "late", "gate")))
    gate = executor.submit(job(tmp_path, "meet", **meeting(tmp_path, "gate")), urgent=True)
    assert {executor.poll(each).state for each in (late, gate)} == {"waiting"}
    executor.cancel(busy[0])
    assert ended(executor, gate).state == "done"
    assert ended(executor, late).state == "done"
    assert [ended(executor, each).state for each in busy] == ["cancelled", "done"]


@pytest.mark.parametrize("resident", [False, True])
def test_a_cancelled_job_ends_and_its_seat_works_on(
    executor: Executor, tmp_path: Path, resident: bool
) -> None:
    running = executor.submit(job(tmp_path, "meet", **meeting(tmp_path, "a", "never")), resident=resident)
    gate = executor.submit(job(tmp_path, "meet", **meeting(tmp_path, "b", "a")), resident=resident)
    assert ended(executor, gate).state == "done"  # the other one has begun
    executor.cancel(running)
    assert ended(executor, running).state == "cancelled"
    both = [executor.submit(job(tmp_path, "double", number=n), resident=resident) for n in (1, 2)]
    assert [ended(executor, each).state for each in both] == ["done", "done"]


def test_what_a_job_prints_can_be_read_and_its_failure_is_kept(executor: Executor, tmp_path: Path) -> None:
    handle = executor.submit(job(tmp_path, "double", number=1))
    assert executor.logs(executor.submit(job(tmp_path / "none", "diverge"))) == ""
    ended(executor, handle)
    assert executor.logs(handle) == "working\n"
    failed = ended(executor, executor.submit(job(tmp_path, "diverge"))).error
    assert isinstance(failed, ExperimentFailed) and failed.code == "diverged"


def test_a_call_that_was_begun_ahead_is_not_made_again(placed: PlacedWorker, tmp_path: Path) -> None:
    chain = placed.begin([link(tmp_path, "double", number=1), link(tmp_path, "double", number=2)])
    assert chain.ended.wait(LONG)
    assert placed.under_way(f"{JOBS}:double", {"number": 2})
    mine = placed.run(worker_jobs.double, {"number": 2}, LONG, tmp_path / "again.log")
    assert mine["doubled"] == 4
    assert not (tmp_path / "again.log").exists()
    assert not placed.under_way(f"{JOBS}:double", {"number": 2})
    once_more = placed.run(worker_jobs.double, {"number": 2}, LONG, tmp_path / "again.log")
    assert once_more["doubled"] == 4 and (tmp_path / "again.log").exists()


def test_a_call_is_waited_for_where_it_is_on_its_way(placed: PlacedWorker, tmp_path: Path) -> None:
    placed.begin([link(tmp_path, "meet", **meeting(tmp_path, "a", "b"))])
    placed.run(worker_jobs.meet, meeting(tmp_path, "b"), LONG, tmp_path / "b.log")
    found = placed.run(worker_jobs.meet, meeting(tmp_path, "a", "b"), LONG, tmp_path / "other.log")
    assert found["name"] == "a" and not (tmp_path / "other.log").exists()


def test_a_dropped_chain_ends_and_its_calls_are_made_anew(placed: PlacedWorker, tmp_path: Path) -> None:
    never = meeting(tmp_path, "a", "never")
    chain = placed.begin([link(tmp_path, "meet", **never), link(tmp_path, "double", number=1)])
    placed.run(worker_jobs.meet, meeting(tmp_path, "b", "a"), LONG, tmp_path / "b.log")
    placed.drop(chain)
    assert chain.ended.wait(LONG)
    assert not placed.under_way(f"{JOBS}:meet", never)
    assert placed.run(worker_jobs.double, {"number": 1}, LONG, tmp_path / "log")["doubled"] == 2


@pytest.mark.parametrize("server", [False, True])
def test_a_call_that_was_lost_ahead_is_made_once_more_and_told(
    placed: PlacedWorker, tmp_path: Path, server: bool
) -> None:
    told: list[str] = []
    placed.repeated = lambda job, why: told.append(why)
    given = {"mark": str(tmp_path / "mark"), "server": server}
    placed.begin([link(tmp_path, "once", **given)])
    assert placed.run(worker_jobs.once, given, LONG, tmp_path / "log") == {"done": True}
    assert len(told) == 1
    assert json.loads((tmp_path / "mark").read_text())  # it was killed at work


def test_a_lost_seat_is_made_up_for_and_a_job_that_kills_itself_is_not(
    placed: PlacedWorker, tmp_path: Path
) -> None:
    told: list[str] = []
    placed.repeated = lambda job, why: told.append(why)
    lost = {"mark": str(tmp_path / "lost"), "server": True}
    assert placed.run(worker_jobs.once, lost, LONG, tmp_path / "log") == {"done": True}
    assert len(told) == 1 and "lost with its server" in told[0]
    with pytest.raises(ExperimentFailed):
        placed.run(worker_jobs.once, {"mark": str(tmp_path / "own")}, LONG, tmp_path / "log")
    assert len(told) == 1


def test_its_own_failure_is_not_tried_again(placed: PlacedWorker, tmp_path: Path) -> None:
    told: list[str] = []
    placed.repeated = lambda job, why: told.append(why)
    chain = placed.begin([link(tmp_path, "diverge"), link(tmp_path, "double", number=1)])
    assert chain.ended.wait(LONG)
    with pytest.raises(ExperimentFailed, match="diverged"):
        placed.run(worker_jobs.diverge, {}, LONG, tmp_path / "log")
    assert not told
    assert not placed.under_way(f"{JOBS}:double", {"number": 1})


def test_an_interrupt_ends_all_seats_and_whoever_waits(tmp_path: Path) -> None:
    placed = PlacedWorker(Executor([Worker(threads=1, preload=()) for _ in range(2)]), threads=1)
    placed.begin([link(tmp_path, "meet", **meeting(tmp_path, "a", "never"))])
    placed.run(worker_jobs.meet, meeting(tmp_path, "b", "a"), LONG, tmp_path / "b.log")
    placed.interrupt()
    with pytest.raises(Interrupted):
        placed.run(worker_jobs.meet, meeting(tmp_path, "a", "never"), LONG, tmp_path / "a.log")
    placed.close()
