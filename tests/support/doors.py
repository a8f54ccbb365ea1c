"""The three doors as one function ``ask(verb, arguments)``, each at a run whose children are played.

MCP is spoken by the official client: over HTTP to a server of this process, over streams to one of its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graph.doors.seat import open_seat
from tests.conftest import ROOT
from tests.support.cheap_run import quick_children
from tests.support.seats import Ask, seat_settings

DOORS = ("python", "gymnasium", "mcp-http", "mcp-stdio")
TOKEN = "a-token-for-this-test"


@dataclass
class Door:
    """One open door."""

    name: str
    ask: Ask
    """An answer has ``ok``, ``text``, ``facts`` and ``standing``."""
    run_dir: Path
    reward: float | None = None
    client: Any = None
    """Of MCP: submits a coroutine function of the client, and returns what it returns."""
    url: str = ""


@contextmanager
def open_door(
    name: str, patch: pytest.MonkeyPatch, runs_dir: Path, task: str = "", **others: Any
) -> Iterator[Door]:
    """A door of ``DOORS`` at a new run; ``others`` are settings."""
    settings = seat_settings(runs_dir, task, **others)
    quick_children(patch, settings.task)
    opened = {"python": _python, "gymnasium": _gymnasium, "mcp-http": _http, "mcp-stdio": _stdio}[name]
    with opened(settings) as door:
        yield door


@contextmanager
def _python(settings: Any) -> Iterator[Door]:
    with open_seat(settings) as seat:
        yield Door("python", lambda verb, given: seat.ask(verb, given).plain(), seat.run_dir)


@contextmanager
def _gymnasium(settings: Any) -> Iterator[Door]:
    pytest.importorskip("gymnasium")
    from graph.doors.gym_env import make

    given = settings.model_dump(exclude_defaults=True, exclude={"task", "budget_seconds"})
    env = make(settings.task, budget=settings.budget_seconds, **given)
    _, info = env.reset()
    door = Door("gymnasium", lambda verb, arguments: {}, Path(info["run_dir"]))

    def ask(verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        seen, reward, terminated, truncated, info = env.step(
            {"verb": verb, "arguments": json.dumps(arguments)}
        )
        door.reward = reward if terminated or truncated else None
        return {
            "ok": info["ok"],
            "text": seen["text"],
            "facts": json.loads(seen["facts"]),
            "standing": info["standing"],
        }

    door.ask = ask
    yield door
    env.close()


@contextmanager
def _http(settings: Any) -> Iterator[Door]:
    pytest.importorskip("mcp")
    import uvicorn

    from graph.doors.mcp_server import Opening, http_app, make_server

    opening = Opening(lambda: open_seat(settings))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # a client that comes before the server is ready waits
        port = listening.getsockname()[1]
        app = http_app(make_server(opening), TOKEN, port)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=2)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{port}/mcp"
        with _client(lambda: _over_http(url, TOKEN)) as call:
            yield Door("mcp-http", _asked(call), opening.seat().run_dir, client=call, url=url)
        server.should_exit = True
        thread.join(20)
    opening.close()


@contextmanager
def _stdio(settings: Any) -> Iterator[Door]:
    pytest.importorskip("mcp")
    from mcp.client.stdio import StdioServerParameters

    module = "tests.support.scripted_server"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-W", "ignore", "-m", module, settings.model_dump_json()],
        env={"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        cwd=str(ROOT),
    )
    with _client(lambda: parameters) as call:
        run = _asked(call)("read_status", {})["standing"]["run"]
        yield Door("mcp-stdio", _asked(call), Path(settings.runs_dir) / run, client=call)


def _asked(call: Any) -> Ask:
    def ask(verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        result = call(lambda client: client.call_tool(verb, dict(arguments)))
        told = dict(result.structured_content or {"facts": {}, "standing": {}})
        return told | {"ok": not result.is_error, "text": result.content[0].text}

    return ask


@asynccontextmanager
async def _over_http(url: str, token: str) -> AsyncIterator[Any]:
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120.0) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams


@contextmanager
def _client(transport: Any) -> Iterator[Any]:
    """A client in a loop of its own thread; from a coroutine function of the client to its result."""
    from mcp import Client

    loop = asyncio.new_event_loop()
    ready: Future[Any] = Future()
    leave = asyncio.Event()

    async def live() -> None:
        try:
            async with Client(transport()) as client:
                ready.set_result(client)
                await leave.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()), daemon=True)
    thread.start()
    client = ready.result(120)
    yield lambda work: asyncio.run_coroutine_threadsafe(_awaited(work, client), loop).result(120)
    loop.call_soon_threadsafe(leave.set)
    thread.join(30)
    loop.close()


async def _awaited(work: Any, client: Any) -> Any:
    return await work(client)
