"""A child process returns its result or a failure that says why; none outlives its caller."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.errors import DiskFull, ExperimentFailed, HarnessFault, Interrupted, MachineFault
from tests.support import worker_jobs
from tools.process import job as jobs
from tools.process.worker import Worker

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """A worker without the heavy imports: these tests are about processes."""
    light = Worker(threads=1, preload=("json",))
    yield light
    light.close()


def failure(
    worker: Worker, log: Path, job: object, payload: dict[str, object], seconds: float = 30.0
) -> ExperimentFailed:
    with pytest.raises(ExperimentFailed) as caught:
        worker.run(job, payload, seconds, log)  # type: ignore[arg-type]
    assert caught.value.stage == "train"
    return caught.value


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pids: list[int], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_a_result_comes_back_with_its_log_and_its_cost(worker: Worker, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "job.log"
    result, usage = worker.measure(worker_jobs.double, {"number": 21}, 30.0, log)
    assert result["doubled"] == 42
    assert result["pid"] != os.getpid()
    assert log.read_text() == "working\n"
    assert usage.peak_gib > 0.0
    assert usage.cpu_seconds > 0.0


def test_large_payloads_and_results_pass(worker: Worker, tmp_path: Path) -> None:
    text = "答" * 1_000_000
    echoed = worker.run("tests.support.worker_jobs:echo", {"text": text}, 60.0, tmp_path / "log")
    assert echoed == {"text": text}


def test_an_exception_is_told_by_its_root_cause(worker: Worker, tmp_path: Path) -> None:
    failed = failure(worker, tmp_path / "log", worker_jobs.fail, {"zero": 0})
    assert failed.code == "crashed"
    assert failed.message == "RuntimeError: the outer story"
    assert failed.log_tail.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert failed.log_tail.startswith('File "worker_jobs.py", line ')
    assert "outer story" not in failed.log_tail


def test_the_code_of_an_expected_failure_is_kept(worker: Worker, tmp_path: Path) -> None:
    failed = failure(worker, tmp_path / "log", worker_jobs.diverge, {})
    assert (failed.code, failed.message) == ("diverged", "the loss is nan at step 3")


@pytest.mark.parametrize(
    ("job", "payload", "code", "words"),
    [
        (worker_jobs.exhaust, {}, "out_of_memory", "10 GiB"),
        (worker_jobs.exhaust_torch, {}, "out_of_memory", "allocate memory"),
        (worker_jobs.leave, {"signal": "SIGKILL"}, "out_of_memory", "signal 9"),
        (worker_jobs.leave, {"signal": "SIGSEGV"}, "crashed", "signal 11"),
        (worker_jobs.leave, {"exit": 3}, "crashed", "exit code 3"),
    ],
)
def test_every_way_to_die_has_a_code(
    worker: Worker,
    tmp_path: Path,
    job: object,
    payload: dict[str, object],
    code: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "memory_kills", lambda: None)  # a kernel that does not count
    failed = failure(worker, tmp_path / "log", job, payload)
    assert failed.code == code
    assert words in failed.message


@pytest.mark.parametrize(
    ("before", "after", "code"), [(3, 3, "crashed"), (3, 4, "out_of_memory"), (None, None, "out_of_memory")]
)
def test_a_kill_is_for_memory_unless_the_kernel_says_that_it_was_not(
    worker: Worker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: int | None,
    after: int | None,
    code: str,
) -> None:
    counts = iter([before, after])
    monkeypatch.setattr(jobs, "memory_kills", lambda: next(counts))
    assert failure(worker, tmp_path / "log", worker_jobs.leave, {"signal": "SIGKILL"}).code == code


def test_a_timeout_kills_the_job_and_its_children(worker: Worker, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    failed = failure(worker, tmp_path / "log", worker_jobs.hang, {"pids": str(pids)}, seconds=4.0)
    assert failed.code == "timeout"
    job, _, grandchild = json.loads(pids.read_text())
    assert gone([job, grandchild])
    assert worker.run(worker_jobs.double, {"number": 1}, 30.0, tmp_path / "log")["doubled"] == 2


def test_jobs_of_several_threads_do_not_mix(worker: Worker, tmp_path: Path) -> None:
    def call(number: int) -> int:
        return int(
            worker.run(worker_jobs.double, {"number": number}, 30.0, tmp_path / f"{number}.log")["doubled"]
        )

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(12))) == [2 * number for number in range(12)]


def test_a_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    light = Worker(threads=1, preload=("json",))
    pids = tmp_path / "pids"
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(light.run, worker_jobs.hang, {"pids": str(pids)}, 60.0, tmp_path / "log")
        while not pids.exists() or not pids.read_text():
            time.sleep(0.02)
        job, server, grandchild = json.loads(pids.read_text())
        os.kill(server, signal.SIGKILL)
        with pytest.raises(ExperimentFailed, match="process was lost"):
            hanging.result(30.0)
    assert gone([job])
    os.kill(grandchild, signal.SIGKILL)  # out of reach of a killed server, which training never needs
    assert light.run(worker_jobs.double, {"number": 3}, 30.0, tmp_path / "log")["doubled"] == 6
    light.close()


def test_no_job_takes_longer_than_the_run_has_time_for(tmp_path: Path) -> None:
    light = Worker(threads=1, preload=("json",))
    light.limit = lambda: 1.5
    pids = tmp_path / "pids"
    failed = failure(light, tmp_path / "log", worker_jobs.hang, {"pids": str(pids)}, seconds=3600.0)
    assert failed.code == "timeout"
    light.close()


@pytest.mark.parametrize("resident", [False, True])
def test_an_interrupt_ends_the_children_and_is_what_their_caller_gets(tmp_path: Path, resident: bool) -> None:
    light = Worker(threads=1, preload=("json",))
    pids = tmp_path / "pids"
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(
            light.run, worker_jobs.hang, {"pids": str(pids)}, 600.0, tmp_path / "log", resident=resident
        )
        while not pids.exists() or not pids.read_text():
            time.sleep(0.02)
        light.interrupt()
        with pytest.raises(Interrupted):
            hanging.result(60.0)
    job, server, grandchild = json.loads(pids.read_text())
    assert gone([job, server, grandchild])
    with pytest.raises(Interrupted):
        light.run(worker_jobs.double, {"number": 3}, 30.0, tmp_path / "log")
    light.close()


def test_imports_that_fail_are_a_fault_of_the_harness(tmp_path: Path) -> None:
    broken = Worker(threads=1, preload=("no_such_library",))
    with pytest.raises(HarnessFault, match="No module named 'no_such_library'"):
        broken.run(worker_jobs.double, {"number": 1}, 30.0, tmp_path / "log")
    broken.close()


SCRIPT = """
import sys
from pathlib import Path
from tools.process.worker import Worker
from tests.support import worker_jobs
sys.stdout.write("top of the script\\n")
worker = Worker(threads=1, preload=("json",))
sys.stdout.write(f"{worker.run(worker_jobs.KIND, PAYLOAD, 60.0, Path('job.log'))}\\n")
"""


def start_script(folder: Path, kind: str, payload: dict[str, object]) -> subprocess.Popen[str]:
    """A script without a ``__main__`` decontaminator, in a folder with a ``tools.py`` of its own."""
    script = folder / "script.py"
    script.write_text(SCRIPT.replace("KIND", kind).replace("PAYLOAD", repr(payload)))
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-P", str(script)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("raise RuntimeError('the wrong tools')\n")
    with start_script(tmp_path, "double", {"number": 4}) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.count("top of the script") == 1
    assert "'doubled': 8" in out


def test_killing_the_caller_leaves_nothing_behind(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with start_script(tmp_path, "hang", {"pids": str(pids)}) as process:
        end = time.monotonic() + 60.0
        while (not pids.exists() or not pids.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        found = json.loads(pids.read_text())
        assert all(map(alive, found))
        process.send_signal(signal.SIGKILL)
        process.wait(30.0)
    assert gone(found)


@pytest.mark.parametrize("resident", [False, True])
def test_a_job_knows_when_it_is_killed_by_its_own_limit_or_the_budgets(
    tmp_path: Path, resident: bool
) -> None:
    light, log = Worker(threads=1, preload=("json",)), tmp_path / "job.log"
    own = light.run(worker_jobs.last_moment, {}, 1000.0, log, resident=resident)["seconds"]
    light.limit = lambda: 600.0
    nearer = light.run(worker_jobs.last_moment, {}, 1000.0, log, resident=resident)["seconds"]
    light.close()
    assert 900.0 < own < 986.0 and 500.0 < nearer < 586.0


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EROFS, MachineFault),
        (errno.EIO, MachineFault),
        (errno.EMFILE, MachineFault),
    ],
)
def test_a_fault_of_the_machine_that_a_child_meets_is_no_failed_experiment(
    worker: Worker, tmp_path: Path, number: int, fault: type[Exception], wrapped: bool
) -> None:
    payload = {"errno": number, "path": "model.tmp", "wrapped": wrapped}
    with pytest.raises(fault, match="ftdojo resume"):
        worker.run(worker_jobs.meet_error, payload, 30.0, tmp_path / "log")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EIO])
def test_a_child_that_quotes_the_words_of_a_machine_fault_failed_by_itself(
    worker: Worker, tmp_path: Path, number: int
) -> None:
    payload: dict[str, object] = {"words": f"[Errno {number}] {os.strerror(number)}: 'answers.txt'"}
    failed = failure(worker, tmp_path / "log", worker_jobs.quote_error, payload)
    assert failed.code == "crashed" and os.strerror(number) in failed.message


def test_a_want_of_memory_in_a_child_is_one_of_its_experiment(worker: Worker, tmp_path: Path) -> None:
    payload: dict[str, object] = {"errno": errno.ENOMEM, "path": "x", "wrapped": False}
    failure(worker, tmp_path / "log", worker_jobs.meet_error, payload)
