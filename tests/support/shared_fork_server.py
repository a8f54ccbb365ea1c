"""A fork server for all workers of a test process: its imports are paid once and not by each run.

They take four processor seconds, which is half of what a small run costs. A worker leases the one server:
what it ends when it closes is its own jobs. What is under test is the real loop of
``tools.process.fork_server``, and a server with other modules or another environment is its worker's own.
"""

from __future__ import annotations

import contextlib
import socket
import weakref
from collections.abc import Mapping

import tools.process.worker
from tools.process.fork_server import PRELOAD

OwnServer = tools.process.worker._Server

_shared: list[OwnServer] = []
"""The live one is the last: a test may have killed those before it."""


class Lease:
    """What a worker sees of the shared server: all that its own would offer."""

    def __init__(self, own: OwnServer) -> None:
        self._own = own
        self._connections: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.server, self.control, self.fault = own.server, own.control, own.fault

    def connect(self, jobs: socket.socket | None = None) -> socket.socket:
        """A connection for one job, remembered."""
        connection = self._own.connect(jobs)
        self._connections.add(connection)
        return connection

    def end(self) -> None:
        """Ends this worker's jobs; whoever waits for one hears of it."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """As ``end``: the server goes on for others, and dies with the test process."""
        self.end()


def lease_or_own(environment: Mapping[str, str], preload: tuple[str, ...]) -> Lease | OwnServer:
    """In place of ``_Server``."""
    if preload != PRELOAD or dict(environment) != tools.process.worker.ENVIRONMENT:
        return OwnServer(environment, preload)
    if not _shared or _shared[-1].server.process.poll() is not None:
        _shared.append(OwnServer(environment, preload))
    return Lease(_shared[-1])
