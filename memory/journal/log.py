"""The journal: what a run did, append-only, one event a line. It is the truth.

What is derived from it stands in ``memory.journal.history``, never beside it on the disk. Every
append is idempotent by (kind, experiment), because a step may run twice after a kill;
the first record stands. When ``append`` has returned, the record is on the disk. Each line names the
digest of the one before it (``memory.journal.chain``), which is kept: nothing is read again.

    with Journal.open(path) as journal:
        journal.append("plan", plan, experiment="e01")
        journal.champion_id()
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from memory.journal.chain import NO_CHAIN, Chain
from memory.journal.durable import FileLock, append_line, set_aside, sync_folder, unwritable
from memory.journal.events import (
    ABOUT_EXPERIMENTS,
    KINDS,
    ONCE,
    STAGES,
    Event,
    Kind,
    as_read,
    encode,
    plain,
    read_log,
)
from memory.journal.history import BASE, History, run_info
from memory.recipe import Record
from memory.records import Outcome, RunInfo
from tasks.credentials import cleared
from tasks.errors import HarnessFault, InputError

__all__ = ["BASE", "Journal"]


class Journal(History):
    """One run's journal, as a file. Made by ``Journal.create`` or ``Journal.open``."""

    def __init__(self, path: Path, events: list[Event], lock: FileLock | None, chain: Chain) -> None:
        super().__init__(path, events)
        self._chain = chain
        self.recovered: str | None = None
        """What was set aside on opening, in one sentence; None when nothing was."""
        self.clock_source: Callable[[], dict[str, float]] | None = None
        """Set by the ledger: its totals are written with every event."""
        self._lock = lock
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND) if lock else None
        self._threads = threading.Lock()

    # ---- opening and closing

    @classmethod
    def create(cls, path: Path, info: RunInfo) -> Journal:
        """Start a run: the folder is made, and the first event holds ``info``.

        Raises:
            InputError: a journal is there already, or the folder cannot be written.
            HarnessFault: the disk is full.
        """
        chain = Chain()
        first = Event(0, _now(), "run_started", None, as_read(info.model_dump(mode="json")), prev=chain.head)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path.with_suffix(".lock"))
            lock.acquire()
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            if path.exists() and path.stat().st_size:
                raise InputError(
                    str(path.parent), "holds a run already", "resume it, or choose another folder"
                )
            # Written aside and renamed, so that no journal without its first record ever exists.
            partial = path.with_suffix(".new")
            with partial.open("wb") as file:
                file.write(encode(first))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
            chain.add(encode(first), first.prev)
            return cls(path, [first], lock, chain)
        except OSError as error:
            lock.release()
            raise unwritable(path, error) from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: Path, *, write: bool = True) -> Journal:
        """Read a run's journal; with ``write``, become its one writer and mend a torn end.

        A last record that was cut or altered is moved to ``journal.torn`` beside the
        journal, and a note says so. A reader (``write=False``) takes no lock, changes
        nothing and leaves such a record out.

        Raises:
            InputError: missing, foreign, altered before its end, or written by another process.
        """
        if not path.is_file():
            raise InputError(str(path), "there is no journal", "name the folder of a run")
        lock = FileLock(path.with_suffix(".lock")) if write else None
        if lock:
            lock.acquire()
        try:
            contents = read_log(path)
            run_info(path, list(contents.events))  # before anything is mended: a foreign file stays as it is
            torn = set_aside(path, contents.torn, contents.good_bytes) if lock and contents.torn else None
            journal = cls(path, list(contents.events), lock, contents.chain)
            if journal._fd is not None and contents.missing_newline:
                append_line(journal._fd, b"\n", path)
        except BaseException as error:
            if lock:
                lock.release()
            if isinstance(error, OSError):
                raise unwritable(path, error) from error
            raise
        if contents.torn:
            journal._report_torn(contents.torn, torn)
        return journal

    @property
    def head(self) -> str:
        """The digest of the last line, which fixes all before it; ``no chain`` in earlier versions' runs."""
        return self._chain.text

    def head_at(self, kind: Kind) -> str:
        """The head as it was after the last event of a kind; as it is now where there is none.

        What is written again from the journal then names the same head again.
        """
        place = next((event.seq for event in reversed(self.events) if event.kind == kind), None)
        if place is None or place + 1 == len(self.events):
            return self.head
        return self.events[place + 1].prev or NO_CHAIN

    def _report_torn(self, fragment: bytes, torn: Path | None) -> None:
        torn_bytes = len(fragment)
        what = f"the last record was cut or altered ({torn_bytes} bytes)"
        if torn is None:
            self.recovered = f"{what}; it is left out, the {len(self.events)} before it are whole"
            return
        self.recovered = f"{what} and was moved to {torn.name}; the {len(self.events)} before it are whole"
        self.note(self.recovered, torn={"bytes": torn_bytes, "sha256": sha256(fragment).hexdigest()})

    def close(self) -> None:
        """Give up writing; what was read stays readable."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- writing

    def append(self, kind: Kind, data: Record | dict[str, Any], experiment: str | None = None) -> bool:
        """Record one event; it is on the disk when this returns.

        Returns:
            False when the run or the experiment has this record already: the first one stands.

        Raises:
            ValueError: an unknown kind, or a stage without its experiment (a bug of ours).
            HarnessFault: the disk is full, or the journal was opened for reading.
        """
        if kind not in KINDS or not (
            experiment is not None if kind in STAGES else _may_name(kind, experiment)
        ):
            raise ValueError(f"{kind!r} of experiment {experiment!r} is not an event of the journal")
        with self._threads:
            if self._fd is None:
                raise HarnessFault(f"{self.path}: opened for reading only")
            if self._has(kind, experiment):
                return False
            content = cleared(plain(data.model_dump(mode="json") if isinstance(data, Record) else data))
            content = as_read(content)
            clocks = as_read(self.clock_source()) if self.clock_source else None
            prev = self._chain.head
            event = Event(len(self.events), _now(), kind, experiment, content, clocks, prev)
            try:
                self.events.append(event)
                line = encode(event)
                append_line(self._fd, line, self.path)
            except BaseException:
                del self.events[event.seq :]
                raise
            self._chain.add(line, prev)
            self._take_in(event)
            return True

    def note(self, text: str, experiment: str | None = None, **facts: Any) -> None:
        """Record something worth saying that is no stage: ``{"text": text, **facts}``."""
        self.append("note", {"text": text, **facts}, experiment)

    def heartbeat(self) -> None:
        """Record the ledger's totals now, so that a kill loses less of the time spent."""
        self.append("heartbeat", {})

    def finish(self, experiment: str, outcome: Outcome) -> bool:
        """Close an experiment. Its clocks are derived from the ledger's totals in the journal."""
        return self.append("finished", {"outcome": outcome}, experiment)

    def _has(self, kind: str, experiment: str | None) -> bool:
        if kind == "run_ended":
            return self.over
        return kind in STAGES | ONCE and (kind, experiment) in self._index


def _may_name(kind: str, experiment: str | None) -> bool:
    """Whether an event that is no stage may be filed under this experiment, or under none."""
    return experiment is None or kind in ABOUT_EXPERIMENTS


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
