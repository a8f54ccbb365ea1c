"""Progress of a training: what it says of itself while it goes on, and how its caller listens.

The training writes a JSON line at most once a second into ``progress.jsonl`` of its experiment's
folder; the caller follows the file from a thread. It is for eyes, not for decisions: nothing of it
goes into the journal. A line:

    {"step", "steps", "loss", "learning_rate", "tokens", "tokens_per_second", "peak_gib", "seconds_left",
     "idle_share", "mfu"}

``tokens_per_second``, ``idle_share`` and ``mfu`` are about the time since the line before;
``seconds_left`` is what the training's own steps still take. Values that are not known are null.
"""

from __future__ import annotations

import contextvars
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tools.process.machine import peak_gib_since
from tools.training import ranks
from tools.training.flops import model_flops_per_token, peak_flops

PROGRESS_FILE = "progress.jsonl"
LINE_SECONDS = 1.0
"""The shortest time between two lines; the first and the last step always have one."""
LOOK_SECONDS = 0.5
"""How often the caller looks for new lines."""

RATES = ("tokens_per_second", "peak_gib", "idle_share", "mfu")

Hear = Callable[[dict[str, Any]], None]
"""Takes one line of a training's progress."""


class Progress:
    """The training's side: counts, and writes what is worth a line.

    Args:
        path: the file; begun anew. None counts without writing.
        threads: of a training on the CPU; how much of them stood idle is told.
        flops_per_token: see ``tools.training.flops``.
        peak_flops: of all devices that train; None where it is not known, as on a CPU.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        path: Path | None,
        threads: int,
        flops_per_token: float = 0.0,
        peak_flops: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.threads, self.clock = path, threads, clock
        self.flops_per_token, self.peak_flops = flops_per_token, peak_flops
        self.latest: dict[str, Any] = {}
        self._began: tuple[float, int] | None = None
        self._line = (clock(), time.process_time(), 0)
        """Wall-clock, processor time and tokens at the last line."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")

    @property
    def rates(self) -> dict[str, float]:
        """Of the latest line, what trackers are told: speed, memory, idle share, MFU, where known."""
        return {key: self.latest[key] for key in RATES if self.latest.get(key) is not None}

    def step(self, step: int, steps: int, loss: float, learning_rate: float, tokens: int) -> None:
        """One step has ended.

        Args:
            step: its number, from 1.
            steps: at how many training will end, as far as is known.
            loss: of this step.
            learning_rate: at this step.
            tokens: of all steps so far.
        """
        now = self.clock()
        first = self._began is None
        began, began_step = self._began = self._began or (now, step)
        if not first and step < steps and now - self._line[0] < LINE_SECONDS:
            return
        # The first step also pays for the kernels' set-up: it is no measure of those to come.
        pace = (now - began) / (step - began_step) if step > began_step else None
        self.latest = {
            "step": step,
            "steps": steps,
            "loss": loss if math.isfinite(loss) else None,
            "learning_rate": learning_rate,
            "tokens": tokens,
            "seconds_left": None if pace is None else round(pace * (steps - step), 1),
            "peak_gib": round(peak_memory_gib(), 3),
            **self._rates(now, tokens),
        }
        if self.path is not None:
            # A disk that is full ends a training where its result is lost, not where its picture is.
            with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.latest) + "\n")

    def _rates(self, now: float, tokens: int) -> dict[str, float | None]:
        since, cpu_since, tokens_since = self._line
        cpu = time.process_time()
        self._line = (now, cpu, tokens)
        if now <= since:
            return {"tokens_per_second": None, "idle_share": None, "mfu": None}
        speed = (tokens - tokens_since) / (now - since)
        mfu = speed * self.flops_per_token / self.peak_flops if self.peak_flops else None
        return {
            "tokens_per_second": round(speed, 1),
            "idle_share": idle_share((cpu - cpu_since) / (now - since) / self.threads),
            "mfu": None if not mfu else round(mfu, 4),
        }


def progress_of(trainer: Any, path: Path) -> Progress:
    """What tells of a trainer's progress; made in the process that trains, before the first step."""
    torch = sys.modules["torch"]
    length = sum(trainer.lengths) / len(trainer.lengths)
    peak = None
    if torch.cuda.is_available() and trainer.args.bf16:
        peak = peak_flops(torch.cuda.get_device_name())
    if peak is not None:
        peak *= ranks.world_size()  # the tokens are those of all of them
    written = path if ranks.is_first() else None
    return Progress(written, torch.get_num_threads(), model_flops_per_token(trainer.model, length), peak)


def peak_memory_gib() -> float:
    """The largest memory of this process so far: the GPU's where there is one, else the resident set."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / (1 << 30)
    return peak_gib_since()


def idle_share(busy_cores: float) -> float | None:
    """The share of time without work: of the GPU by its driver, of the cores by what they were busy.

    None for a GPU whose driver cannot be asked (package ``nvidia-ml-py``).
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return round(min(1.0, max(0.0, 1.0 - busy_cores)), 3)
    try:
        return round(1.0 - float(torch.cuda.utilization()) / 100, 3)
    except (ImportError, RuntimeError):
        return None


@contextmanager
def following(path: Path, hear: Hear | None) -> Iterator[None]:
    """Hands every line that is written to ``path`` during the block to ``hear``, from a thread."""
    if hear is None:
        yield
        return
    path.unlink(missing_ok=True)  # of an earlier attempt
    done = threading.Event()
    context = contextvars.copy_context()  # LangGraph's writer asks it which node speaks
    thread = threading.Thread(target=context.run, args=(_follow, path, hear, done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _follow(path: Path, hear: Hear, done: threading.Event) -> None:
    read = 0
    while True:
        ended = done.wait(LOOK_SECONDS)
        for line in _whole_lines(path, read):
            read += len(line)
            if (told := _told(line)) is not None:
                hear(told)
        if ended:
            return


def _told(line: bytes) -> dict[str, Any] | None:
    """The figures of a line; None where it holds none: a child's file is never worth the run."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _whole_lines(path: Path, start: int) -> list[bytes]:
    """The lines from a position on; one that is still being written is left for the next look."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return [line for line in file if line.endswith(b"\n")]
    except OSError:  # not there yet, or no descriptor is free: the next look may find it
        return []
