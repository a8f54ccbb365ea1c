"""The server that ``langgraph dev`` starts for the repository's langgraph.json, on a free port.

    with studio(folder) as address, get_sync_client(url=address) as client: ...

It writes into a folder of its own, and ends with the block.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 120.0
NO_ENVIRONMENT: Mapping[str, str] = {}


@contextmanager
def studio(folder: Path, own: Mapping[str, str] = NO_ENVIRONMENT) -> Iterator[str]:
    """The address of a server that is up.

    Args:
        folder: where it is started, its runs and its memory lie, and its ``server.log`` is written.
        own: the variables of its owner, beside those that it needs here.
    """
    (folder / "langgraph.json").write_text(json.dumps(_config()), encoding="utf-8")
    port = _free_port()
    command = [str(Path(sys.executable).parent / "langgraph"), "dev", "--no-browser", "--no-reload"]
    needed = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "FTDOJO_HOME": str(folder)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=os.environ | needed | dict(own),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/ok", process, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)


def _config() -> dict[str, object]:
    """The repository's configuration, with the paths that it has from another folder."""
    config = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    config["dependencies"] = [str(ROOT)]
    for graph in config["graphs"].values():
        graph["path"] = str(ROOT / graph["path"])
    config["http"]["app"] = str(ROOT / config["http"]["app"])
    return dict(config)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-3000:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The server and all that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
