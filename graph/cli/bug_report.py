"""Bug report: what a developer needs of a run in one ZIP file, without rows, texts, keys and paths.

Nothing is searched for and taken out, for a search misses what nobody thought of. The other way round: a text
is kept only where it is a word of this program (a field's name, a kind, a code), an experiment's id, a time
or a version; every other one is replaced by its length. Figures stay.
"""

from __future__ import annotations

import json
import platform
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, get_args

from graph.run_log import LOG_FILE
from graph.session import SETTINGS_FILE
from graph.settings import RunSettings
from graph.step import FAULT_FILE
from memory.journal.events import KINDS
from memory.journal.log import Journal
from memory.recipe import Record
from tasks import registry
from tasks.errors import Code, FtDojoError, InputError, Stage, or_input_error
from tools.process.machine import machine, versions

MOST_ITEMS = 50
"""Of one list."""
TEXTS = re.compile(
    r"base|e\d{2,6}|[A-Z]\w{2,30}(?:Error|Fault|Failed|Reached)|\d+(\.\d+){1,4}([a-z]{1,4}\d*)?(\+\w{2,8})?|\d{4}-\d\d-\d\dT[\d:.+]{8,25}Z?"
)
"""Ids of experiments, types of errors, versions, times."""
FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>[\w<>]+)')
RAISED = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Fault|Failed|Refused))\b")
WORDS_OF_LOG = {"step", "seconds", "type", "level", "time", "event", "run", "text", "role", "progress"}
WORDS_OF_LOG |= {
    "debug",
    "info",
    "warning",
    "error",
    "critical",
    "step_began",
    "step_ended",
    "step_failed",
    "stage",
}
README = """What is in here, and what is not
================================

machine.json   processor, memory, GPUs, versions
settings.json  what the run was asked for; texts (paths, addresses, models, tasks of yours) by their length
journal.jsonl  kinds, times, figures of every line; other texts by their length
log.jsonl      the same of the log
fault.txt      where the last fault was raised: files of this program and of packages, no message
files.txt      how many files of which size lie where

No row, prompt, answer, name of a source, address, path of yours or key is in here: open the files and look.
What went wrong in your own words, and the line that you saw, help most.
"""


def write_bundle(run_dir: Path, out: Path | None = None) -> Path:
    """Write the ZIP file; beside the run's folder where no place is named.

    Raises:
        InputError: it is there already, or cannot be written.
    """
    target = out or Path.cwd() / f"{run_dir.resolve().name}-bug.zip"
    with or_input_error(str(target), "cannot be written", "name another file with --out"):
        if target.exists():
            raise InputError(str(target), "is there already", "name another file with --out")
        with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as file:
            for name, text in _parts(run_dir):
                file.writestr(name, text)
    return target


def _parts(run_dir: Path) -> Iterator[tuple[str, str]]:
    yield "README.txt", README
    here = {"versions": versions(), "system": platform.platform(), "machine": asdict(machine())}
    yield (
        "machine.json",
        json.dumps(here, indent=2),
    )
    yield "settings.json", json.dumps(_json_of(run_dir / SETTINGS_FILE), indent=2)
    yield "journal.jsonl", _journal(run_dir)
    yield "log.jsonl", "".join(f"{json.dumps(skeleton(line))}\n" for line in _lines(run_dir / LOG_FILE))
    yield "fault.txt", _frames(run_dir / FAULT_FILE)
    yield "files.txt", _files(run_dir)


def skeleton(value: Any) -> Any:
    """A JSON-plain value without anybody's words: figures, and texts that are words of this program."""
    if isinstance(value, str):
        return value if value in vocabulary() or TEXTS.fullmatch(value) else f"<{len(value)} characters>"
    if isinstance(value, Mapping):
        known = {name: skeleton(part) for name, part in value.items() if name in vocabulary()}
        left_out = len(value) - len(known)
        return known | ({"<others>": left_out} if left_out else {})
    if isinstance(value, list | tuple):
        return [skeleton(part) for part in value[:MOST_ITEMS]]
    return value


@cache
def vocabulary() -> frozenset[str]:
    """Names of fields and values of a closed list, from the records, the settings and the journal."""
    words = set(KINDS) | set(get_args(Code)) | set(get_args(Stage)) | WORDS_OF_LOG
    words |= {
        *registry.ids(),
        *registry.extension_ids(),
        "elapsed",
        "other",
        "crc",
        "seq",
        "kind",
        "data",
        "clocks",
    }
    waiting: list[type[Any]] = [Record, RunSettings]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        for name, field in model.model_fields.items():
            words |= {name, *_literals(field.annotation)}
    return frozenset(words)


def _literals(annotation: Any) -> Iterator[str]:
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _literals(part)


def _journal(run_dir: Path) -> str:
    try:
        events = Journal.open(run_dir / "journal.jsonl", write=False).events
    except FtDojoError as error:
        return json.dumps({"error": type(error).__name__}) + "\n"
    lines = (
        {"seq": event.seq, "time": event.time, "kind": event.kind, "experiment": event.experiment}
        | {"data": skeleton(event.data), "clocks": event.clocks}
        for event in events
    )
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def _json_of(path: Path) -> Any:
    try:
        return skeleton(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        return {"error": type(error).__name__}


def _lines(path: Path) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield {"error": 1}
    except OSError:
        return


def _frames(path: Path) -> str:
    """Files, lines and functions of a traceback, and the types that were raised; no message and no source."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "no fault was written down\n"
    told = []
    for line in text.splitlines():
        if frame := FRAME.match(line):
            told.append(f"{_place(frame['path'])}:{frame['line']} {frame['name']}")
        elif raised := RAISED.match(line):
            told.append(raised[1])
    return "\n".join(told) + "\n"


def _place(path: str) -> str:
    """A source file from its package on: what stands before it is its owner's."""
    parts = Path(path).parts
    for folder in ("site-packages", "python3", "lib"):
        for place, part in enumerate(parts):
            if part.startswith(folder) and place + 1 < len(parts):
                return "/".join(parts[place + 1 :])
    own = [
        place
        for place, part in enumerate(parts)
        if part in ("graph", "roles", "tools", "memory", "tasks", "ftdojo")
    ]
    return "/".join(parts[own[-1] :]) if own else "<elsewhere>"


def _files(run_dir: Path) -> str:
    """Files and bytes by folder, down to the experiments."""
    counts: dict[str, tuple[int, int]] = {}
    for path in sorted(run_dir.rglob("*")):
        if path.is_file() and not path.is_symlink():
            parts = path.relative_to(run_dir).parts[:-1]
            known = [
                part if part in ("data", "experiments", "champion") or TEXTS.fullmatch(part) else "*"
                for part in parts
            ]
            place = "/".join(known[:2]) or "."
            number, size = counts.get(place, (0, 0))
            counts[place] = (number + 1, size + path.stat().st_size)
    return "".join(f"{place}: {number} files, {size:,} bytes\n" for place, (number, size) in counts.items())
