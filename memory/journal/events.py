"""The journal's line: one event, with a checksum, and how a file of them is read.

A line is canonical JSON (sorted keys, no spaces, UTF-8):
``{"crc", "data", "experiment", "kind", "prev", "seq", "time"}`` and, when a ledger is
attached, ``"clocks"``. ``crc`` is CRC-32 over the same JSON without ``crc`` and tells a torn line; ``seq``
counts from 0 without a gap; ``prev`` names the line before (``memory.journal.chain``), which lines of earlier
versions do not.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from memory.journal.chain import Chain, ChainBroken
from tasks.errors import InputError

StageKind = Literal[
    "plan",
    "recipe",
    "card",
    "estimate",
    "training_plan",
    "training",
    "evaluation",
    "comparison",
    "forgetting",
    "verdict",
    "diagnosis",
    "lesson",
    "failure",
    "finished",
    "test_evaluation",
    "test_comparison",
]
"""Once per experiment; the base model's are filed under the experiment ``base``."""
RunKind = Literal[
    "run_started", "candidate_chosen", "confirmation", "champion_chosen", "test_opened", "run_ended"
]
"""Once per run. ``candidate_chosen``: the search is over, and what it ended with goes into ``confirmation``;
``champion_chosen``: what the run claims, the candidate where it was confirmed and else the base."""
FreeKind = Literal["note", "heartbeat", "test_reopened", "decision", "usage", "approval", "evidence"]
"""As often as they happen. ``test_reopened``: a resumed run read the sealed test again. ``decision``: who
decided what, and how; ``usage``: what a call of a language model cost; ``approval``: what a person said;
``evidence``: digests of what the run rests on and of what it wrote (``memory.journal.evidence``)."""
Kind = StageKind | RunKind | FreeKind

STAGES: frozenset[str] = frozenset(get_args(StageKind))
ONCE: frozenset[str] = frozenset(get_args(RunKind))
ABOUT_EXPERIMENTS = frozenset({"note", "decision", "usage", "approval", "evidence"})
"""No stages, and yet they may say to which experiment they belong."""
RENAMED_KINDS = {"reading": "verdict", "tick": "heartbeat"}
"""Kinds of earlier versions -> their names now: old journals stay readable."""
KINDS: frozenset[str] = STAGES | ONCE | frozenset(get_args(FreeKind))


@dataclass(frozen=True)
class Event:
    """One line of the journal."""

    seq: int
    time: str
    """ISO 8601, UTC."""
    kind: str
    experiment: str | None
    data: dict[str, Any]
    clocks: dict[str, float] | None = None
    """The ledger's totals in seconds when the line was written."""
    prev: str | None = None
    """The digest of the line before it; None in journals of earlier versions."""


@dataclass(frozen=True)
class LogContents:
    """What a journal file holds."""

    events: tuple[Event, ...]
    good_bytes: int
    """Length of the file up to the end of its last good record."""
    torn: bytes
    """What stands after it: a last record that was cut or altered; empty when there is none."""
    missing_newline: bool
    """The last record is whole, but its newline is missing (an editor took it)."""
    chain: Chain = field(default_factory=Chain)
    """Up to the last good record."""


def plain(value: Any) -> Any:
    """``value`` as strict JSON knows it.

    A loss may be infinite or not a number, which JSON cannot say: it becomes text that
    pydantic reads back as a float. A model may emit half a surrogate pair, which UTF-8
    cannot hold: it becomes ``?``.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def as_read(value: Any) -> Any:
    """``value`` with the keys of its objects sorted, as a line that is read back has them.

    What is told from a journal in memory is then what is told from its file, order and all.
    """
    if isinstance(value, dict):
        return {key: as_read(value[key]) for key in sorted(value)}
    return [as_read(item) for item in value] if isinstance(value, list) else value


def _canonical(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def encode(event: Event) -> bytes:
    """One line, newline included.

    Raises:
        TypeError: the data is not JSON-plain.
    """
    record: dict[str, Any] = {
        "seq": event.seq,
        "time": event.time,
        "kind": event.kind,
        "experiment": event.experiment,
        "data": plain(event.data),
    }
    if event.clocks is not None:
        record["clocks"] = event.clocks
    if event.prev is not None:
        record["prev"] = event.prev
    record["crc"] = f"{zlib.crc32(_canonical(record)):08x}"
    return _canonical(record) + b"\n"


def is_canonical(line: bytes) -> bool:
    """Whether a line is written as ``encode`` writes it: no key twice, no other form of a number or a text.

    A checksum is over what was read, and does not tell.
    """
    return _canonical(json.loads(line)) == line.rstrip(b"\n")


def decode(line: bytes) -> Event:
    """The event of one line.

    Raises:
        ValueError: the line is cut, altered or not a record.
    """
    try:
        record = json.loads(line.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(record, dict):
        raise ValueError("not a record")
    crc = record.pop("crc", None)
    if crc != f"{zlib.crc32(_canonical(record)):08x}":
        raise ValueError("checksum differs")
    try:
        event = Event(**record)
        if not _is_event(event):
            raise ValueError("not a record")
        return replace(event, kind=RENAMED_KINDS.get(event.kind, event.kind))
    except TypeError as error:
        raise ValueError(str(error)) from error


def _is_event(event: Event) -> bool:
    """Whether the fields of a line are of their kinds: a checksum is no proof of that."""
    clocks = {} if event.clocks is None else event.clocks
    return (
        type(event.seq) is int
        and isinstance(event.time, str)
        and isinstance(event.kind, str)
        and isinstance(event.experiment, str | None)
        and isinstance(event.data, dict)
        and isinstance(clocks, dict)
        and all(isinstance(seconds, int | float) for seconds in clocks.values())
    )


def read_log(path: Path) -> LogContents:
    """Every event of a journal file; a bad last line is set apart, a bad earlier one refused.

    Raises:
        InputError: the file cannot be read, or a record before the last is altered or missing.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(str(path), "there is no journal", "name the folder of a run") from None
    except OSError as error:
        raise InputError(
            str(path), f"cannot be read ({error.strerror})", "name the folder of a run"
        ) from error
    events: list[Event] = []
    good_bytes, chain = 0, Chain()
    for number, line in enumerate(lines_of(content), start=1):
        end = good_bytes + len(line)
        try:
            event = decode(line)
            if event.seq != len(events):
                raise ValueError("out of sequence")
            chain.check(event.prev)
        except ValueError as error:
            # A cut leaves no whole record that names another line: that is never a torn end.
            if end < len(content) or isinstance(error, ChainBroken):
                raise InputError(
                    f"{path}:{number}",
                    f"this record is altered, or one before it is missing ({error})",
                    "restore the journal from a copy; nothing was skipped or changed",
                ) from error
            break
        events.append(event)
        chain.add(line, event.prev)
        good_bytes = end
    missing_newline = 0 < good_bytes == len(content) and not content.endswith(b"\n")
    return LogContents(tuple(events), good_bytes, content[good_bytes:], missing_newline, chain)


def lines_of(content: bytes) -> list[bytes]:
    """Lines with their newline; split at the newline byte alone, for text may hold other separators."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
