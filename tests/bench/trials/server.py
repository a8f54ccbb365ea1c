"""Server of ``langgraph dev``, attacked over HTTP while a socket listens for what it should not send."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.trials.world import ENDED, Trial, World, row
from tests.support.studio_server import studio

KEY = "sk-of-the-servers-owner-0123456789abcdef"
GOOD_ORIGIN = "https://smith.langchain.com"
Headers = list[tuple[str, str]]


@row("42", "the server: foreign Host and Origin, requests that name an address, path, model or code")
def attacked(world: World, trial: Trial) -> None:
    own = {"OPENAI_API_KEY": KEY, "FTDOJO_SERVER_ORIGINS": GOOD_ORIGIN}
    with listener() as trap, studio(trial.folder, own) as address:
        port = int(address.rpartition(":")[2])
        doors = foreign(port)
        for name, (method, path, headers) in doors.items():
            answer = spoken(port, method, path, headers)
            trial.fact(" 403 " in answer.splitlines()[0], f"{name}: {answer.splitlines()[0]}")
            trial.fact("access-control-allow-origin" not in answer.lower(), f"{name}: CORS lets it in")
        plain = spoken(port, "POST", "/assistants/search", [("Host", f"localhost:{port}")])
        trial.fact(" 200 " in plain.splitlines()[0], f"its own page: {plain.splitlines()[0]}")
        asked = refused_requests(trial, address, trap, world.undisturbed[ENDED])
        trial.fact(heard(trap) == b"", "somebody knocked at the listening socket")
        made = [path.name for path in trial.folder.glob("*/*") if path.parent.name in ("runs", "theirs")]
        trial.fact(made in ([], ["evil.py"]), f"something was written: {made}")
        log = (trial.folder / "server.log").read_text(encoding="utf-8", errors="replace")
        trial.fact(KEY not in log, "the key stands in the server's log")
    trial.said.append(f"{len(doors)} headers: 403; {asked} requests: one line each, as `{trial.said.pop()}`")
    trial.kept.append("the key: the listening socket saw nothing")


@contextlib.contextmanager
def listener() -> Iterator[socket.socket]:
    """A socket at which nobody should knock."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening


def heard(listening: socket.socket) -> bytes:
    """What somebody who knocked has said; nothing where nobody did."""
    try:
        other, _ = listening.accept()
    except BlockingIOError:
        return b""
    with other:
        other.settimeout(5.0)
        return other.recv(4096) or b"a connection"


def foreign(port: int) -> dict[str, tuple[str, str, Headers]]:
    """Requests that a page of somebody else could cause, or a name that leads here."""
    host = ("Host", f"localhost:{port}")
    origins = (
        *("https://evil.example", "null", "file://", "http://localhost:1", "http://smith.langchain.com"),
        *(f"{GOOD_ORIGIN}.evil.example", ""),
    )
    hosts = ("evil.example", "localhost.evil.example", "localhost@evil.example", f"0.0.0.0:{port}", "127.1")
    found: dict[str, tuple[str, str, Headers]] = {
        f"Origin {origin!r}": ("POST", "/threads", [host, ("Origin", origin)]) for origin in origins
    }
    found |= {f"Host {name!r}": ("GET", "/info", [("Host", name)]) for name in hosts}
    websocket = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("Sec-WebSocket-Version", "13"),
    ]
    return found | {
        "two Hosts": ("GET", "/info", [host, ("Host", "evil.example")]),
        "two Origins": (
            "POST",
            "/threads",
            [host, ("Origin", GOOD_ORIGIN), ("Origin", "https://evil.example")],
        ),
        "X-Forwarded-Host": ("GET", "/info", [("Host", "evil.example"), ("X-Forwarded-Host", "localhost")]),
        "preflight": (
            "OPTIONS",
            "/threads",
            [host, ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")],
        ),
        "cross-site": ("GET", "/docs", [host, ("Sec-Fetch-Site", "cross-site")]),
        "/noauth": ("POST", "/noauth/threads", [("Host", "evil.example")]),
        "websocket": ("GET", "/ws", [host, ("Origin", "https://evil.example"), *websocket]),
    }


def spoken(port: int, method: str, path: str, headers: Headers) -> str:
    """The head of the answer to a request that is sent as it stands."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    lines += ["Content-Type: application/json", "Content-Length: 2", "", "{}"]
    with socket.create_connection(("127.0.0.1", port), timeout=60.0) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        return connection.recv(4096).decode("latin-1")


def refused_requests(trial: Trial, address: str, trap: socket.socket, other_run: Path) -> int:
    """Requests for runs that choose what is their owner's to choose; how many were made."""
    from langgraph_sdk import get_sync_client

    url = f"http://127.0.0.1:{trap.getsockname()[1]}/v1"
    theirs = trial.folder / "theirs"
    theirs.mkdir()
    (theirs / "evil.py").write_text(f"open({str(theirs / 'executed')!r}, 'w').write('x')\n")
    model = {"policy": "llm", "model": "openai:m"}
    contexts: list[dict[str, Any]] = [
        *(model | {"base_url": url}, {"policy": "llm", "models_file": str(theirs / "models.toml")}),
        *(
            {"policy": "llm:openai:gpt-5"},
            {"teacher": "openai:m"},
            {"eval_server": url},
            {"baseline": f"{url}#m"},
        ),
        *({"runs_dir": str(theirs / "runs")}, {"memory": str(theirs)}, {"answer_cache": str(theirs)}),
        *(
            {"data_root": str(theirs)},
            {"executor": f"ray:{url[7:]}"},
            {"allow_pickle": True},
            {"workers": 64},
        ),
        *({"report_to": ["wandb"]}, {"policy": f"{theirs / 'evil.py'}:plan"}, {"policy": "antigravity:fly"}),
        {"policy": f"planner=mcp:touch {theirs / 'executed'}"},
    ]
    inputs: list[dict[str, Any]] = [
        *({"base_model": "/etc"}, {"base_model": "somebody/model"}, {"task": "/etc/passwd"}, {"task": url}),
        *(
            {"task": "somebody/data"},
            {"run_dir": str(other_run)},
            {"run_dir": str(trial.folder / "runs/../..")},
        ),
    ]
    with get_sync_client(url=address) as client:
        assistant = str(client.assistants.search()[0]["assistant_id"])
        stored = str(client.assistants.create("ftdojo", context=contexts[0])["assistant_id"])
        asked: list[tuple[str, dict[str, Any]]] = [(stored, {"input": {}})]
        asked += [(assistant, {"input": {}, "context": context}) for context in contexts]
        asked += [(assistant, {"input": given}) for given in inputs]
        asked += [(assistant, {"input": {}, "config": {"configurable": contexts[0]}})]
        for who, how in asked:
            thread = client.threads.create()["thread_id"]
            parts = list(client.runs.stream(thread, who, stream_mode=["updates"], **how))
            told = [str(part.data.get("message", "")) for part in parts if part.event == "error"]
            trial.fact(told and "\n" not in told[0], f"not refused: {json.dumps(how, default=str)[:120]}")
            trial.fact(heard(trap) == b"", f"knocked: {json.dumps(how, default=str)[:120]}")
            trial.said = told[:1] or trial.said
    return len(asked)
