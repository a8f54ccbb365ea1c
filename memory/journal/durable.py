"""Writing that survives a kill and a full disk: whole lines, and one writer at a time.

Covered: a process killed at any moment, a disk that fills up, two writers at once.
Not covered: a disk that loses what ``fsync`` promised, and network file systems
without working ``flock``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tasks.errors import FULL, MENDS, DiskFull, HarnessFault, InputError, MachineFault

POLL_SECONDS = 0.02


class FileLock:
    """An exclusive lock on a file beside the data; the system frees it when its holder dies.

    ``flock`` belongs to the open file, so it also keeps two holders in one process
    apart, and the descriptor is closed in programs that this process starts.
    """

    def __init__(self, path: Path, wait_seconds: float = 0.0) -> None:
        self.path = path
        self.wait_seconds = wait_seconds
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, waiting at most ``wait_seconds``.

        Raises:
            InputError: another holder keeps it, or the folder cannot be written.
        """
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(self.path, error) from error
        deadline = time.monotonic() + self.wait_seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(POLL_SECONDS)
                    continue
                os.close(fd)
                raise InputError(
                    str(self.path.parent),
                    "is being written by another process",
                    "wait until it ends, or choose another folder",
                ) from None
            except OSError as error:
                os.close(fd)
                raise unwritable(self.path, error) from error
            self._fd = fd
            return

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def unwritable(path: Path, error: OSError) -> InputError | HarnessFault:
    """The error for a place that cannot be written: the user's choice, or a full disk."""
    if error.errno in FULL:
        return DiskFull(f"{path}: {error.strerror}; everything recorded before is safe")
    if error.errno in (errno.EIO, errno.EMFILE, errno.ENFILE):
        return MachineFault(f"{path}: {error.strerror}; everything recorded before is safe")
    return InputError(
        str(path.parent), f"cannot be written ({error.strerror})", "choose a folder that you may write to"
    )


def append_line(fd: int, line: bytes, path: Path) -> None:
    """Append one whole line and wait until it is on the disk; on failure leave the file as it was.

    Args:
        fd: a descriptor opened with ``O_APPEND``.
        line: the line with its newline; written in one call, so that a reader never
            sees two writers' bytes mixed.
        path: the file's name, for the message.

    Raises:
        DiskFull: no space is left.
        MachineFault: the disk is failing.
    """
    size = os.fstat(fd).st_size
    try:
        written = os.write(fd, line)
        if written < len(line):  # the system stores what still fits, and says no more than that
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(fd)
    except BaseException as error:  # an interrupt too: half a record must not stay behind
        with suppress(OSError):  # when even this fails, the next reader sets the torn record aside
            os.ftruncate(fd, size)
            os.fsync(fd)
        if isinstance(error, OSError):
            kind = DiskFull if error.errno in FULL else MachineFault
            fix = (
                "free some space" if kind is DiskFull else MENDS.get(error.errno or 0, "look after the disk")
            )
            raise kind(
                f"{path}: cannot be written ({error.strerror}); "
                f"everything recorded before is safe: {fix} and resume"
            ) from error
        raise


def sync_folder(folder: Path) -> None:
    """Make a new or renamed file's name durable, which ``fsync`` on the file does not promise."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def set_aside(path: Path, fragment: bytes, keep_bytes: int) -> Path:
    """Move a torn tail of ``path`` into ``<stem>.torn`` beside it and cut ``path`` to ``keep_bytes``.

    The fragment is on the disk before the file is cut: a kill in between repeats the
    move, and loses nothing.

    Raises:
        HarnessFault: the disk is full or failing.
    """
    torn = path.with_suffix(".torn")
    try:
        fd = os.open(torn, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise unwritable(torn, error) from error
    try:
        append_line(fd, fragment.rstrip(b"\n") + b"\n", torn)
    finally:
        os.close(fd)
    with path.open("r+b") as file:
        file.truncate(keep_bytes)
        os.fsync(file.fileno())
    return torn
