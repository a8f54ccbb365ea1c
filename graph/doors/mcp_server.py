"""The MCP door: one run's verbs as tools, its card, journal and report as resources, the rules as a prompt.

    ftdojo mcp --task aime25 --budget 30m            # an MCP client starts it and speaks over its streams
    ftdojo mcp --task aime25 --budget 30m --http     # on loopback, with a token

The run is opened beside the first messages, because a client waits for its tools no longer than some seconds;
a call that comes earlier waits for it. Verbs work in a thread of their own, so that a second one can be
refused, and the client hears every few seconds that the first still works.
"""

from __future__ import annotations

import hmac
import os
import re
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from graph.doors.seat import Seat, journal_text
from tasks.errors import FtDojoError, InputError, or_fault
from tools.process.root_cause import without_paths
from tools.verbs.answer import Answer, refusal
from tools.verbs.card import RULES
from tools.verbs.referee import offered

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

T = TypeVar("T")
NAME = "ftdojo"
INSTRUCTIONS = (
    "You play one run of FT-Dojo: fine-tune a base model on a task within a budget. Read ftdojo://task and "
    "ftdojo://rules first. The clock runs already. End with submit."
)
PROGRESS_SECONDS = 3.0
_ID = re.compile(r'"id"\s*:\s*(\d{1,15})\b')
RESOURCES: Mapping[str, tuple[str, str, str]] = {
    "ftdojo://task": (
        "task",
        "The task card: what is asked, the base model's score, the limits.",
        "text/plain",
    ),
    "ftdojo://rules": ("rules", "The house rules.", "text/plain"),
    "ftdojo://status": ("status", "What is left, and which model leads.", "text/plain"),
    "ftdojo://journal": ("journal", "The last lines of the run's journal.", "text/plain"),
    "ftdojo://report": ("report", "The run's report as far as it has come.", "text/html"),
}
"""By address: name, description and kind."""
PROMPT = "house_rules"
REPORT_CHARACTERS = 400_000

Asgi = Callable[..., Awaitable[None]]


class Opening:
    """A run that is being opened beside the client's first messages.

    Args:
        open_run: opens it; its ``InputError`` becomes the answer to every call.
    """

    def __init__(self, open_run: Callable[[], Seat]) -> None:
        self._open_run = open_run
        self._seat: Seat | None = None
        self._error: FtDojoError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name="opening")
        self._thread.start()

    def _work(self) -> None:
        try:
            with or_fault("opening the run"):
                self._seat = self._open_run()
        except FtDojoError as error:
            self._error = error

    def seat(self) -> Seat:
        """The open run; waits for it.

        Raises:
            FtDojoError: it could not be opened.
        """
        self._thread.join()
        if self._seat is None:
            raise self._error or InputError("the run", "is not open", "start the server again")
        return self._seat

    def close(self) -> None:
        """Release the run; one that is still being opened ends with the process."""
        if self._seat is not None:
            self._seat.close()


def make_server(opening: Opening) -> Server[Any]:
    """The server of one run, for any transport."""
    from mcp.server.lowlevel import Server

    from ftdojo import __version__

    return Server(
        NAME,
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=_listing_tools(),
        on_call_tool=_calling(opening),
        on_list_resources=_listing_resources(),
        on_read_resource=_reading(opening),
        on_list_prompts=_listing_prompts(),
        on_get_prompt=_prompting(opening),
    )


def _listing_tools() -> Any:
    from mcp_types import ListToolsResult, Tool

    tools = [
        Tool(name=verb.name, description=verb.description, input_schema=verb.parameters())
        for verb in offered()
    ]

    async def list_tools(ctx: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=tools)

    return list_tools


def _calling(opening: Opening) -> Any:
    from mcp_types import CallToolResult, TextContent

    def play(name: str, arguments: Mapping[str, Any]) -> tuple[str, Answer | None]:
        try:
            answer = opening.seat().ask(name, arguments)
        except FtDojoError as error:
            return refusal(without_paths(str(error))), None
        return answer.text, answer

    async def call_tool(ctx: Any, params: Any) -> CallToolResult:
        text, answer = await _in_thread(ctx, partial(play, params.name, params.arguments or {}))
        answer = answer or Answer(params.name, False, text, {}, {})  # no run: there is nothing to stand in
        facts = {name: value for name, value in answer.plain().items() if name != "text"}
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=facts, is_error=not answer.ok
        )

    return call_tool


def _listing_resources() -> Any:
    from mcp_types import ListResourcesResult, Resource

    found = [
        Resource(uri=uri, name=name, description=description, mime_type=kind)
        for uri, (name, description, kind) in RESOURCES.items()
    ]

    async def list_resources(ctx: Any, params: Any) -> ListResourcesResult:
        return ListResourcesResult(resources=found)

    return list_resources


def _reading(opening: Opening) -> Any:
    from mcp.shared.exceptions import MCPError
    from mcp_types import ReadResourceResult, TextResourceContents

    def read(uri: str) -> str:
        if uri == "ftdojo://rules":
            return RULES
        seat = opening.seat()
        if uri == "ftdojo://task":
            return seat.card
        if uri == "ftdojo://status":
            return seat.standing.line()
        if uri == "ftdojo://journal":
            return journal_text(seat.journal)
        return seat.report().read_text(encoding="utf-8")[:REPORT_CHARACTERS]

    async def read_resource(ctx: Any, params: Any) -> ReadResourceResult:
        uri = str(params.uri)
        if uri not in RESOURCES:
            raise MCPError(-32602, f"no such resource; there are {', '.join(RESOURCES)}")
        try:
            text = await _in_thread(ctx, partial(read, uri))
        except FtDojoError as error:
            raise MCPError(-32603, refusal(without_paths(str(error)))) from None
        contents = TextResourceContents(uri=uri, mime_type=RESOURCES[uri][2], text=text)
        return ReadResourceResult(contents=[contents])

    return read_resource


def _listing_prompts() -> Any:
    from mcp_types import ListPromptsResult, Prompt

    offer = Prompt(name=PROMPT, description="The house rules and the task card: read before you play.")

    async def list_prompts(ctx: Any, params: Any) -> ListPromptsResult:
        return ListPromptsResult(prompts=[offer])

    return list_prompts


def _prompting(opening: Opening) -> Any:
    from mcp.shared.exceptions import MCPError
    from mcp_types import GetPromptResult, PromptMessage, TextContent

    async def get_prompt(ctx: Any, params: Any) -> GetPromptResult:
        if params.name != PROMPT:
            raise MCPError(-32602, f"no such prompt; there is {PROMPT}")
        try:
            card = await _in_thread(ctx, lambda: opening.seat().card)
        except FtDojoError as error:
            raise MCPError(-32603, refusal(without_paths(str(error)))) from None
        text = TextContent(type="text", text=f"{RULES}\n{card}")
        return GetPromptResult(messages=[PromptMessage(role="user", content=text)])

    return get_prompt


async def _in_thread(ctx: Any, work: Callable[[], T]) -> T:
    """What ``work`` returns, while the client hears now and then that it goes on."""
    import anyio

    async def tell() -> None:
        seconds = 0.0
        while True:
            await anyio.sleep(PROGRESS_SECONDS)
            seconds += PROGRESS_SECONDS
            await ctx.session.report_progress(seconds, None, f"working, {seconds:.0f} s so far")

    done: list[T] = []
    failed: FtDojoError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(tell)
        try:
            done.append(await anyio.to_thread.run_sync(work, abandon_on_cancel=True))
        except FtDojoError as error:  # raised in here it would come out as a group of errors
            failed = error
        group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    return done[0]


# ---- transports


async def serve_streams(open_run: Callable[[], Seat]) -> None:
    """Serve one client over standard input and output until it leaves, then release the run.

    The SDK keeps both streams to itself: what a library or a child prints goes to standard error.
    """
    import anyio
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (read, write):
        opening = Opening(open_run)
        server = make_server(opening)
        inward, messages = anyio.create_memory_object_stream[Any](0)
        async with anyio.create_task_group() as group:
            group.start_soon(_relay, read, inward, write)
            group.start_soon(leave_on_signal, opening)
            try:
                await server.run(messages, write, server.create_initialization_options())
            finally:
                opening.close()
                group.cancel_scope.cancel()


async def leave_on_signal(opening: Opening) -> None:
    """At Ctrl-C and at a request to end, release the run and end the process.

    The SDK's reader waits in a thread for a line of standard input, and lets nothing but a line end it.
    """
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            opening.close()
            print("the door is closed; --run RUN opens it again", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(128 + number)


async def _relay(read: Any, inward: Any, write: Any) -> None:
    """Pass messages on; a line that is none is answered, for the SDK is silent and its client would wait."""
    from mcp.shared.message import SessionMessage
    from mcp_types import ErrorData, JSONRPCError

    async with inward:
        async for message in read:
            if isinstance(message, Exception):
                told = ErrorData(
                    code=-32700, message="refused: the line is no message of JSON-RPC; send another"
                )
                answer = JSONRPCError(jsonrpc="2.0", id=_id_in(message), error=told)
                await write.send(SessionMessage(answer))
            else:
                await inward.send(message)


def _id_in(error: Exception) -> int | None:
    """The number of a request that could not be read; None where its line holds none."""
    found = _ID.search(str(error.errors()[0]["input"])) if isinstance(error, ValidationError) else None
    return int(found[1]) if found else None


def http_app(server: Server[Any], token: str, port: int) -> Asgi:
    """The ASGI application on ``/mcp``: a token in each request, and no host or origin but this machine's."""
    from mcp.server.transport_security import TransportSecuritySettings

    hosts = [f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"http://{host}" for host in hosts],
    )
    app = server.streamable_http_app(transport_security=security, max_request_body_size=1 << 20)
    return _with_token(app, token)


def _with_token(app: Asgi, token: str) -> Asgi:
    """Requests without the token are answered 401; nothing of them is read."""
    expected = token.encode()
    refused = b"refused: the token is missing or wrong; send the header Authorization: Bearer TOKEN\n"

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scheme, _, given = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), expected):
                headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Bearer")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": refused})
                return
        await app(scope, receive, send)

    return guarded
