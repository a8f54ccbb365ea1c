"""Ray seats on a local cluster of two workers: jobs at the same time, logs, cancelling, a worker killed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
)

SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path
import ray
from tests.support import worker_jobs
from tools.process.executor import Executor
from tools.process.job import Job
from tools.process.placed import Call, Link, PlacedWorker
from tools.process.ray_seat import connect

folder, told, found = Path(sys.argv[1]), [], {}
seats, threads = connect("", 2, {}, folder / "runs")
executor = Executor(seats)
worker = PlacedWorker(executor, threads)
worker.repeated = lambda job, why: told.append(why)
JOBS = "tests.support.worker_jobs:"

def job(name, /, **payload):
    return Job(JOBS + name, payload, folder / f"{name}.log", "train", 120.0)

def meeting(name, *others):
    return {"place": str(folder), "name": name, "others": others, "seconds": 120.0}

pair = [executor.submit(job("meet", **meeting(a, b)), resident=True) for a, b in ("ab", "ba")]
found["met"] = [executor.poll(each, 120.0).state for each in pair]
found["pids"] = len({executor.poll(each).result["pid"] for each in pair})
handle = executor.submit(job("double", number=2))
found["doubled"] = executor.poll(handle, 120.0).result["doubled"]
found["log"] = executor.logs(handle)
failed = executor.poll(executor.submit(job("diverge")), 120.0).error
found["failed"] = [type(failed).__name__, failed.code, failed.message]
running = executor.submit(job("meet", **meeting("c", "never")), resident=True)
executor.poll(executor.submit(job("meet", **meeting("d", "c"))), 120.0)
executor.cancel(running)
found["cancelled"] = executor.poll(running, 120.0).state
place = ray.get(seats[0].actor().place.remote())
chain = worker.begin([Link(Call(JOBS + "meet", meeting("e", "go")), 120.0, folder / "e.log", "train")])
other = worker.begin([Link(Call(JOBS + "meet", meeting("f", "go")), 120.0, folder / "f.log", "train")])
gate = worker.begin([Link(Call(JOBS + "meet", meeting("go")), 120.0, folder / "go.log", "train")])
while not ((folder / "e").exists() and (folder / "f").exists()):
    time.sleep(0.05)
os.kill(place["pid"], signal.SIGKILL)
found["after"] = [
    worker.run(worker_jobs.meet, meeting(name, "go"), 120.0, folder / "x.log")["name"] for name in "ef"
]
found["told"] = [why.partition(":")[0] for why in told]
worker.close()
ray.shutdown()
print(json.dumps(found))
"""


@pytest.mark.timeout(600)  # its daemons take minutes to start on a busy machine
def test_a_local_cluster_of_two_workers_does_what_local_workers_do(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
        timeout=540,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["met"] == ["done", "done"] and found["pids"] == 2
    assert (found["doubled"], found["log"]) == (4, "working\n")
    assert found["failed"] == ["ExperimentFailed", "diverged", "the loss is nan at step 3"]
    assert found["cancelled"] == "cancelled"
    assert found["after"] == ["e", "f"]
    assert found["told"] == ["its Ray worker was lost"]
