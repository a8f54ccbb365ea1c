"""Sandbox for code that a model wrote: it runs confined, or not at all.

Covered, with bubblewrap and with Landlock alike:

* files: only the interpreter, its packages and the system's libraries can be read, the
  script's inputs too; its working folder alone can be written;
* network: no socket of any kind can be made, so no TCP, UDP, DNS, Unix or netlink;
* the caller: its environment, memory, descriptors, folders and signals are out of reach;
* other scripts of a batch: code, inputs, folders and results; what one leaves running
  is killed, what it leaves on disk is deleted before the next starts;
* rights: another user where started as root, no new privileges, no namespaces, no
  mounts, no devices, no tracing, no change of modes and owners;
* CPU seconds, wall time, processes with threads, the size of a file and of the output;
* memory and disk: of each process by the kernel; of all together by looking ten times
  a second (disk under bubblewrap: by a file system of that size), files that were deleted
  while open and the number of sockets, whose buffers are the kernel's memory, included.

Not covered:

* with Landlock: ``stat`` and ``access`` tell that a hidden file exists, ``kill`` and its like that a
  process does; the names of the machine and of its users, and its clock, can be seen;
* with bubblewrap: /proc tells the kernel's version and command line, processor, memory, and the folders
  of the host that are bound;
* with Landlock as an ordinary user: RLIMIT_NPROC counts the user's other processes,
  so the number of processes is as exact as /proc shows them;
* with a kernel before 6.12, Landlock, and an ordinary user: descendants are ended by
  looking them up again and again, and a script may signal only its first process;
* bugs of the kernel and side channels of the processor;
* load: a script may use all of one CPU or more until its time is over;
* the packages of the environment can be read, and so can world-readable files in /usr;
* a script may do what it likes with its own result: a result is a claim to be judged.

One driver process per batch imports the slow libraries once and forks a child per
script (``tools.sandbox.driver``).
"""

from __future__ import annotations

import functools
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.base import Script, ScriptResult
from tasks.errors import HarnessFault, InputError
from tools.process.environment import child_environment
from tools.sandbox import landlock, seccomp
from tools.sandbox.bubblewrap import installed
from tools.sandbox.client import DriverProcess, ScriptLimits
from tools.sandbox.folder import RESULT

__all__ = ["Isolation", "ScriptLimits", "active", "probe", "run", "run_many"]

IsolationName = Literal["bubblewrap", "landlock"]
ORDER: tuple[IsolationName, ...] = ("bubblewrap", "landlock")
FIX = "install bubblewrap (apt-get install bubblewrap), or use a kernel with Landlock (5.13 or newer)"
COVERED = (
    "files",
    "network",
    "environment and processes of the caller",
    "other scripts",
    "privileges",
    "memory",
    "CPU and wall time",
    "processes",
    "disk",
)


DEFAULT_LIMITS = ScriptLimits()


@dataclass(frozen=True)
class Isolation:
    """What confines scripts on this machine."""

    name: Literal["bubblewrap", "landlock", "none"]
    detail: str
    covered: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()


def run(script: Script, *, limits: ScriptLimits = DEFAULT_LIMITS) -> ScriptResult:
    """One script; see ``run_many``, which is far cheaper for several."""
    return run_many([script], limits=limits)[0]


def run_many(
    scripts: Sequence[Script],
    *,
    limits: ScriptLimits = DEFAULT_LIMITS,
    preload: Sequence[str] = (),
    isolation: IsolationName | None = None,
    seconds: float = math.inf,
) -> list[ScriptResult]:
    """Runs the scripts one after the other, each in a fresh folder, and returns as many results.

    Standard output and error are cut to 20,000 characters, the first of the output and the
    last of the errors; a ``result.json`` over 1 MB is not returned, and stderr says so.

    Args:
        scripts: a script's inputs are plain file names.
        limits: hold for each script.
        preload: modules to import once; a missing one is left for the scripts to miss.
        isolation: None for the best that works here. Any other is taken as it is, untested.
        seconds: for all together; no script begins later.

    Raises:
        TimeoutError: they took longer.
        InputError: an input's name is no plain file name, or the inputs are too large.
        HarnessFault: the isolation that worked when it was tested does not start any more.
    """
    until = time.monotonic() + seconds
    for script in scripts:
        _check_inputs(script, limits)
    if isolation is None:
        found = active()
        if found.name == "none":
            return [ScriptResult("refused", stderr=f"{found.detail}; {FIX}") for _ in scripts]
        isolation = found.name
    results: list[ScriptResult] = []
    while len(results) < len(scripts):
        with DriverProcess(isolation, limits, tuple(preload)) as driver:
            for script in scripts[len(results) :]:
                if time.monotonic() >= until:
                    raise TimeoutError(f"{len(results)} of {len(scripts)} scripts run")
                result = driver.ask(script)
                results.append(result)
                if not driver.alive:
                    break
    return results


def _check_inputs(script: Script, limits: ScriptLimits) -> None:
    fix = "give each input a plain file name"
    for name in script.files:
        if Path(name).name != name or "\0" in name or name in ("", "..", RESULT) or len(name.encode()) > 255:
            raise InputError(f"input {name!r}", "is no name for a file in the working folder", fix)
    size = sum(len(text.encode("utf-8", "replace")) for text in script.files.values())
    if size > limits.file_bytes:
        raise InputError("inputs", f"{size} bytes, over {limits.file_bytes}", "raise ScriptLimits.file_bytes")


@functools.cache
def active() -> Isolation:
    """The best isolation that works here, tested once by trying to break out of it."""
    reasons = []
    for name in ORDER:
        found = probe(name)
        if found.name != "none":
            return found
        reasons.append(found.detail)
    return Isolation("none", "; ".join(reasons), (), COVERED)


@functools.cache
def probe(name: IsolationName) -> Isolation:
    """Whether this isolation works here: its name, or ``none`` and the reason."""
    missing = _missing(name)
    if missing:
        return Isolation("none", f"{name}: {missing}")
    with ExitStack() as stack:
        outside = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(outside, 0o777)
        secret = Path(outside, "secret")
        secret.write_text("outside")
        secret.chmod(0o666)
        try:
            (result,) = run_many([Script(_PROBE.format(secret=str(secret)))], isolation=name)
        except HarnessFault as error:
            return Isolation("none", f"{name}: {error}")
    if result.status != "ok" or result.returned != "[]":
        why = result.returned or result.stderr.strip().rpartition("\n")[2] or result.status
        return Isolation("none", f"{name}: does not confine a script here ({why})")
    user = "another user" if os.geteuid() == 0 else "the same user"
    if name == "bubblewrap":
        ask = [str(installed()), "--version"]
        environment = child_environment(os.environ)
        version = subprocess.run(ask, env=environment, capture_output=True, text=True, check=True)
        return Isolation(name, f"{version.stdout.strip()}, scripts run as {user}", COVERED, ("kernel bugs",))
    abi = landlock.abi()
    left = ["kernel bugs", "existence of hidden files and processes"]
    if abi < landlock.ABI_WITH_SCOPES:
        left.append("signals between a script's own processes are refused")
    return Isolation(name, f"Landlock ABI {abi}, scripts run as {user}", COVERED, tuple(left))


def _missing(name: IsolationName) -> str:
    if not seccomp.known_machine():
        return "the system call filter is written for x86_64 and aarch64 only"
    if name == "bubblewrap" and not installed():
        return "bwrap is not installed"
    if name == "landlock" and not landlock.abi():
        return "this kernel has none"
    return ""


_PROBE = """
import json, socket
open_doors = []
for name, attempt in (
    ("read", lambda: open({secret!r}).read()),
    ("write", lambda: open({secret!r}, "w")),
    ("network", lambda: socket.socket()),
):
    try:
        attempt()
    except OSError:
        continue
    open_doors.append(name)
with open("result.json", "w") as file:
    json.dump(open_doors, file)
"""
"""Tries three doors. A kernel may accept the rules and not apply them, so only the attempt counts."""
