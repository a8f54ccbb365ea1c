"""A scripted OpenAI-compatible server on the loopback address: real HTTP, replies and faults as a test wants.

    with ChatServer(in_order(http_error(429, retry_after=0.05), text("hello"))) as server:
        ...  # a client of server.base_url
    assert server.requests[1].messages[-1]["content"] == "..."

A script is a function from the request to the reply; it may be called from several threads. When it
raises, an assertion included, the client gets a 400 and the ``with`` block ends with that exception.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

MODELS = ("scripted", "scripted-small", "scripted-teacher")
"""What ``/v1/models`` lists; a request may name any model."""
HANDLER_SECONDS = 20.0
"""How long a connection may stay silent before the server gives it up."""


@dataclass(frozen=True)
class Request:
    """One request for a reply."""

    number: int
    """From 1, in order of arrival."""
    path: str
    headers: Mapping[str, str]
    """Names in any context."""
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation so far."""
        return list(self.body.get("messages", []))

    @property
    def model(self) -> str:
        """The model that was asked, without its provider."""
        return str(self.body.get("model", ""))

    @property
    def tool_names(self) -> list[str]:
        """The tools that the reply may call, in order."""
        return [tool["function"]["name"] for tool in self.body.get("tools") or []]

    @property
    def text(self) -> str:
        """All that the model reads in the messages, in one string."""
        return "\n".join(_plain(message.get("content")) for message in self.messages)

    @property
    def answers(self) -> list[str]:
        """What the tools answered so far, in order."""
        return [_plain(m.get("content")) for m in self.messages if m.get("role") == "tool"]


@dataclass(frozen=True)
class Reply:
    """What goes back. Made by the functions below."""

    content: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    """Tool names and their arguments, as the model wrote them."""
    finish_reason: str = ""
    """By default ``stop``, or ``tool_calls`` when there are calls."""
    refusal: str | None = None
    """Words of a refusal, which OpenAI's protocol sends apart from the content."""
    usage: tuple[int, int, int] | Literal["counted", "none"] = "counted"
    """Prompt, cached and completion tokens; ``counted`` takes a token for four characters."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    """Sent as it is, instead of a completion."""
    content_type: str = "application/json"
    fault: Literal["", "reset", "cut"] = ""
    wait_seconds: float = 0.0
    drop_seconds: float = 0.0
    """Between one byte of the body and the next."""

    def with_usage(self, prompt: int, completion: int, cached: int = 0) -> Reply:
        """The same reply, with these token counts."""
        return replace(self, usage=(prompt, cached, completion))

    def without_usage(self) -> Reply:
        """The same reply, from a server that counts nothing."""
        return replace(self, usage="none")

    def after(self, seconds: float) -> Reply:
        """The same reply, later."""
        return replace(self, wait_seconds=seconds)

    def with_text(self, content: str) -> Reply:
        """The same reply, with words beside its calls."""
        return replace(self, content=content)


Script = Callable[[Request], Reply]


def text(content: str) -> Reply:
    """Plain words; the empty string is a reply, too."""
    return Reply(content)


def call(tool: str, arguments: Mapping[str, Any] | None = None) -> Reply:
    """One tool call."""
    return calls([(tool, arguments or {})])


def calls(pairs: Sequence[tuple[str, Mapping[str, Any]]]) -> Reply:
    """Several tool calls in one message."""
    return Reply(calls=tuple((tool, json.dumps(arguments)) for tool, arguments in pairs))


def raw_arguments(tool: str, arguments: str) -> Reply:
    """A tool call whose arguments are this text, JSON or not."""
    return Reply(calls=((tool, arguments),))


def finish(reason: str, content: str = "") -> Reply:
    """Words that ended for a reason of their own: ``length``, ``content_filter``..."""
    return Reply(content, finish_reason=reason)


def http_error(status: int, message: str = "scripted failure", retry_after: float | None = None) -> Reply:
    """An error in OpenAI's form.

    Args:
        status: the HTTP status.
        message: what the server says.
        retry_after: seconds; sent as ``retry-after-ms`` and, in whole seconds, as ``retry-after``.
    """
    error = {"message": message, "type": "error", "param": None, "code": str(status)}
    headers: tuple[tuple[str, str], ...] = ()
    if retry_after is not None:
        milliseconds = str(round(retry_after * 1000))
        headers = (("retry-after-ms", milliseconds), ("retry-after", str(round(retry_after))))
    return Reply(status=status, headers=headers, raw=json.dumps({"error": error}).encode())


def body(content: bytes, content_type: str = "application/json", status: int = 200) -> Reply:
    """Any bytes."""
    return Reply(status=status, raw=content, content_type=content_type)


def reset() -> Reply:
    """The connection is reset (RST) instead of an answer."""
    return Reply(fault="reset")


def hang(seconds: float, then: Reply | None = None) -> Reply:
    """Silence for so long (at most until the server stops), then a reset, or ``then``."""
    return (then or reset()).after(seconds)


def drip(seconds: float, whole: Reply | None = None) -> Reply:
    """A reply that comes byte by byte, with a pause after each: always alive, never done."""
    return replace(whole or text("Slow and steady."), drop_seconds=seconds)


def cut(whole: Reply | None = None) -> Reply:
    """Half of a reply: the header promises all of it, then the connection closes."""
    return replace(whole or text("This reply breaks off in the middle."), fault="cut")


def in_order(*replies: Reply) -> Script:
    """A script: these replies in order of arrival, and the last one ever after."""
    return lambda request: replies[min(request.number, len(replies)) - 1]


class ChatServer:
    """The server, between ``with`` and the end of its block.

    Args:
        reply: the script.
    """

    def __init__(self, reply: Script) -> None:
        self.reply = reply
        self.base_url = ""
        self._requests: list[Request] = []
        self._failures: list[Exception] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order of arrival: a copy."""
        with self._lock:
            return list(self._requests)

    def __enter__(self) -> Self:
        """Start on a free port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = (
            False  # so that server_close waits for the handlers, and no socket leaks
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; raise what the script raised, unless the block failed by itself."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._failures and error is None:
            raise self._failures[0]

    def answer(self, path: str, headers: Mapping[str, str], sent: dict[str, Any]) -> tuple[Request, Reply]:
        """Note the request and ask the script."""
        with self._lock:
            request = Request(len(self._requests) + 1, path, headers, sent)
            self._requests.append(request)
        try:
            return request, self.reply(request)
        except Exception as failure:
            with self._lock:
                self._failures.append(failure)
            return request, http_error(400, f"the script failed: {failure}")

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the server's end."""
        self._closing.wait(seconds)


def completion(request: Request, reply: Reply) -> dict[str, Any]:
    """The body of ``/v1/chat/completions``."""
    message = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
    if reply.calls:
        message |= {"tool_calls": _tool_calls(request, reply)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(reply)}
    return {**_frame(request, "chat.completion"), "choices": [choice], **_usage(request, reply)}


def stream(request: Request, reply: Reply) -> bytes:
    """The same as server-sent events: two pieces of text, one event per call, the usage, the end."""
    words = reply.content or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in (words[: len(words) // 2], words[len(words) // 2 :]) if piece]
    deltas += [{"tool_calls": [{"index": n, **made}]} for n, made in enumerate(_tool_calls(request, reply))]
    choices: list[list[dict[str, Any]]] = [
        [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "finish_reason": _reason(reply)}])
    events = [{**_frame(request, "chat.completion.chunk"), "choices": choice} for choice in choices]
    if (request.body.get("stream_options") or {}).get("include_usage"):
        counted = _usage(request, reply)
        events.append({**_frame(request, "chat.completion.chunk"), "choices": [], **counted})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def _frame(request: Request, kind: str) -> dict[str, Any]:
    made = {"id": f"chatcmpl-{request.number}", "object": kind, "created": 1_700_000_000}
    return {**made, "model": request.model, "system_fingerprint": None}


def _tool_calls(request: Request, reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{request.number}_{n}",
            "type": "function",
            "function": {"name": tool, "arguments": given},
        }
        for n, (tool, given) in enumerate(reply.calls)
    ]


def _reason(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.calls else "stop")


def _usage(request: Request, reply: Reply) -> dict[str, Any]:
    if reply.usage == "none":
        return {}
    if reply.usage == "counted":
        written = len(reply.content or "") + sum(len(tool) + len(given) for tool, given in reply.calls)
        prompt, cached, made = len(json.dumps(request.body)) // 4, 0, -(-written // 4)
    else:
        prompt, cached, made = reply.usage
    counts = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}
    return {"usage": {**counts, "prompt_tokens_details": {"cached_tokens": cached}}}


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content or ""


def _handler(chat: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = HANDLER_SECONDS

        def log_message(self, format: str, *args: object) -> None:
            return None

        def do_GET(self) -> None:
            if self.path != "/v1/models":
                return self._send(http_error(404, f"no such path: {self.path}"))
            listed = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in MODELS]
            return self._send(body(json.dumps({"object": "list", "data": listed}).encode()))

        def do_POST(self) -> None:
            # A client that has given up closes its end: writing to it is no failure of the server.
            with contextlib.suppress(ConnectionError):
                self._post()

        def _post(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/chat/completions":
                return self._send(http_error(404, f"no such path: {self.path}"))
            request, reply = chat.answer(self.path, self.headers, sent)
            if reply.wait_seconds:
                chat.wait(reply.wait_seconds)
            if reply.fault == "reset":
                return self._reset()
            if reply.raw is None and request.body.get("stream"):
                reply = replace(reply, raw=stream(request, reply), content_type="text/event-stream")
            elif reply.raw is None:
                reply = replace(reply, raw=json.dumps(completion(request, reply)).encode())
            return self._send(reply)

        def _send(self, reply: Reply) -> None:
            raw = reply.raw or b""
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(raw)))
            # One request per connection: a client's pool keeps no socket of a server that is gone.
            self.send_header("Connection", "close")
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            raw = raw[: len(raw) // 2] if reply.fault == "cut" else raw
            for piece in [bytes([byte]) for byte in raw] if reply.drop_seconds else [raw]:
                self.wfile.write(piece)
                chat.wait(reply.drop_seconds)

        def _reset(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # at once: the server's own close would say goodbye first

    return Handler
