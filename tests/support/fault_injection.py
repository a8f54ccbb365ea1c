"""Faults at the writes of a run: which write, which fault, and what becomes of the run.

A trial is a process of its own, forked with everything imported, in which a cheap run
(``tests.support.cheap_run``) begins or goes on. Every opening for writing, write, flush, rename, new folder
and removal under the run's folder is one point, found by an audit hook and by the few calls that have none.
At the chosen point the process is killed, or the call fails as the system would fail it, once or from then
on. The heartbeat's file is left out: its writes come by the clock, and the others' numbers would shift.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from memory.budget.heartbeat import FILE as HEARTBEAT
from tasks.errors import FtDojoError, HarnessFault, Interrupted, MachineFault

Fault = Literal["kill", "ENOSPC", "EROFS", "EIO", "EDQUOT", "EMFILE", "SIGINT", "SIGTERM", "clock"]
KILLED, FAULTY, WRONG_INPUT, BUG = -signal.SIGKILL, 1, 2, 99
"""How a trial's process ends: killed, a harness fault, an error of the user's or the machine's, a bug."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Plan:
    """One fault."""

    fault: Fault
    at: int
    """The point, from 1; 0 for none: the trial counts them."""
    lasting: bool = False
    """Whether every later point fails as well, as on a disk that stays full."""


@dataclass
class Trial:
    """What became of one process."""

    code: int
    told: str = ""
    """The error's line."""
    points: list[str] = field(default_factory=list)
    """What was done at each, up to the end."""
    summary: dict[str, Any] = field(default_factory=dict)


class Injector:
    """Counts points under a folder and strikes at the chosen one."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = str(folder.resolve()), plan
        self.points: list[str] = []
        self._inside = False

    def install(self) -> None:
        """For the rest of this process: a hook cannot be taken away."""
        sys.addaudithook(self._heard)
        for name in ("write", "pwrite", "fsync", "fdatasync", "ftruncate"):
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (arguments[2] or 0) & WRITES:
            self._point("open", arguments[0])
        elif event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate"):
            self._point(event.removeprefix("os."), arguments[0])

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, *others: Any) -> Any:
            if not self._inside:
                try:
                    place = os.readlink(f"/proc/self/fd/{fd}")
                except OSError:
                    place = ""
                self._point(name, place)
            return real(fd, *others)

        return call

    def _point(self, what: str, place: Any) -> None:
        if self._inside or not isinstance(place, str | os.PathLike):
            return
        path = os.path.abspath(os.fspath(place))
        if not path.startswith(self.folder + os.sep) or path.endswith(HEARTBEAT):
            return
        self._inside = True
        try:
            self.points.append(f"{what} {path.removeprefix(self.folder + os.sep)}")
            number, plan = len(self.points), self.plan
            if plan.at and (number == plan.at or (plan.lasting and number > plan.at)):
                self._strike(plan.fault)
        finally:
            self._inside = False

    def _strike(self, fault: Fault) -> None:
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault in ("SIGINT", "SIGTERM"):
            os.kill(os.getpid(), signal.Signals[fault])
        elif fault == "EMFILE":
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (_lowest_free(), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            )
        elif fault == "clock":
            import memory.journal.log

            memory.journal.log._now = lambda: "1999-01-01T00:00:00.000+00:00"
        else:
            number = getattr(errno, fault)
            raise OSError(number, os.strerror(number))


def _lowest_free() -> int:
    """The descriptor that the next open would get: as the limit, it is the first that fails."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)
    return number


def trial(work: Callable[[], Mapping[str, Any]], folder: Path, plan: Plan, out: Path) -> Trial:
    """Do ``work`` in a process of its own, with a fault among its writes under ``folder``."""
    out.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        code = BUG
        try:
            code = _child(work, folder, plan, out)
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    told = json.loads(out.read_text()) if out.exists() else {}
    return Trial(status, **told)


def _child(work: Callable[[], Mapping[str, Any]], folder: Path, plan: Plan, out: Path) -> int:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    injector = Injector(folder, plan)
    injector.install()
    told: dict[str, Any] = {"told": "", "summary": {}}
    try:
        told["summary"] = json.loads(json.dumps(dict(work())))
        code = 0
    except Interrupted as error:
        told["told"], code = str(error), error.code
    except FtDojoError as error:
        told["told"] = str(error)
        code = FAULTY if isinstance(error, HarnessFault) and not isinstance(error, MachineFault) else 2
    except BaseException:
        told["told"], code = traceback.format_exc(), BUG
    injector._inside = True
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    out.write_text(json.dumps(told | {"points": injector.points}), encoding="utf-8")
    return code


@dataclass
class CheapRuns:
    """Runs of one task with quick children, begun and gone on with in trials."""

    folder: Path
    task: Path
    limits: Mapping[str, Any]

    def begin(self, name: str, plan: Plan) -> tuple[Trial, Path]:
        """A new run under a folder of this name; its trial and where it lies."""
        from graph.run import run
        from graph.settings import make_settings

        runs = self.folder / name
        chosen = {key: value for key, value in self.limits.items() if key != "budget"}
        settings = make_settings(
            task=str(self.task), budget_seconds=self.limits["budget"], runs_dir=str(runs), **chosen
        )
        runs.mkdir(parents=True)
        return trial(lambda: run(settings), runs, plan, self.folder / f"{name}.json"), runs

    def go_on(self, runs: Path, plan: Plan) -> Trial:
        """Resume the run in a folder of runs."""
        from graph.run import resume

        (run_dir,) = (path.parent for path in runs.glob("*/run.json"))
        return trial(lambda: resume(run_dir), runs, plan, self.folder / f"{runs.name}-resumed.json")


def cheap_runs(folder: Path, patch: pytest.MonkeyPatch, **limits: Any) -> CheapRuns:
    """A task, and quick children for it."""
    from tests.support.cheap_run import LIMITS, cheap_task, quick_children

    task = cheap_task(folder / "task")
    quick_children(patch, task)
    return CheapRuns(folder, task, {**LIMITS, **limits})


NOTHING = Plan("kill", 0)
