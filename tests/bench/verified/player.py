"""Player of one case: runs of the command line in its folder, broken off and gone on with as it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.02
GIVE_UP_SECONDS = 900.0
SHORT = ("--budget", "3m", "--max-rows", "300", "--memory", "off")
KEY = "sk-scripted-0123456789"


def _listening() -> None:
    """A bench that runs in the background of a shell ignores Ctrl-C, and its children would with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Player:
    """The folder of a case, in which its commands write."""

    folder: Path
    home: Path
    told: list[str] = field(default_factory=list)
    """What went otherwise than expected, for the table."""

    @property
    def runs(self) -> Path:
        """Where its runs lie."""
        return self.folder / "runs"

    def run_dirs(self) -> list[Path]:
        """Its runs, in the order in which they were begun."""
        return sorted(path.parent for path in self.runs.glob("*/journal.jsonl"))

    def start(self, *arguments: str, program: Sequence[str] = ("-m", "graph")) -> subprocess.Popen[bytes]:
        """A command of the program, in a process group of its own."""
        self.runs.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "FTDOJO_HOME": str(self.home),
            "OPENAI_API_KEY": KEY,
            "PYTHONPATH": os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH", "")))),
        }
        with (self.folder / "printed.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *program, *arguments],
                start_new_session=True,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=_listening,
            )

    def command(self, *arguments: str, code: int = 0) -> None:
        """A command to its end.

        Raises:
            RuntimeError: it ended with another code.
        """
        found = self.start(*arguments).wait(GIVE_UP_SECONDS)
        if found != code:
            printed = (self.folder / "printed.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{' '.join(arguments[:2])} ended with {found}: {printed[-400:]}")

    def run(self, task: str | Path, *options: str, experiments: int = 1) -> Path:
        """A run from its start to its end."""
        self.command(*self.words(task, *options, experiments=experiments))
        return self.run_dirs()[-1]

    def words(self, task: str | Path, *options: str, experiments: int = 1) -> list[str]:
        """The command line of a run; options named here win."""
        limit = ("--max-experiments", str(experiments))
        return ["run", str(task), *SHORT, *limit, "--runs-dir", str(self.runs), *options]

    def broken_off(self, words: Sequence[str], kind: str, by: signal.Signals, count: int = 1) -> Path:
        """A run that gets a signal when a kind of line comes into its journal for the nth time.

        Raises:
            RuntimeError: it ended before that.
        """
        process = self.start(*words)
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < GIVE_UP_SECONDS:
            if self._journal().count(f'"kind":"{kind}"') >= count:
                break
            time.sleep(POLL_SECONDS)
        if process.poll() is not None:
            raise RuntimeError(f"the run ended before {kind}")
        if by is signal.SIGKILL:
            os.killpg(process.pid, by)
        else:
            process.send_signal(by)
        process.wait(GIVE_UP_SECONDS)
        return self.run_dirs()[-1]

    def held_up(self, words: Sequence[str], kind: str, until: float) -> Path:
        """A run that stands still from a kind of line in its journal until so many seconds after its start:
        as on a machine that has become slow.

        Raises:
            RuntimeError: it ended before that, or with an error.
        """
        process = self.start(*words)
        began = time.monotonic()
        while process.poll() is None and f'"kind":"{kind}"' not in self._journal():
            time.sleep(POLL_SECONDS)
        if process.poll() is not None:
            raise RuntimeError(f"the run ended before {kind}")
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(max(0.0, until - (time.monotonic() - began)))
        os.killpg(process.pid, signal.SIGCONT)
        if code := process.wait(GIVE_UP_SECONDS):
            raise RuntimeError(f"the run ended with {code}")
        return self.run_dirs()[-1]

    def _journal(self) -> str:
        found = self.run_dirs()
        return (found[-1] / "journal.jsonl").read_text(encoding="utf-8") if found else ""

    def at_a_question(self, words: Sequence[str]) -> Path:
        """A run that ends at the first question to a person."""
        self.command(*words)
        return self.run_dirs()[-1]

    def verified(self, place: Path, home: Path | None = None) -> dict[str, Any]:
        """What ``ftdojo verify --json`` says of a run or an archive, with the exit code under ``code``."""
        search = os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH", ""))))
        environment = os.environ | {"FTDOJO_HOME": str(home or self.home), "PYTHONPATH": search}
        done = subprocess.run(
            [sys.executable, "-m", "graph", "verify", str(place), "--json"],
            capture_output=True,
            text=True,
            env=environment,
            timeout=GIVE_UP_SECONDS,
            cwd=self.folder,
        )
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            found = {"checks": [], "failed": (done.stderr or done.stdout)[-300:]}
        return found | {"code": done.returncode, "place": str(place)}
