"""Command ``ftdojo mcp``: a run as an MCP server, over its own streams or on loopback."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.cli.flags import Memory, RunsDir, option
from graph.extras import require
from graph.settings import BUNDLED_MODEL, DEFAULT_BUDGET, make_settings
from tasks.errors import InputError

if TYPE_CHECKING:
    from graph.doors.seat import Seat

TOKEN_VARIABLE = "FTDOJO_MCP_TOKEN"
LEAST_TOKEN = 16
"""Characters of a token that a user sets."""


def mcp(
    runs_dir: RunsDir,
    memory: Memory,
    task: Annotated[
        str, typer.Option(help="A task id, a file or folder of yours, or ORG/NAME of the Hub.")
    ] = "",
    budget: Annotated[str, option("budget_seconds")] = DEFAULT_BUDGET,
    base_model: Annotated[str, option("base_model")] = BUNDLED_MODEL,
    edition: Annotated[str, option("edition")] = "mini",
    seed: Annotated[int, option("seed")] = 0,
    max_experiments: Annotated[int | None, option("max_experiments")] = None,
    max_rows: Annotated[int | None, option("max_rows")] = None,
    name: Annotated[str, typer.Option("--run", help="Go on with a run that its agent left.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option(help="Where the agent may leave files (default: agent/ in the run's folder)."),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="On loopback with a token, instead of standard input and output.")
    ] = False,
    port: Annotated[int, typer.Option(help="With --http: its port (default: a free one).")] = 0,
) -> None:
    """Give a run to an MCP client (Claude Code, Codex, Gemini CLI), which plays it through the verbs."""
    if bool(task) == bool(name):
        raise InputError("ftdojo mcp", "takes a task or a run", "say --task TASK, or --run RUN")
    require("ftdojo mcp", "mcp")
    from graph.doors.seat import open_seat, reopen_seat
    from graph.run import find_run

    if name:
        run_dir = find_run(name, Path(runs_dir))
        serve(lambda: reopen_seat(run_dir, folder), http, port)
        return
    settings = make_settings(
        task=task,
        budget_seconds=budget,
        base_model=base_model,
        edition=edition,
        seed=seed,
        max_experiments=max_experiments,
        max_rows=max_rows,
        runs_dir=runs_dir,
        memory=memory,
    )
    door = "MCP over HTTP" if http else "MCP"
    serve(lambda: open_seat(settings, folder, door=door), http, port)


def serve(open_run: Callable[[], Seat], http: bool, port: int) -> None:
    """Serve one run until its client leaves, or until the process is interrupted.

    Raises:
        InputError: the port is taken, or the token is too short.
    """
    if http:
        _serve_http(open_run, port)
        return
    import anyio

    from graph.doors.mcp_server import serve_streams

    anyio.run(serve_streams, open_run)


def _serve_http(open_run: Callable[[], Seat], port: int) -> None:
    import uvicorn

    from graph.doors.mcp_server import Opening, http_app, make_server

    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    if len(token) < LEAST_TOKEN:
        raise InputError(TOKEN_VARIABLE, f"has {len(token)} characters", f"give at least {LEAST_TOKEN}")
    with _listening(port) as listening:
        chosen = int(listening.getsockname()[1])
        opening = Opening(open_run)
        app = http_app(make_server(opening), token, chosen)
        line = f"serving http://127.0.0.1:{chosen}/mcp; send the header Authorization: Bearer {token}"
        print(line, file=sys.stderr, flush=True)  # noqa: T201
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            opening.close()


def _listening(port: int) -> socket.socket:
    """A socket of this machine alone; other machines cannot reach it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise InputError(f"--port {port}", f"cannot be used ({error.strerror})", "take another") from None
    return listening
