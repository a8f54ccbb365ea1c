"""A program: runs every hostile script under one isolation and prints what became of each, as JSON.

It is a process of its own so that it can run as another user, with a secret in its
environment, and with servers of its own that no script may reach.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from tasks.base import Script, ScriptResult  # noqa: E402
from tests.support.hostile_scripts import HONEST, PRELUDE, QUICK, STUBBORN, TABLE, Hostile  # noqa: E402
from tools.sandbox import bubblewrap  # noqa: E402
from tools.sandbox.run import ScriptLimits, probe, run_many  # noqa: E402

WITHOUT_SCOPES = "from tools.sandbox import landlock; landlock.ABI_WITH_SCOPES = 99"
"""Makes a driver believe that the kernel's Landlock confines no signals, as before Linux 6.12."""
SEALED = "SEALED-TEST-ROW"
SECRET = "sk-not-a-real-key"
PATIENT = ScriptLimits(memory_bytes=1 << 30, wall_seconds=30.0, file_bytes=4_000_000)
IMPATIENT = ScriptLimits(
    memory_bytes=1 << 30, wall_seconds=3.0, cpu_seconds=1, processes=16, file_bytes=4_000_000
)


class Outside:
    """What lies outside: files open to everyone, four servers, and a number to know processes by."""

    def __init__(self, folder: Path) -> None:
        self.open, self.home = folder / "open", folder / "home"
        for path in (folder, self.open, self.home):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
        self.sealed = self.open / "sealed.jsonl"
        for path in (self.sealed, self.home / "key"):
            path.write_text(SEALED)
            path.chmod(0o666)
        self.before = self.state()
        self.sleep = str(10_000_000 + os.getpid())
        self.abstract = f"ftdojo-{os.getpid()}"
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp, self.unix, self.named = (
            socket.socket(family, socket.SOCK_DGRAM)
            for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_UNIX)
        )
        self.udp.bind(("127.0.0.1", 0))
        self.unix.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        self.named.bind("\0" + self.abstract)
        self.words = {
            "@SEALED@": str(self.sealed),
            "@HOME@": str(self.home),
            "@OPEN@": str(self.open),
            "@SECRET@": SECRET,
            "@PARENT@": str(os.getpid()),
            "@TCP@": str(self.tcp.getsockname()[1]),
            "@UDP@": str(self.udp.getsockname()[1]),
            "@UNIX@": str(folder / "socket"),
            "@ABSTRACT@": self.abstract,
            "@SLEEP@": self.sleep,
            "@DRIVER@": str(PROJECT / "tools" / "recipes" / "script_driver.py"),
        }

    def state(self) -> dict[str, Any]:
        """Content, mode, owner and time of every file."""
        return {
            str(path): (
                path.read_text(),
                *[getattr(path.stat(), f"st_{k}") for k in ("mode", "uid", "mtime_ns")],
            )
            for folder in (self.open, self.home)
            for path in sorted(folder.iterdir())
        }

    def script(self, hostile: Hostile) -> Script:
        """The script with the words filled in."""
        text = PRELUDE + hostile.code
        for word, value in self.words.items():
            text = text.replace(word, value)
        return Script(text, hostile.inputs)

    def breaches(self) -> dict[str, Any]:
        """What happened outside; each value is empty when nothing did."""
        reached = []
        for name in ("tcp", "udp", "unix", "named"):
            server: socket.socket = getattr(self, name)
            server.setblocking(False)
            with suppress(BlockingIOError):
                server.accept() if name == "tcp" else server.recv(10)
                reached.append(name)
        return {
            "reached": reached,
            "changed": [] if self.state() == self.before else [str(self.state())],
            "alive": survivors(self.sleep),
            "left": [str(path) for path in Path(tempfile.gettempdir()).glob("ftdojo-*")],
        }


def survivors(mark: str) -> list[str]:
    """Processes with ``mark`` as an argument, and zombies or children of this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = (path / "status").read_text()
            if mark in (path / "cmdline").read_text() or f"PPid:\t{os.getpid()}\n" in status:
                found.append(status.splitlines()[0])
    return found


def main(isolation: Any, folder: str) -> dict[str, Any]:
    """Both batches; each honest script stands behind hostile ones."""
    os.environ["TMPDIR"] = tempfile.tempdir = folder + "/tmp"
    os.mkdir(tempfile.tempdir, 0o755)
    if isolation == "landlock-old":
        isolation = "landlock"
        bubblewrap.START = bubblewrap.START.replace("; main()", f"; {WITHOUT_SCOPES}; main()")
    found = probe(isolation)
    if found.name == "none":
        return {"none": found.detail}
    outside = Outside(Path(folder, "outside"))
    honest = Script(HONEST, TABLE)
    earlier = Script("open('earlier', 'w').close()")
    later = Script("assert open('later.csv').read() == 'x'", {"later.csv": "x"})
    started = time.monotonic()
    with ExitStack() as stack:
        for server in (outside.tcp, outside.udp, outside.unix, outside.named):
            stack.enter_context(server)
        quick = [honest, earlier, *map(outside.script, QUICK), later, honest]
        results = run_many(
            quick, limits=PATIENT, preload=("pandas", "matplotlib.pyplot"), isolation=isolation
        )
        stubborn = [*map(outside.script, STUBBORN), Script("print('alive')")]
        more = run_many(stubborn, limits=IMPATIENT, isolation=isolation)
        names = ["honest_first", "earlier", *(h.name for h in QUICK), "later", "honest_last"]
        names += [*(h.name for h in STUBBORN), "honest_small"]
        report: dict[str, ScriptResult] = dict(zip(names, results + more, strict=True))
        return {
            "uid": os.getuid(),
            "detail": found.detail,
            "seconds": time.monotonic() - started,
            "breaches": outside.breaches(),
            "results": {name: asdict(result) for name, result in report.items()},
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
