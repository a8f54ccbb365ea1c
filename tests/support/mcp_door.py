"""A door as ``ftdojo mcp --http`` is one: says its address, and writes a finished run when it is closed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def close(*_: object) -> None:
    run = Path(sys.argv[1]) / "a-run"
    run.mkdir(parents=True, exist_ok=True)
    for name in ("run.json", "journal.jsonl", "summary.json"):
        (run / name).write_text("{}")
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, close)
    token = os.environ["FTDOJO_MCP_TOKEN"]
    print("loading", file=sys.stderr)  # noqa: T201
    line = f"serving http://127.0.0.1:9/mcp; send the header Authorization: Bearer {token}"
    print(line, file=sys.stderr, flush=True)  # noqa: T201
    signal.pause()
