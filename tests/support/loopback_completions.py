"""A server of completions and adapters on the loopback address, in vLLM's manner or SGLang's.

It answers each prompt, given as token ids, by a function of the test's own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Answer = Callable[[str, list[int]], str]


class CompletionServer:
    """The server, between ``with`` and the end of its block.

    Args:
        answer: (model, token ids) -> text.
        loader: the path at which adapters are loaded.
        failures: HTTP statuses that come before the first good reply to ``/v1/completions``.
        load_status: of every request to load an adapter.
    """

    def __init__(
        self,
        answer: Answer,
        loader: str = "/v1/load_lora_adapter",
        failures: tuple[int, ...] = (),
        load_status: int = 200,
    ) -> None:
        self.answer, self.loader, self.load_status = answer, loader, load_status
        self.failures = list(failures)
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        """(path, body, headers in lower case)."""
        self.adapters: dict[str, str] = {}
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        """Start on a free port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON of a request."""
        with self.lock:
            self.requests.append((path, body, headers))
            if path == "/v1/completions" and self.failures:
                return self.failures.pop(0), {"error": "scripted failure"}
        if path == "/v1/models":
            listed = [
                {"id": "served-base"},
                *({"id": name, "parent": "served-base"} for name in self.adapters),
            ]
            return 200, {"data": listed}
        if path == self.loader:
            if body["lora_name"] in self.adapters:
                return 400, {"message": f"The lora adapter '{body['lora_name']}' has already been loaded."}
            if self.load_status == 200:
                self.adapters[body["lora_name"]] = body["lora_path"]
            return self.load_status, {"message": "loaded"}
        if path != "/v1/completions":
            return 404, {"error": "no such path"}
        return 200, self._completion(body)

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        text = self.answer(body["model"], body["prompt"])
        words = text.split()
        cut = len(words) > body["max_tokens"]
        text = " ".join(words[: body["max_tokens"]]) if cut else text
        for stop in body.get("stop", ()):
            text = text.partition(stop)[0]
        choice = {"index": 0, "text": text, "finish_reason": "length" if cut else "stop"}
        return {"choices": [choice], "usage": {"completion_tokens": len(text.split())}}


def _handler(served: CompletionServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20.0

        def log_message(self, format: str, *args: object) -> None:
            return None

        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _reply(self, sent: dict[str, Any]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, plain = served.reply(self.path, sent, headers)
            raw = json.dumps(plain).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(raw)

    return Handler
