"""The resident child: it stays, it is replaced when it fails, hangs or leaks, and ends with its caller."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.errors import ExperimentFailed
from tests.support import worker_jobs
from tools.process import job as jobs
from tools.process import resident as residents
from tools.process.worker import Worker


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker(threads=1, preload=())
    yield worker
    worker.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def gone(pid: int, seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def pid_of(worker: Worker, folder: Path) -> int:
    result, usage = worker.measure(
        worker_jobs.double, {"number": 21}, 30.0, folder / "log.txt", resident=True
    )
    assert result["doubled"] == 42
    assert usage.peak_gib > 0
    assert usage.wall_seconds >= 0
    return int(result["pid"])


def test_one_child_does_job_after_job_each_with_its_own_log(worker: Worker, tmp_path: Path) -> None:
    first = pid_of(worker, tmp_path / "one")
    assert pid_of(worker, tmp_path / "two") == first
    assert (tmp_path / "two" / "log.txt").read_text() == "working\n"
    assert worker.run(worker_jobs.double, {"number": 1}, 30.0, tmp_path / "log")["pid"] != first


@pytest.mark.parametrize(
    ("job", "payload", "code"),
    [
        (worker_jobs.fail, {"zero": 0}, "crashed"),
        (worker_jobs.diverge, {}, "diverged"),
        (worker_jobs.exhaust, {}, "out_of_memory"),
        (worker_jobs.leave, {"signal": "SIGSEGV"}, "crashed"),
        (worker_jobs.leave, {"signal": "SIGKILL"}, "out_of_memory"),
        (worker_jobs.exhaust_torch, {}, "out_of_memory"),
        (worker_jobs.leave, {"exit": 3}, "crashed"),
    ],
)
def test_a_job_that_fails_costs_itself(
    worker: Worker, tmp_path: Path, job, payload, code, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "memory_kills", lambda: None)  # a kernel that does not count
    before = pid_of(worker, tmp_path)
    with pytest.raises(ExperimentFailed) as failed:
        worker.run(job, payload, 30.0, tmp_path / "log.txt", "train", resident=True)
    assert (failed.value.stage, failed.value.code) == ("train", code)
    assert gone(before)
    assert pid_of(worker, tmp_path) != before


def test_a_job_that_hangs_is_killed_with_its_children(worker: Worker, tmp_path: Path) -> None:
    pid_of(worker, tmp_path)
    pids = tmp_path / "pids.json"
    with pytest.raises(ExperimentFailed, match="killed after 2 s"):
        worker.run(worker_jobs.hang, {"pids": str(pids)}, 2.0, tmp_path / "log.txt", resident=True)
    child, _, grandchild = json.loads(pids.read_text())
    assert gone(child)
    assert gone(grandchild)
    assert pid_of(worker, tmp_path) != child


def test_a_job_that_stands_still_is_found_long_before_its_time_is_over(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.2)
    before = pid_of(worker, tmp_path)
    with pytest.raises(ExperimentFailed, match="hung") as failed:
        worker.run(worker_jobs.stop, {}, 3600.0, tmp_path / "log.txt", "evaluate", resident=True)
    assert failed.value.code == "crashed"
    assert gone(before)
    assert pid_of(worker, tmp_path) != before


def test_a_job_that_works_is_left_alone_however_long_it_takes(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(residents, "LOOK_SECONDS", 0.2)
    done = worker.run(worker_jobs.work, {"cpu_seconds": 2.0}, 60.0, tmp_path / "log.txt", resident=True)
    assert done["cpu_seconds"] >= 2.0


def test_a_child_that_leaks_is_replaced(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "LEAK_GIB", 0.05)
    monkeypatch.setattr(residents, "LEAK_FACTOR", 1.0)
    first = pid_of(worker, tmp_path)
    assert pid_of(worker, tmp_path) == first
    worker.run(worker_jobs.leak, {"mib": 200}, 30.0, tmp_path / "log.txt", resident=True)
    assert gone(first)
    assert pid_of(worker, tmp_path) != first


def test_what_a_job_freed_is_not_held_between_jobs(worker: Worker, tmp_path: Path) -> None:
    pid_of(worker, tmp_path)
    before = psutil.Process(pid_of(worker, tmp_path)).memory_info().rss
    worker.run(worker_jobs.leave_holes, {"mib": 300}, 30.0, tmp_path / "log.txt", resident=True)
    after = psutil.Process(pid_of(worker, tmp_path)).memory_info().rss
    assert after - before < 100 << 20


def test_while_it_is_busy_other_jobs_get_a_child_of_their_own(worker: Worker, tmp_path: Path) -> None:
    resident = pid_of(worker, tmp_path)
    started = tmp_path / "started"
    busy = threading.Thread(
        target=worker.run,
        args=(worker_jobs.wait_for, {"started": str(started), "file": str(tmp_path / "go")}, 60.0),
        kwargs={"log_path": tmp_path / "busy.txt", "resident": True},
    )
    busy.start()
    while not started.exists():
        time.sleep(0.01)
    other = worker.run(worker_jobs.double, {"number": 1}, 30.0, tmp_path / "log.txt", resident=True)["pid"]
    (tmp_path / "go").touch()
    busy.join()
    assert other != resident
    assert pid_of(worker, tmp_path) == resident


def test_it_ends_with_its_worker(tmp_path: Path) -> None:
    worker = Worker(threads=1, preload=())
    pid = pid_of(worker, tmp_path)
    worker.close()
    assert gone(pid)
