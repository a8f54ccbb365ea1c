"""Prefork servers, the part that two of them share: processes that import slow libraries once and fork a
child per job.

| | ``tools.process.fork_server`` | ``tools.sandbox.driver`` |
|---|---|---|
| jobs | the project's own, several at once | foreign scripts, one at a time |
| channel | a socket pair per job | the server's standard input and output |
| a child's output | its log file | pipes, read to a bound |
| a child's end | its process group is killed, the kernel's account told | every descendant is ended |
| started | beside its caller | in bubblewrap, or confined by Landlock |

Shared are the messages, the imports, and the caller's hold on the process. The loops are not: the
first waits for many children and must not care what they do, the second watches one child and trusts
it in nothing. Only the standard library is imported, because a sandbox shows this file to its driver
and hardly another.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CHUNK = 1 << 20


class JsonLines:
    """Messages as JSON, one a line, between two processes.

    Args:
        source: descriptor to read from; it becomes non-blocking, as ``target`` does.
        target: descriptor to write to, the same one for a socket.
    """

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target
        self.buffer = bytearray()
        for descriptor in (source, target):
            os.set_blocking(descriptor, False)

    def send(self, message: Mapping[str, Any], seconds: float | None = None) -> None:
        """Writes a whole message.

        Raises:
            ConnectionError: the other side is gone.
            TimeoutError: it did not read for ``seconds``.
        """
        waiting = memoryview(json.dumps(message).encode() + b"\n")
        while waiting:
            try:
                waiting = waiting[os.write(self.target, waiting) :]
            except BlockingIOError:
                _wait(self.target, selectors.EVENT_WRITE, seconds)

    def receive(self, seconds: float | None = None) -> dict[str, Any] | None:
        """The next message; None when the other side has ended.

        Raises:
            TimeoutError: it is not there within ``seconds``; without, the wait has no end.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while (message := self.take()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            _wait(self.source, selectors.EVENT_READ, left)
            if not self.fill():
                return None
        return message

    def fill(self) -> bool:
        """Reads what is there; False at the end of the stream. For loops that wait by themselves."""
        try:
            chunk = os.read(self.source, CHUNK)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self.buffer += chunk
        return bool(chunk)

    def take(self) -> dict[str, Any] | None:
        """The next message of what was read; None while it is not whole.

        Raises:
            ConnectionError: the other side writes something else than messages.
        """
        end = self.buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise ConnectionError(f"no message: {line[:60]!r}")
        return message


def _wait(descriptor: int, event: int, seconds: float | None) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        # A selector takes a time that is not positive as: look, and do not wait.
        if not selector.select(seconds):
            raise TimeoutError


def preload(modules: Iterable[str], *, may_be_missing: bool = False) -> None:
    """Imports modules for all children to come, and keeps the collector off the pages that they share."""
    for name in modules:
        with contextlib.suppress(ImportError) if may_be_missing else contextlib.nullcontext():
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


class ServerProcess:
    """A server as its caller holds it: the process, and a file with what it printed.

    Args:
        command: its command line.
        environment: all of its variables.
        pipes: talk over its standard input and output; else it reads nothing and prints into the file.
        cwd: its working directory; by default the caller's.
        pass_fds: descriptors that it inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        pipes: bool = False,
        cwd: str | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        try:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else self.log,
                stderr=self.log,
                cwd=cwd,
                pass_fds=pass_fds,
                start_new_session=True,  # a Ctrl-C in the terminal reaches the caller only
            )
        except OSError:
            self.log.close()
            raise

    def printed(self) -> str:
        """What it printed until its end, which is waited for for a second."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()

    def stop(self, seconds: float) -> None:
        """Ends it by the end of its input, or of a socket that the caller has closed; else by force."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.log.close()

    def kill(self) -> None:
        """Ends it and all below it at once.

        Each is killed by itself: bubblewrap, without its rights, cannot signal the other
        user that its child has become, so its own death does not end the child.
        """
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            for below in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    below.kill()
        self.process.kill()
        self.process.wait()
