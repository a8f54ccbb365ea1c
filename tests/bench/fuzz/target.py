"""Target of the fuzzer: a parser of foreign text, what it promises, and what it made of one input."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy

from tasks.errors import InputError

Read = Callable[[Path, bytes], object]
SLOW_SECONDS = 1.0
SMALL = 64 * 1024
"""Bytes; a larger input may take longer than ``SLOW_SECONDS``."""
ROOT = Path(__file__).parents[3]
FORBIDDEN = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "socket.connect",
    "socket.getaddrinfo",
    "pickle.find_class",
)
"""What no reader of foreign text does, by the names of Python's audit events."""
CODE = ("<string>", "<unknown>", "<ast>", "<stdin>")
"""File names of code objects that were made of text."""


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        name: the kind of text.
        entries: functions that are tried, ``tasks/custom/files.py:read_file``.
        read: gives them an input; the folder is empty at first, and holds what earlier inputs left.
        seeds: valid inputs, and odd ones that are easily missed.
        inputs: draws inputs of this kind; None where changed seeds do.
        raises: what it may raise for wrong input, in one line; any other exception is a fault.
        dear: takes a tenth of a second or more for one input.
        allows: acts (names of audit events) that a library behind it does by itself, whatever the text says.
    """

    name: str
    entries: tuple[str, ...]
    read: Read
    seeds: tuple[bytes, ...]
    inputs: SearchStrategy[bytes] | None = None
    raises: tuple[type[Exception], ...] = (InputError,)
    allows: tuple[str, ...] = ()
    dear: bool = False


@dataclass(frozen=True)
class Finding:
    """A broken promise.

    Attributes:
        key: the same for findings with one cause: the exception and the line of ours that it passed.
        told: the traceback, or what else was wrong.
    """

    key: str
    told: str


@dataclass
class Guard:
    """Notices forbidden acts in this process, by Python's audit hook, which cannot be taken off again."""

    active: bool = False
    folder: str = ""
    seen: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Listen from now on."""
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        made = event == "exec" and getattr(arguments[0], "co_filename", "") in CODE
        if (
            made
            or (event in FORBIDDEN and not self._own_file(event, arguments))
            or (event == "open" and _for_writing(arguments) and not self._own_file(event, arguments))
        ):
            self.seen.append(f"{event} {arguments!r:.200}")

    def _own_file(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "os.remove" and arguments[1] >= 0:
            return True  # by a name within an opened folder, as `rmtree` does it
        return event in ("open", "os.remove") and str(arguments[0]).startswith((self.folder, "/dev/null"))


def _for_writing(arguments: tuple[Any, ...]) -> bool:
    mode = arguments[1]
    return isinstance(arguments[0], str | bytes) and isinstance(mode, str) and bool(set(mode) & set("wax+"))


def attempt(target: Target, folder: Path, content: bytes, guard: Guard | None = None) -> Finding | None:
    """What is wrong with how a target takes an input; None where it keeps its promise."""
    if guard is not None:
        guard.seen.clear()
        guard.active = True
    try:
        target.read(folder, content)
    except target.raises as error:
        if isinstance(error, InputError) and "\n" in str(error):
            return Finding(_key(error, "lines"), f"more than one line: {error!s:.500}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, it was not promised
        return Finding(_key(error), "".join(traceback.format_exception(error, limit=-12))[-4000:])
    finally:
        if guard is not None:
            guard.active = False
    acts = [act for act in guard.seen if act.split()[0] not in target.allows] if guard is not None else []
    return Finding("act-" + acts[0].split()[0], "\n".join(acts[:5])) if acts else None


def timed(target: Target, folder: Path, content: bytes, guard: Guard) -> tuple[Finding | None, float]:
    """As ``attempt``, with the seconds of processor time; too many for a small input are a finding."""
    begun = time.process_time()
    found = attempt(target, folder, content, guard)
    took = time.process_time() - begun
    if found is None and took > SLOW_SECONDS and len(content) <= SMALL:
        begun = time.process_time()
        attempt(target, folder, content)
        took = min(took, time.process_time() - begun)
        if took > SLOW_SECONDS:
            found = Finding("slow", f"{took:.1f} s for {len(content)} bytes")
    return found, took


def _key(error: BaseException, more: str = "") -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    place = f"{Path(ours[-1].filename).stem}.{ours[-1].name}" if ours else "outside"
    return "-".join(filter(None, (type(error).__name__, place, more)))


def _is_ours(name: str) -> bool:
    return name.startswith(str(ROOT)) and "/tests/" not in name and "/.venv/" not in name
