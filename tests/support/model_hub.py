"""A hub of models on the loopback address that takes pushes and gives what it was given."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.loopback_hub import LFS_BYTES, serving, tree_of

TOKEN = "hf_loopback"


@dataclass
class ModelHub:
    """The repositories, each a dictionary of files, and what was asked."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded as LFS, by SHA-256."""
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""
    refuse: int = 0
    """Answer every attempt to make a repository with this status."""
    damage: bool = False
    """Keep other bytes than were sent."""

    def commit(self, repo: str) -> str:
        digest = hashlib.sha1()
        for name, content in sorted(self.repos[repo].items()):
            digest.update(name.encode() + content)
        return digest.hexdigest()

    def facts(self, repo: str) -> dict[str, Any]:
        siblings = []
        for name, content in self.repos[repo].items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
            if len(content) >= LFS_BYTES:
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        return {"id": repo, "modelId": repo, "sha": self.commit(repo), "siblings": siblings, "tags": []}


@contextmanager
def model_hub() -> Iterator[ModelHub]:
    """A running hub; stopped at the end."""
    hub = ModelHub()
    with serving(_handler(hub)) as hub.endpoint:
        yield hub


def _handler(hub: ModelHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            return None

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _send(self, status: int, value: object = None, headers: dict[str, str] | None = None) -> None:
            body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(f"{self.command} {path}")
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/]+", path):
                repo = hub.repos.get(found.group(1))
                if repo is not None:
                    return self._send(200, tree_of(repo))
            found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", path)
            if found and found.group(1) in hub.repos:
                return self._send(200, hub.facts(found.group(1)))
            if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
                repo = hub.repos.get(found.group(1))
                if repo is not None and found.group(2) in repo:
                    content = repo[found.group(2)]
                    etag = hashlib.sha256(content).hexdigest()
                    headers = {"ETag": f'"{etag}"', "X-Repo-Commit": hub.commit(found.group(1))}
                    return self._send(200, content, headers)
                if repo is not None:
                    return self._send(404, None, {"X-Error-Code": "EntryNotFound"})
            return self._send(404, None, {"X-Error-Code": "RepoNotFound"})

        do_HEAD = do_GET  # noqa: N815

        def do_PUT(self) -> None:
            path = urlsplit(self.path).path
            hub.requests.append(f"PUT {path}")
            content = self._body()
            hub.objects[path.removeprefix("/upload/")] = content[::-1] if hub.damage else content
            self._send(200, {})

        def do_POST(self) -> None:
            path, body = unquote(urlsplit(self.path).path), self._body()
            hub.requests.append(f"POST {path}")
            if path == "/api/validate-yaml":
                return self._send(200, {"errors": [], "warnings": []})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401)
            if path == "/api/repos/create":
                if hub.refuse:
                    return self._send(hub.refuse)
                asked = json.loads(body)
                repo = f"{asked['organization']}/{asked['name']}"
                hub.repos.setdefault(repo, {})
                hub.private[repo] = asked.get("visibility") == "private"
                return self._send(200, {"url": f"{hub.endpoint}/{repo}"})
            if found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
                files = [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["size"] >= LFS_BYTES else "regular",
                        "shouldIgnore": False,
                    }
                    for file in json.loads(body)["files"]
                ]
                return self._send(200, {"files": files})
            if re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
                objects = [
                    {
                        "oid": each["oid"],
                        "size": each["size"],
                        "actions": {"upload": {"href": f"{hub.endpoint}/upload/{each['oid']}"}},
                    }
                    for each in json.loads(body)["objects"]
                ]
                return self._send(200, {"transfer": "basic", "objects": objects})
            if found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
                repo = found.group(1)
                for line in body.splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        hub.repos[repo][entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
                    elif entry["key"] == "lfsFile":
                        hub.repos[repo][entry["value"]["path"]] = hub.objects[entry["value"]["oid"]]
                commit = hub.commit(repo)
                url = f"{hub.endpoint}/{repo}/commit/{commit}"
                return self._send(200, {"commitUrl": url, "commitOid": commit})
            return self._send(404)

    return Handler
