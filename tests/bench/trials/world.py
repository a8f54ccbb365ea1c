"""World of the trials: the real command line on one small task, and a run of it copied at each phase.

One run is made, and at each phase all its processes are stopped for as long as its folder is copied. Such a
copy is what a power cut at that moment would leave, and a trial takes a copy of it for itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil

from memory.journal.log import Journal
from tests.support.forgery import Copied, copied
from tests.support.small_run import make_task_and_model
from tools.models.base_model import resolve_base_model

ROOT = Path(__file__).parent.parent.parent.parent
PHASES = ("run_started", "plan", "training_plan", "candidate_chosen", "champion_chosen", "test_opened")
"""Lines of the journal at whose coming the run is copied, in order."""
ENDED = "run_ended"
LIMITS = ("--max-experiments", "1", "--max-rows", "120", "--memory", "off", "--answer-cache", "off")
TRACE = "Traceback (most recent call last)"
POLL_SECONDS = 0.01
GIVE_UP_SECONDS = 600.0
ATTEMPTS = 3
NO_ENVIRONMENT: Mapping[str, str] = {}


class NotHere(Exception):
    """What a trial needs is not on this machine."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    seconds: float

    @property
    def line(self) -> str:
        """The last line that says why a command did not do what was asked; the last one else."""
        lines = [line for line in self.out.splitlines() if line.strip()]
        told = [x for x in lines if x.startswith(("error:", "stopped:", "harness fault:", "interrupted"))]
        return (told or lines or ["nothing"])[-1]

    @property
    def trace(self) -> bool:
        return TRACE in self.out


@dataclass
class Trial:
    """What one row saw, and what of it is not as it should be."""

    folder: Path
    """Of its own, to be filled."""
    said: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def fact(self, holds: object, otherwise: str) -> None:
        """A fact that has to hold; what is wrong where it does not."""
        if not holds:
            self.wrong.append(otherwise)

    def told(self, ended: Ended, code: int | tuple[int, ...], *words: str) -> None:
        """A command ended with the code, said these words, and no traceback."""
        codes = (code,) if isinstance(code, int) else code
        self.said.append(ended.line)
        self.fact(ended.code in codes, f"exit code {ended.code}")
        self.fact(not ended.trace, "a traceback")
        for word in words:
            self.fact(word in ended.out, f"nothing says {word!r}")


class Command:
    """A command that was begun."""

    def __init__(
        self,
        printed: Path,
        environment: Mapping[str, str],
        folder: Path,
        words: list[str],
        before: list[str],
    ) -> None:
        self.printed, self.began = printed, time.monotonic()
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _become(printed, environment, folder, words, before)

    def poll(self) -> int | None:
        """Its exit code, where it has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, seconds: float = GIVE_UP_SECONDS) -> int:
        """Its exit code.

        Raises:
            TimeoutError: it goes on.
        """
        end = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"not ended after {seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        return code


def _become(
    printed: Path, environment: Mapping[str, str], folder: Path, words: list[str], before: list[str]
) -> None:
    """In the new process: do the command and end."""
    code = 1
    try:
        os.setsid()
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(which, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(printed, os.O_WRONLY | os.O_CREAT)
        for number, own in enumerate((nothing, log, log)):
            os.dup2(own, number)
        os.environ.clear()
        os.environ.update(environment)
        if before:
            command = [*before, sys.executable, "-m", "graph", *words]
            os.execvp(command[0], command)
        code = _in_this_process(words)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _in_this_process(words: list[str]) -> int:
    from graph.cli.app import main

    # Those of the bench hold what it has printed so far, and would print it again.
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", buffering=1) for number in (1, 2))
    sys.argv = ["ftdojo", *words]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


class World:
    """The task, the base model, the commands and the copies of runs."""

    def __init__(self, folder: Path) -> None:
        import graph.run  # noqa: F401 - every command forked from here has it

        self.folder, self._number = folder, 0
        self.task, _ = make_task_and_model(folder)
        self.base = folder / "base"
        shutil.copytree(resolve_base_model("ftdojo-mini").path, self.base)

    # ---- commands

    def environment(self, own: Mapping[str, str]) -> dict[str, str]:
        """Of a command: the caller's, with a home folder of the trials."""
        needed = {"FTDOJO_HOME": str(self.folder / "home"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        return {**os.environ, **needed, **own}

    def start(
        self, *arguments: object, own: Mapping[str, str] = NO_ENVIRONMENT, before: Iterable[str] = ()
    ) -> Command:
        """``ftdojo ARGUMENTS`` in a process group of its own; what it prints goes to a file.

        Forked from this process, in which all is imported: most of a short command is its imports. A command
        behind another program (``before``) is started as a new one.
        """
        self._number += 1
        printed, words = self.folder / f"printed-{self._number}.log", [str(each) for each in arguments]
        environment, before = self.environment(own), [*before]
        return Command(printed, environment, self.folder, words, before)

    def end(self, process: Command, seconds: float = GIVE_UP_SECONDS) -> Ended:
        """Wait for it; killed where it takes too long, which its code tells."""
        try:
            code = process.wait(seconds)
        except TimeoutError:
            kill_group(process)
            code = process.wait()
        taken = time.monotonic() - process.began
        text = process.printed.read_text(encoding="utf-8", errors="replace")
        return Ended(code, text, taken)

    def do(
        self, *arguments: object, own: Mapping[str, str] = NO_ENVIRONMENT, before: Iterable[str] = ()
    ) -> Ended:
        """A command to its end."""
        return self.end(self.start(*arguments, own=own, before=before))

    def run_arguments(self, runs: Path, *others: object, task: Path | None = None) -> list[object]:
        """``run`` on the task, one experiment; later options win."""
        own = ["run", task or self.task, "--base-model", self.base, "--budget", "10m", *LIMITS]
        return [*own, "--runs-dir", runs, *others]

    # ---- runs

    @cached_property
    def undisturbed(self) -> dict[str, Path]:
        """By phase, the folder of one run as it lay then; ``run_ended`` for the finished one."""
        for attempt in range(ATTEMPTS):  # a busy machine may train too little for a champion
            found = self._phases(self.folder / f"undisturbed-{attempt}")
            if (found[ENDED] / "champion").is_dir():
                return found
        raise SystemExit("no undisturbed run confirmed a champion: this machine is too busy")

    def _phases(self, runs: Path) -> dict[str, Path]:
        process, found = self.start(*self.run_arguments(runs)), {}
        for phase in PHASES:
            run_dir = self.reached(process, runs, phase)
            found[phase] = runs / "phases" / phase / run_dir.name
            with stopped(process):
                shutil.copytree(run_dir, found[phase])
        ended = self.end(process)
        if ended.code:
            raise SystemExit(ended.out[-2000:])
        return found | {ENDED: run_dir}

    def reached(self, process: Command, runs: Path, kind: str) -> Path:
        """The folder of the run once its journal has a line of this kind."""
        end = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < end:
            for path in runs.glob("*/journal.jsonl"):
                if f'"kind":"{kind}"' in path.read_text(encoding="utf-8", errors="replace"):
                    return path.parent
            if process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
        kill_group(process)
        raise SystemExit(f"no {kind}: {self.end(process).out[-2000:]}")

    def copy(self, phase: str, folder: Path) -> Copied:
        """A copy of the run at a phase, with copies of its task and base beside it."""
        return copied(self.undisturbed[phase], self.task, self.base, folder)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Of the undisturbed run."""
        return summary_of(self.undisturbed[ENDED])


def summary_of(run_dir: Path) -> dict[str, Any]:
    """What stands in ``summary.json``; empty where there is none."""
    path = run_dir / "summary.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def only_run(runs: Path) -> Path | None:
    """The run in a folder of runs, where one has begun."""
    return next(iter(path.parent for path in runs.glob("*/run.json")), None)


def completed(trial: Trial, world: World, run_dir: Path | None, same: bool = True, reads: int = 1) -> None:
    """The run has its end: one experiment, its readings of the test, a champion, and the undisturbed result.

    Args:
        trial: is told.
        world: whose undisturbed run it is held against.
        run_dir: its folder, where it has one.
        same: whether the training is the undisturbed run's.
        reads: how often the test may have been opened, for the same champion: once more after a break in it.
    """
    if run_dir is None or not (run_dir / "summary.json").is_file():
        trial.wrong.append("the run has no summary")
        return
    journal, summary = Journal.open(run_dir / "journal.jsonl", write=False), summary_of(run_dir)
    finished = [event.experiment for event in journal.events if event.kind == "finished"]
    trial.fact(finished == ["e01"], f"finished {finished}")
    trial.fact(1 <= journal.test_reads <= reads, f"the test was read {journal.test_reads} times")
    exported = (run_dir / "champion" / "model.safetensors").is_file()
    trial.fact(exported == (journal.champion_id() == "e01"), "what was exported is not the champion")
    trial.fact(exported or not same, "no champion was exported")
    value = (summary.get("final_test") or {}).get("value", float("nan"))
    expected = world.summary["final_test"]["value"]
    if same:
        trial.fact(value == expected, f"final test {value}, undisturbed {expected}")
    trial.kept.append(f"{len(finished)} experiment, test read {journal.test_reads} times, final {value:.1f}")


def reads_after(run_dir: Path) -> int:
    """How often a run that was cut off may open its test: once more where it had begun to read it.

    A run that is stopped when its choice stands in the journal may have opened the test by then.
    """
    return 1 + Journal.open(run_dir / "journal.jsonl", write=False).test_reads


def digests(folder: Path) -> dict[str, str]:
    """By name, the digest of every file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


# ---- processes


def family(process: Command) -> list[psutil.Process]:
    """The process and all below it, itself first."""
    with contextlib.suppress(psutil.NoSuchProcess):
        head = psutil.Process(process.pid)
        return [head, *head.children(recursive=True)]
    return []


def kill_group(process: Command) -> None:
    """``kill -9`` to it and to all that it started."""
    for each in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


@contextlib.contextmanager
def stopped(process: Command) -> Any:
    """All its processes stand still."""
    for how in (signal.SIGSTOP, signal.SIGCONT):
        for each in family(process):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(how)
        if how == signal.SIGSTOP:
            yield


# ---- rows

Do = Callable[[World, Trial], None]


@dataclass(frozen=True)
class Row:
    """One trial."""

    name: str
    what: str
    do: Do


ROWS: list[Row] = []


def row(name: str, what: str) -> Callable[[Do], Do]:
    """Registers the function below as the row."""

    def register(do: Do) -> Do:
        ROWS.append(Row(name, what, do))
        return do

    return register
