"""HTTP for chat models with a limit on a reply's whole time and size.

The timeout of an HTTP client restarts with every byte: a server that sends one now and
then holds a caller for ever, and one that never ends fills the memory. Here a body has
one deadline and one size, and going beyond them is the client's own kind of error, so
that the provider's retries treat it as any other timeout or broken reply.

Within ``answered_within`` a call has one deadline with all its retries, and a timeout is final: whoever did
not answer in that time is not asked the same again.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

MAX_REPLY_BYTES = 16 << 20
"""No decision and no solution is a hundredth of it."""
_STARTED = "ftdojo_started"
_DEADLINE: ContextVar[tuple[float, float] | None] = ContextVar("deadline", default=None)
"""``time.monotonic`` by which the call under way has to be over, and the longest wait for one reply; None
where the client's own timeout alone counts."""
PAUSE_SECONDS = 1.0
"""Before a retry where the server names no pause; the client's own begins at half of it."""


@contextmanager
def answered_within(seconds: float, each: float = math.inf) -> Iterator[None]:
    """Within the block a call that is made here ends after so many seconds, its retries included, and one
    reply is waited for no longer than ``each``, from its request on.

    It holds for clients of ``http_client``, whatever their own timeout. A wait that ends at the deadline
    raises ``openai.APITimeoutError``, and the client does not try again.
    """
    token = _DEADLINE.set((time.monotonic() + seconds, each))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


@functools.lru_cache(maxsize=8)
def http_client(timeout_seconds: float, max_bytes: int = MAX_REPLY_BYTES) -> httpx2.Client:
    """A client that all chat models with this timeout share; it keeps its connections until the process ends.

    Args:
        timeout_seconds: for each wait on the network, and for the whole of a reply from the
            request's start: a slow reply ends after twice as long at the latest. ``answered_within`` says
            another one for the calls within it.
        max_bytes: of a reply's body.
    """
    import httpx2
    import openai

    class Bounded(openai.DefaultHttpxClient):
        def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
            bounds = _DEADLINE.get()
            if bounds is None:
                return super().send(request, **how)
            left = min(bounds[0] - time.monotonic(), bounds[1])
            if left <= 0:
                raise openai.APITimeoutError(request=request)
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), left)
            try:
                return super().send(request, **how)
            except httpx2.TimeoutException as late:  # as the client's own error it is not tried again
                raise openai.APITimeoutError(request=request) from late

    def note_start(request: httpx2.Request) -> None:
        request.extensions[_STARTED] = time.monotonic()

    def bound(response: httpx2.Response) -> None:
        started, bounds = response.request.extensions[_STARTED], _DEADLINE.get()
        deadline = started + timeout_seconds if bounds is None else min(bounds[0], started + bounds[1])
        if bounds is not None and time.monotonic() + _pause(response) >= bounds[0]:
            response.headers["x-should-retry"] = "false"  # the client obeys it
        response.stream = _bounded(response, deadline, max_bytes)

    return Bounded(
        timeout=timeout_seconds,
        headers={"Accept-Encoding": "identity"},  # else a small body could unpack into a huge one
        event_hooks={"request": [note_start], "response": [bound]},
    )


def _pause(response: httpx2.Response) -> float:
    """Seconds before a retry, as the server asks for them."""
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdigit() else PAUSE_SECONDS


def _bounded(response: httpx2.Response, deadline: float, max_bytes: int) -> httpx2.SyncByteStream:
    """The response's body, up to a moment on the monotonic clock and a size."""
    import httpx2

    given = response.stream
    assert isinstance(given, httpx2.SyncByteStream)
    body: httpx2.SyncByteStream = given

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            # What is counted here is what comes over the line, and the client unpacks it afterwards.
            if (packed := response.headers.get("content-encoding", "identity").lower()) != "identity":
                raise httpx2.RemoteProtocolError(f"the reply is packed ({packed[:20]}), unasked")
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
