"""Interruption of a run by Ctrl-C, SIGTERM or SIGHUP: its step ends within seconds, and can be taken anew.

LangGraph takes steps in a thread and waits for them, so an interrupt that is only raised here would wait for
the training under way. The handler ends the children instead; the step fails with ``Interrupted``, nothing is
recorded of it, and the run closes in order. What runs in this process and looks at no flag (curation, a
language model's reply) has ``GRACE_SECONDS``; then the process ends where it is, which a run survives
like any kill. A second signal ends it at once.

Only the main thread can be told of signals: elsewhere (a server) nothing is changed.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from tasks.errors import Interrupted

GRACE_SECONDS = 8.0
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
SHOW_CURSOR = "\x1b[?25h"


class Interruption:
    """What happens on a signal; made by ``interruptible``."""

    def __init__(self) -> None:
        self.number = 0
        """Of the first signal that came; 0 for none."""
        self.run_dir: Path | None = None
        """The run that is open or being begun; None before there is one."""
        self.end_step: Callable[[], None] | None = None
        """Ends the step under way; None while the main thread itself works, and is raised in."""
        self._timer: threading.Timer | None = None

    @property
    def code(self) -> int:
        """The process's exit code."""
        return 128 + self.number

    def text(self) -> str:
        """What is told, in one line."""
        name = signal.Signals(self.number or signal.SIGINT).name
        if self.run_dir is None or not _has_begun(self.run_dir):
            return f"interrupted ({name}) before the run began: nothing was spent"
        return (
            f"interrupted ({name}): nothing finished is lost; go on with "
            f"`ftdojo resume {shlex.quote(str(self.run_dir))}`"
        )

    def error(self) -> Interrupted:
        """What is raised."""
        return Interrupted(self.text(), self.code)

    def begins(self, run_dir: Path) -> None:
        """A run is being begun in this folder."""
        self.run_dir = run_dir

    @contextmanager
    def in_steps(self, end_step: Callable[[], None]) -> Iterator[None]:
        """Within the block a signal ends the step instead of raising in the main thread."""
        self.end_step = end_step
        try:
            yield
        finally:
            self.end_step = None

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        if self.number:
            self._leave()
        self.number = number
        self._timer = threading.Timer(GRACE_SECONDS, self._leave)
        self._timer.daemon = True
        self._timer.start()
        if self.end_step is None:
            raise self.error()
        self.end_step()

    def _leave(self) -> None:
        """End the process where it is; its children end with their sockets."""
        with suppress(OSError):
            cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{cursor}{self.text()}\n".encode())
        os._exit(self.code)

    def over(self) -> None:
        """The run has closed in order."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Within the block signals interrupt a run as the module says.

    Raises:
        Interrupted: a signal came; in place of whatever the step made of it.
    """
    interruption = Interruption()
    with _handlers(interruption):
        try:
            yield interruption
        except BaseException:
            if interruption.number:
                raise interruption.error() from None
            raise
        finally:
            interruption.over()


@contextmanager
def _handlers(interruption: Interruption) -> Iterator[None]:
    """The handlers for the block; a signal that is ignored (``nohup``) stays so."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, interruption.on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _has_begun(run_dir: Path) -> bool:
    """Whether the first line of the journal is written: then the run can be gone on with."""
    try:
        with (run_dir / "journal.jsonl").open("rb") as journal:
            return journal.readline().endswith(b"\n")
    except OSError:
        return False
