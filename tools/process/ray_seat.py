"""Ray seats: each a worker in an actor, on this machine or on another one of a Ray cluster.

What is asked of an actor is what is asked of a local worker: it keeps a fork server and a resident child on
its machine, with that machine's time limits, logs and readings of a child's end. Files are not sent: the
folder of the runs and the base model lie at the same path on every machine, and FT-Dojo is installed there.
An actor that dies takes its job with it (``WorkerLost``); the next job gets a new actor.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tasks.errors import ExperimentFailed, FtDojoError, HarnessFault, InputError, or_input_error
from tools.process.job import FAULTS, Job, WorkerLost
from tools.process.worker import Usage, Worker

OBJECT_STORE_BYTES = 100 * 2**20
"""Of a cluster that is started here: jobs and results are text."""
ATTEMPTS = 2
"""To start a cluster here: Ray gives its daemons half a minute, which a busy machine may not need twice."""
READY_SECONDS = 120.0
"""The longest wait for an actor of a cluster that has room for it."""


class SeatActor:
    """The actor's side; Ray runs two of its methods at a time, so that one may end the other.

    Args:
        threads: compute threads of each child.
        variables: of its children only.
    """

    def __init__(self, threads: int, variables: Mapping[str, str]) -> None:
        self._worker = Worker(threads=threads, environment=variables)
        self._jobs: dict[str, Job] = {}
        self._cancelled: set[str] = set()

    def place(self) -> dict[str, Any]:
        """Where it is: ``host`` and ``pid``."""
        return {"host": socket.gethostname(), "pid": os.getpid()}

    def sees(self, path: str) -> bool:
        """Whether a file or folder is there on its machine."""
        return Path(path).exists()

    def warm(self) -> None:
        """Starts the imports."""
        self._worker.warm()

    def do(self, id: str, fields: dict[str, Any], resident: bool, all_devices: bool) -> dict[str, Any]:
        """One job: ``{"result", "usage"}`` or ``{"error"}``, all JSON-plain."""
        job = Job(**fields | {"log_path": Path(fields["log_path"])})
        self._jobs[id] = job
        if id in self._cancelled:
            job.hold.cancel()
        try:
            result, usage = self._worker.do(job, resident, all_devices)
        except FtDojoError as error:
            return {"error": _told(error)}
        finally:
            del self._jobs[id]
        return {"result": result, "usage": vars(usage)}

    def cancel(self, id: str) -> None:
        """Ends a job, now or as soon as it begins."""
        self._cancelled.add(id)
        if (job := self._jobs.get(id)) is not None:
            job.hold.cancel()


class RaySeat:
    """The caller's side of one actor.

    Args:
        options: of the actor: its processors and GPUs.
        threads: compute threads of each child.
        variables: of its children only.
    """

    def __init__(self, options: Mapping[str, Any], threads: int, variables: Mapping[str, str]) -> None:
        self._options, self._given = dict(options), (threads, dict(variables))
        self._actor: Any = None
        self._lock = threading.Lock()
        self._closed = False

    def actor(self) -> Any:
        """The actor; started where there is none."""
        import ray

        with self._lock:
            if self._actor is None:
                made = ray.remote(SeatActor).options(max_concurrency=2, max_restarts=0, **self._options)
                self._actor = made.remote(*self._given)
            return self._actor

    def warm(self) -> None:
        """Starts the actor and its imports, and returns at once."""
        self.actor().warm.remote()

    def do(self, job: Job, resident: bool = False, all_devices: bool = False) -> tuple[dict[str, Any], Usage]:
        """A job in the actor; raises as ``tools.process.worker.Worker.measure`` does, and ``WorkerLost``."""
        import ray

        actor, id = self.actor(), uuid.uuid4().hex
        fields = {name: getattr(job, name) for name in ("function", "payload", "stage", "timeout_seconds")}
        fields["log_path"] = str(job.log_path.resolve())
        answer = actor.do.remote(id, fields, resident, all_devices)
        job.hold.on(partial(_cancel, actor, id))
        try:
            told = ray.get(answer)
        except ray.exceptions.RayActorError as error:
            self._forget(actor)
            cause = " ".join(str(error).split())[:300]
            raise WorkerLost(job.stage, "crashed", f"its Ray worker was lost: {cause}") from None
        except ray.exceptions.RayError as error:
            raise HarnessFault(f"the Ray worker failed: {' '.join(str(error).split())[:300]}") from error
        finally:
            job.hold.off()
        if "error" in told:
            raise _raised(told["error"])
        return told["result"], Usage(**told["usage"])

    def interrupt(self) -> None:
        """Ends the actor for good and returns at once."""
        threading.Thread(target=self.close, daemon=True).start()

    def close(self) -> None:
        """Ends the actor; its children end with it."""
        import ray

        with self._lock:
            actor, self._actor = self._actor, None
        if actor is not None and ray.is_initialized():
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(actor)

    def _forget(self, actor: Any) -> None:
        with self._lock:
            if self._actor is actor:
                self._actor = None


def connect(
    address: str, count: int, variables: Mapping[str, str], folder: Path
) -> tuple[list[RaySeat], int]:
    """Seats in a Ray cluster, and the compute threads of each.

    Args:
        address: of the cluster, as Ray takes it; empty to start one on this machine.
        count: how many.
        variables: of the children only.
        folder: of the runs; every seat must see it.

    Raises:
        InputError: there is no such cluster, no room in it, or a machine of it does not see the folder.
    """
    _join(address)
    import ray

    here = ray.cluster_resources()
    threads, gpus = int(here.get("CPU", 0)) // count, int(here.get("GPU", 0))
    if not threads or 0 < gpus < count:
        found = f"the cluster has {here.get('CPU', 0):g} processors and {gpus} GPUs"
        raise InputError(f"--workers {count}", found, "give fewer workers, or add machines")
    options = {"num_cpus": threads, "num_gpus": 1 if gpus else 0, "scheduling_strategy": "SPREAD"}
    seats = [RaySeat(options, threads, variables) for _ in range(count)]
    try:
        _check(seats, folder)
    except BaseException:
        for seat in seats:
            seat.close()
        raise
    return seats, threads


def _join(address: str) -> None:
    import ray

    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    start: dict[str, Any] = {"address": address}
    if not address:
        start = {
            "address": "local",
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            "_system_config": {"agent_register_timeout_ms": int(1000 * READY_SECONDS)},
        }
    given = f"--executor ray:{address}".removesuffix(":")
    fix = "start one (`ray start --head`), or give ray alone for this machine"
    with _signals_kept(), or_input_error(given, "no Ray cluster could be joined", fix):
        for attempt in range(ATTEMPTS):
            try:
                ray.init(log_to_driver=False, logging_level="error", configure_logging=False, **start)
                return
            except Exception:
                ray.shutdown()
                if address or attempt + 1 == ATTEMPTS:
                    raise


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray puts its own handler of SIGTERM in the place of a run's, which ends in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(seats: list[RaySeat], folder: Path) -> None:
    """Every seat starts, and sees the folder of the runs."""
    import ray

    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f".seen-{uuid.uuid4().hex}"
    mark.touch()
    try:
        places = ray.get([seat.actor().place.remote() for seat in seats], timeout=READY_SECONDS)
        seen = ray.get([seat.actor().sees.remote(str(mark)) for seat in seats], timeout=READY_SECONDS)
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"--workers {len(seats)}", f"the Ray workers did not start ({reason})", "see `ray status`"
        ) from error
    finally:
        mark.unlink()
    for place, is_there in zip(places, seen, strict=True):
        if not is_there:
            wrong = f"{place['host']} does not see it"
            raise InputError(f"--runs-dir {folder}", wrong, "take a folder that all machines share")


def _cancel(actor: Any, id: str) -> None:
    import ray

    with contextlib.suppress(ray.exceptions.RayError):
        actor.cancel.remote(id)


def _told(error: FtDojoError) -> dict[str, str]:
    if isinstance(error, ExperimentFailed):
        kind = "WorkerLost" if isinstance(error, WorkerLost) else "ExperimentFailed"
        fields = {"stage": error.stage, "code": error.code, "log_tail": error.log_tail}
        return {"type": kind, "message": error.message, **fields}
    return {"type": type(error).__name__, "message": str(error)}


def _raised(told: Mapping[str, Any]) -> FtDojoError:
    if told["type"] in ("WorkerLost", "ExperimentFailed"):
        kind = WorkerLost if told["type"] == "WorkerLost" else ExperimentFailed
        return kind(told["stage"], told["code"], told["message"], told["log_tail"])
    return FAULTS.get(told["type"], HarnessFault)(told["message"])
