"""Heartbeat of a run: its clocks on the disk every few seconds, so that a kill gives no time back.

The journal writes the clocks with every event, and a training may go on for an hour between two of them. So
they also stand in ``clocks.json`` beside it, one line that is written over in place: it needs no new room on
a full disk, and a journal of heartbeats alone would be long and say nothing. Whoever attaches a ledger takes
whichever of the two has counted further, so nothing is gained by removing or altering the file.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

FILE = "clocks.json"
EVERY_SECONDS = 2.0
"""What a kill may give back, and some milliseconds."""
LINE_BYTES = 512
"""Room for the line; one page of any file system, so that it is there whole or not at all."""


class Heartbeat:
    """Writes a ledger's totals from a thread until it is closed.

    Args:
        run_dir: the run's folder.
        totals: seconds by clock, with ``elapsed``; called from the thread.
        every_seconds: between two beats.
    """

    def __init__(
        self,
        run_dir: Path,
        totals: Callable[[], Mapping[str, float]],
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self.path, self._totals, self._every = run_dir / FILE, totals, every_seconds
        self._done, self._before = threading.Event(), b""
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> Heartbeat:
        """Begin, with a first beat at once."""
        with suppress(OSError):
            self._before = self.path.read_bytes()
        self._write()
        self._thread.start()
        return self

    def close(self) -> None:
        """Write a last time and end; without effect the second time."""
        if not self._done.is_set():
            self._done.set()
            self._thread.join()
            self._write()

    def withdraw(self) -> None:
        """End as if it had never begun: of a run that was refused no time is spent."""
        if self._done.is_set():
            return
        self._done.set()
        self._thread.join()
        with suppress(OSError):
            if self._before:
                self.path.write_bytes(self._before)
            else:
                self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._done.wait(self._every):
            self._write()

    def _write(self) -> None:
        """A disk that cannot be written is the journal's to report; until then it has the clocks as well."""
        line = json.dumps(dict(self._totals()), separators=(",", ":")).encode()
        with suppress(OSError):
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(fd, line.ljust(LINE_BYTES - 1) + b"\n", 0)
                os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)
            finally:
                os.close(fd)


def last_beat(run_dir: Path) -> dict[str, float]:
    """The totals of the last beat; empty where there is none, or none that is whole."""
    try:
        found = json.loads((run_dir / FILE).read_bytes())
        totals = {str(clock): float(seconds) for clock, seconds in found.items()}
    except (OSError, ValueError, RecursionError, AttributeError, TypeError, OverflowError):
        return {}
    sane = all(math.isfinite(seconds) and seconds >= 0.0 for seconds in totals.values())
    return totals if sane and "elapsed" in totals else {}
