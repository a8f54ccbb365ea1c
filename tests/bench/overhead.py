"""Overhead of what a run does only to be checked and to survive (``python -m tests.bench.overhead``).

One real run with timers around these parts, patched in by name: digests, the journal's chain, writing that
waits for the disk, clock ticks, room on the disk, credentials taken out, the log. They all run in the main
process; children train and answer as they would without. Each part counts what it takes itself, without the
parts that it calls. Wall-clock holds what other programs took meanwhile; processor time does not.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

import ftdojo
from graph.settings import parse_duration

PARTS: dict[str, tuple[str, ...]] = {
    "waiting for the disk": ("os:fsync", "os:fdatasync"),
    "journal lines, their chain": ("memory.journal.log:Journal.append",),
    "digests of files and weights": (
        "tasks.official.files:sha256_of",
        "tools.evidence:Evidence.vouch",
        "tools.evidence:Evidence.vouch_model",
        "tools.evidence:Evidence.holds",
        "tools.evidence:Evidence.knows",
        "tools.verification.file_digests:FileDigests.of",
    ),
    "digests of answers": ("tools.evidence:Evidence.write_jsonl",),
    "foundations at the start": ("graph.unchanged:record_foundations",),
    "digests of rows": ("tools.sealed_test:digest_of", "tools.sealed_test:data_digest"),
    "lengths of the last prompts": (
        "tools.evaluation.workload:lengths_of",
        "tools.evaluation.reserve:Reserve.of",
    ),
    "clock ticks": ("memory.budget.heartbeat:Heartbeat._write",),
    "room on the disk": (
        "tools.disk:require",
        "tools.disk:used_bytes",
        "tools.disk:full_place",
        "tools.checks.kept_weights:within",
    ),
    "credentials taken out": ("tasks.credentials:cleared", "tasks.credentials:without_credentials"),
    "files written whole": ("tools.workspace:Workspace.write_text",),
    "log": ("graph.run_log:log",),
}
BESIDE = ", in a thread beside the run"
"""Of a part's name; the run does not wait for it."""
WANTED = 0.02
"""Of the budget."""


@dataclass
class Spent:
    """What one part took."""

    calls: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass
class Timers:
    """Exclusive times by part."""

    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    _open: threading.local = field(default_factory=threading.local)

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed; what timed functions within it take is theirs."""

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            stack = self._open.__dict__.setdefault("stack", [])
            stack.append([0.0, 0.0])
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                took = (time.perf_counter() - wall, time.thread_time() - cpu)
                inner = stack.pop()
                beside = threading.current_thread().name == "heartbeat"
                mine = self.spent[f"{part}{BESIDE}" if beside else part]
                mine.calls += 1
                mine.wall_seconds += took[0] - inner[0]
                mine.cpu_seconds += took[1] - inner[1]
                if stack:
                    stack[-1][0] += took[0]
                    stack[-1][1] += took[1]

        return timed


def put_around(timers: Timers) -> None:
    """Put a timer around every function of ``PARTS``, wherever it was imported to."""
    importlib.import_module("graph.nodes")
    for part, places in PARTS.items():
        for place in places:
            module, _, name = place.partition(":")
            owner: Any = importlib.import_module(module)
            *inside, last = name.split(".")
            for each in inside:
                owner = getattr(owner, each)
            old = owner.__dict__[last]
            if isinstance(old, classmethod):
                setattr(owner, last, classmethod(timers.around(part, old.__func__)))
                continue
            new = timers.around(part, old)
            setattr(owner, last, new)
            for loaded in list(sys.modules.values()) if not inside else ():
                if getattr(loaded, "__dict__", {}).get(last) is old:
                    setattr(loaded, last, new)


def main(
    task: Annotated[str, typer.Argument(help="Task to run.")] = "tablebench_numerical_reasoning",
    budget: Annotated[str, typer.Option(help="Of the run.")] = "5m",
) -> None:
    """Run once, and print seconds by part."""
    timers = Timers()
    put_around(timers)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FTDOJO_HOME"] = folder
        began = time.monotonic()
        found = ftdojo.run(task, budget=budget, memory="off", answer_cache="off", runs_dir=f"{folder}/runs")
        lasted = time.monotonic() - began
        kept = [*Path(folder).rglob("*")]
        size = sum(path.stat().st_size for path in kept if path.is_file())
    sys.stdout.write(table(timers, parse_duration(budget)))
    done = found["kept"] + found["discarded"] + found["failed"]
    told = f"{task}: {done} experiments in {lasted:.0f} s, {size / 1e6:.0f} MB written"
    sys.stdout.write(f"\n{told}\n")


def table(timers: Timers, budget_seconds: float) -> str:
    """Markdown: seconds by part, the largest first, and their share of the budget."""
    lines = ["| part | calls | wall-clock s | processor s | share of the budget |", "|---|---|---|---|---|"]
    total = Spent()
    for part, spent in sorted(timers.spent.items(), key=lambda item: -item[1].wall_seconds):
        lines.append(_row(part, spent, budget_seconds))
        if part.endswith(BESIDE):
            continue
        total.calls += spent.calls
        total.wall_seconds += spent.wall_seconds
        total.cpu_seconds += spent.cpu_seconds
    lines.append(_row("together", total, budget_seconds))
    kept = "under" if total.wall_seconds <= WANTED * budget_seconds else "over"
    return "\n".join([*lines, "", f"{kept} {WANTED:.0%} of {budget_seconds:.0f} s"]) + "\n"


def _row(part: str, spent: Spent, budget_seconds: float) -> str:
    share = spent.wall_seconds / budget_seconds
    return f"| {part} | {spent.calls} | {spent.wall_seconds:.2f} | {spent.cpu_seconds:.2f} | {share:.2%} |"


if __name__ == "__main__":
    typer.run(main)
