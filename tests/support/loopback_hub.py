"""A hub of data sets on the loopback address: small, threaded, and broken where a test wants it to be."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.assets import Assets

LFS_BYTES = 4000
"""Files of this size and more are LFS files, known by their SHA-256."""


@dataclass
class Repo:
    """One repository and what is wrong with it."""

    assets: Assets
    files: Mapping[str, bytes]
    gated: bool = False
    status: int = 0
    """Answer every download with this status."""
    cuts: int = 0
    """How often a download breaks off in the middle."""
    altered: bool = False
    """Serve other bytes than the listing promises, of the same size."""
    branches: tuple[str, ...] = ()
    """Names beside ``main`` of the one commit that there is."""

    @property
    def commit(self) -> str:
        revision = self.assets.revision
        return revision.ljust(40, "0") if revision != "main" else hashlib.sha1(b"newest").hexdigest()

    def listing(self) -> list[dict[str, object]]:
        return tree_of(self.files)


@dataclass
class Hub:
    """The repositories, and every request so far as ``GET /path range``, or ``HEAD``."""

    repos: dict[str, Repo] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""

    def add(self, repo: Repo) -> Repo:
        self.repos[repo.assets.repo_id] = repo
        return repo

    def downloads(self) -> list[str]:
        return [request for request in self.requests if request.startswith("GET") and "/resolve/" in request]


def tree_of(files: Mapping[str, bytes]) -> list[dict[str, object]]:
    """A repository's files as the Hub lists them."""
    tree = []
    for name, content in files.items():
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": blob}
        if len(content) >= LFS_BYTES:
            digest = hashlib.sha256(content).hexdigest()
            entry |= {"lfs": {"oid": digest, "size": len(content), "pointerSize": 130}}
        tree.append(entry)
    return tree


@contextmanager
def loopback_hub() -> Iterator[Hub]:
    """A running hub; stopped at the end."""
    hub = Hub()
    with serving(_handler(hub)) as hub.endpoint:
        yield hub


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server with that handler; it is stopped at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            return None

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
            found = re.fullmatch(r"/(?:api/)?datasets/([^/]+/[^/]+)/(commits|tree|resolve)/(.+)", path)
            asked = re.fullmatch(r"/api/datasets/([^/]+/[^/]+?)(?:/revision/(.+))?", path)
            repo = hub.repos.get(found.group(1)) if found else None
            if asked and asked.group(1) in hub.repos:
                known = hub.repos[asked.group(1)]
                if asked.group(2) not in (None, "main", *known.branches, known.commit):
                    return self._error(404, "RevisionNotFound", "Invalid rev id")
                self._json({"id": asked.group(1), "sha": known.commit})
            elif found is None or repo is None:
                self._error(404, "RepoNotFound", "Repository not found")
            elif found.group(2) == "commits":
                commits = [{"id": repo.commit, "authors": [], "title": "t", "message": ""}]
                self._json([{**commit, "date": "2025-05-01T00:00:00.000Z"} for commit in commits])
            elif not found.group(3).startswith(repo.commit):
                self._error(404, "RevisionNotFound", "Invalid rev id")
            elif found.group(2) == "tree":
                self._json(repo.listing())
            else:
                self._file(repo, found.group(3).partition("/")[2])

        do_HEAD = do_GET  # noqa: N815

        def _json(self, value: object) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _error(self, status: int, code: str, message: str) -> None:
            self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str], promised: int = -1) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if promised < 0 else promised))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _file(self, repo: Repo, name: str) -> None:
            if repo.gated and self.headers.get("Authorization") != "Bearer good-token":
                return self._error(401, "GatedRepo", "Access to this dataset is restricted")
            if repo.status:
                return self._error(repo.status, "", "something broke")
            if name not in repo.files:
                return self._error(404, "EntryNotFound", "Entry not found")
            content = repo.files[name]
            if repo.altered:
                content = content[::-1]
            start = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": repo.commit}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            rest = content[start:]
            if self.command == "GET" and repo.cuts > 0 and len(rest) > 1:
                repo.cuts -= 1
                self._send(206 if start else 200, rest[: len(rest) // 2], headers, promised=len(rest))
                self.close_connection = True
                return None
            return self._send(206 if start else 200, rest, headers)

    return Handler


GUARD = """
import os, socket, time
_connect, _sleep = socket.socket.connect, time.sleep
def connect(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
        raise OSError(f"blocked: {address}")
    return _connect(self, address)
socket.socket.connect = connect
time.sleep = lambda seconds: _sleep(min(seconds, 0.01))
if os.environ.get("TEST_FREE_BYTES"):
    import shutil
    _usage = shutil.disk_usage
    shutil.disk_usage = lambda path: _usage(path)._replace(free=int(os.environ["TEST_FREE_BYTES"]))
"""
"""For a child process: nothing but the loopback address can be reached, and waiting is short."""


def child_environment(folder: Path, endpoint: str, root: Path) -> dict[str, str]:
    """The environment of a ``python -m graph`` that talks to the hub and to nothing else."""
    decontaminator = folder / "decontaminator"
    decontaminator.mkdir(exist_ok=True)
    (decontaminator / "sitecustomize.py").write_text(GUARD)
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{decontaminator}:{root}",
        "HOME": str(folder),
        "FTDOJO_HOME": str(folder / "ftdojo"),
        "HF_HOME": str(folder / "hf"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
        "COLUMNS": "200",
    }
