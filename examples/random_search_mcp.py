"""The random search of random_search.py at the MCP door of a run.

Started by the bench, the door's address and token stand in its environment:

    ftdojo bench --tasks aime25 --policies "mcp:python examples/random_search_mcp.py"

With a command behind it, it starts the door itself and speaks over its streams:

    python examples/random_search_mcp.py ftdojo mcp --task aime25 --budget 5m
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from random_search import play


async def main() -> None:
    """Play to the end and print what became of it."""
    async with AsyncExitStack() as stack:
        door: Any = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:]) if sys.argv[1:] else None
        if door is None:
            headers = {"Authorization": f"Bearer {os.environ['FTDOJO_MCP_TOKEN']}"}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=None))
            door = streamable_http_client(os.environ["FTDOJO_MCP_URL"], http_client=http)
        client = await stack.enter_async_context(Client(door))

        def ask(verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            result: Any = anyio.from_thread.run(client.call_tool, verb, dict(arguments))
            return {**result.structured_content, "text": result.content[0].text}

        last = await anyio.to_thread.run_sync(lambda: play(ask, experiments=20))
        print(last["text"])  # noqa: T201


if __name__ == "__main__":
    anyio.run(main)
