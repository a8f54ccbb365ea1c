"""Fuzzing of every parser of foreign text: a table of inputs tried, and of promises broken.

``python -m tests.bench.fuzz [NAME...] --seconds 20 --seed 1 --engine all --keep FOLDER``

A name selects the targets that hold it. Each target is tried by each engine for so many seconds, in a
process of its own: *mutation* changes valid inputs, *hypothesis* draws them, *atheris* (``pip install
atheris``, where it can be had) changes those that reach new branches. Inputs that break a promise are kept
with their tracebacks, made smaller where that is quick. Ends with 1 where there is one.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tests.bench.fuzz import trial
from tests.bench.fuzz.registry import PART_OF, TARGETS
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.trial import ENGINES
from tests.bench.fuzz.watched import Watched

HANG_SECONDS = 60
"""Wall-clock without a new input after which a process is ended."""
START_SECONDS = 300


@dataclass
class Outcome:
    """What an engine found in a target, over all processes that it took."""

    count: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    found: dict[str, str] = field(default_factory=dict)

    def row(self, target: str, engine: str) -> str:
        """A line of the table."""
        pace = self.count / self.seconds if self.seconds else 0.0
        crashes = f"{len(self.found)}: {', '.join(sorted(self.found))}" if self.found else "0"
        return f"| {target} | {engine} | {self.count:,} | {pace:,.0f} | {self.slowest:.3f} | {crashes} |"


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Parts of the names of targets.")] = None,
    seconds: Annotated[float, typer.Option(help="For each target and engine.")] = 20.0,
    seed: int = 1,
    engine: Literal["mutation", "hypothesis", "atheris", "all"] = "all",
    keep: Annotated[Path, typer.Option(help="For inputs that break a promise.")] = Path("crashes"),
) -> None:
    """Try them one after another."""
    engines = list(ENGINES) if engine == "all" else [engine]
    if "atheris" in engines and importlib.util.find_spec("atheris") is None:
        engines.remove("atheris")
        typer.echo("atheris is not installed here (`pip install atheris`): no input is guided by coverage")
    typer.echo("| target | engine | executions | a second | slowest, s | promises broken |")
    typer.echo("|---|---|---|---|---|---|")
    total, broken = 0, 0
    for name, target in TARGETS.items():
        if names and not any(part in name for part in names):
            continue
        for each in engines:
            outcome = _try(target, each, seconds, seed, keep)
            typer.echo(outcome.row(name, each))
            total, broken = total + outcome.count, broken + len(outcome.found)
    typer.echo(f"\n{total:,} executions, {broken} promises broken")
    raise SystemExit(bool(broken))


def _try(target: Target, engine: str, seconds: float, seed: int, keep: Path) -> Outcome:
    """An engine's time on a target; after an input that kills or hangs its process, with another seed."""
    outcome = Outcome()
    while (left := seconds - outcome.seconds) > 0.5 and len(outcome.found) < 20:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            request = {
                "target": target.name,
                "part": PART_OF[target.name],
                "engine": engine,
                "seconds": left,
                "seed": seed,
                "kept": str(keep.absolute()),
                "folder": folder,
            }
            died, content = _process(request, Path(folder))
            told = _result(Path(folder))
        outcome.count += told["count"]
        outcome.seconds += max(told["seconds"], 0.1)
        outcome.slowest = max(outcome.slowest, told["slowest"])
        outcome.found |= told["found"]
        if not died:
            break
        name = f"{target.name.replace('/', '_').replace(' ', '_')}--{died}-{seed}"
        outcome.found[f"{died}-{seed}"] = name
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{name}.bin").write_bytes(content)
        seed += 1000
    return outcome


def _process(request: dict[str, Any], folder: Path) -> tuple[str, bytes]:
    """(how it died, of which input); "" where it came to its end."""
    watched = Watched(folder / "input")
    process = _start(request, folder / "log")
    last, since = 0, time.monotonic()
    while (code := process()) is None:
        time.sleep(0.1)
        count, content = watched.get()
        if count != last:
            last, since = count, time.monotonic()
        if time.monotonic() - since > (HANG_SECONDS if count else START_SECONDS):
            process(end=True)
            return "hang", content
    if code == 0:
        return "", b""
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")
    count, content = watched.get()
    if not count:
        raise SystemExit(f"{request['target']}: the trial did not start:\n{said[-3000:]}")
    typer.echo(said[-1500:], err=True)
    return f"death{code}", content


def _start(request: dict[str, Any], log: Path) -> Callable[..., int | None]:
    """Starts a trial; what is returned says how it ended, None while it goes on, and can end it.

    A fork has imported everything already; atheris must see each import.
    """
    if request["engine"] == "atheris":
        command = [sys.executable, "-m", "tests.bench.fuzz.trial", json.dumps(request)]
        with log.open("wb") as out:
            child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

        def ended(end: bool = False) -> int | None:
            if end:
                child.kill()
                return child.wait()
            return child.poll()

        return ended
    fork = multiprocessing.get_context("fork").Process(target=_forked, args=(request, log))
    fork.start()

    def over(end: bool = False) -> int | None:
        if end:
            fork.kill()
        fork.join(None if end else 0)
        return fork.exitcode

    return over


def _forked(request: dict[str, Any], log: Path) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    trial.main(request)


def _result(folder: Path) -> dict[str, Any]:
    file = folder / "result.json"
    if not file.exists():
        return {"count": 0, "seconds": 0.0, "slowest": 0.0, "found": {}}
    return dict(json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    typer.run(main)
