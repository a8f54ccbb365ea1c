"""HTTP for chat models with a limit on a reply's whole time and size.

The timeout of an HTTP client restarts with every byte: a server that sends one now and
then holds a caller for ever, and one that never ends fills the memory. Here a body has
one deadline and one size, and going beyond them is the client's own kind of error, so
that the provider's retries treat it as any other timeout or broken reply.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

MAX_REPLY_BYTES = 16 << 20
"""No decision and no solution is a hundredth of it."""
_STARTED = "ftdojo_started"


@functools.lru_cache(maxsize=8)
def http_client(timeout_seconds: float, max_bytes: int = MAX_REPLY_BYTES) -> httpx2.Client:
    """A client that all chat models with this timeout share; it keeps its connections until the process ends.

    Args:
        timeout_seconds: for each wait on the network, and for the whole of a reply from the
            request's start: a slow reply ends after twice as long at the latest.
        max_bytes: of a reply's body.
    """
    import openai

    def note_start(request: httpx2.Request) -> None:
        request.extensions[_STARTED] = time.monotonic()

    def bound(response: httpx2.Response) -> None:
        deadline = response.request.extensions[_STARTED] + timeout_seconds
        response.stream = _bounded(response, deadline, max_bytes)

    return openai.DefaultHttpxClient(
        timeout=timeout_seconds,
        headers={"Accept-Encoding": "identity"},  # else a small body could unpack into a huge one
        event_hooks={"request": [note_start], "response": [bound]},
    )


def _bounded(response: httpx2.Response, deadline: float, max_bytes: int) -> httpx2.SyncByteStream:
    """The response's body, up to a moment on the monotonic clock and a size."""
    import httpx2

    given = response.stream
    assert isinstance(given, httpx2.SyncByteStream)
    body: httpx2.SyncByteStream = given

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            received = 0
            for chunk in body:
                received += len(chunk)
                if received > max_bytes:
                    raise httpx2.RemoteProtocolError(f"the reply is longer than {max_bytes} bytes")
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the reply took too long")
                yield chunk

        def close(self) -> None:
            body.close()

    return Bounded()
