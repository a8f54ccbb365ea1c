"""Checks of ``ftdojo doctor``: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graph.extras import CORE, EXTRAS, OPTIONAL, install, missing
from graph.models_file import keys_present
from graph.settings import BUNDLED_MODEL, default_memory_dir, default_runs_dir
from tasks.errors import FtDojoError
from tools.models.base_model import resolve_base_model

GIB = 2**30
NEEDED_MEMORY_GIB = 2.0
NEEDED_DISK_GIB = 1.0


@dataclass(frozen=True)
class Check:
    """One line of the doctor's table."""

    name: str
    state: Literal["ok", "note", "missing"]
    finding: str
    advice: str = ""


def print_checks(console: Console, as_json: bool) -> bool:
    """Print every check; False when something that a run needs is missing."""
    checks = [check() for check in _CHECKS]
    if as_json:
        console.print_json(json.dumps([asdict(check) for check in checks]))
    else:
        table = Table("check", "", "found", "what to do", box=None, pad_edge=False)
        marks = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "missing": "[red]missing[/]"}
        for check in checks:
            table.add_row(escape(check.name), marks[check.state], escape(check.finding), escape(check.advice))
        console.print(table)
    return all(check.state != "missing" for check in checks)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", version)


def _packages(extra: str, wanted: tuple[str, ...]) -> Callable[[], Check]:
    def check() -> Check:
        absent = missing(wanted)
        if not absent:
            return Check(f"packages ({extra})", "ok", ", ".join(wanted))
        advice = "pip install ft-dojo" if extra == "core" else install(extra)
        state: Literal["note", "missing"] = "note" if extra in OPTIONAL else "missing"
        return Check(f"packages ({extra})", state, f"no {', '.join(absent)}", advice)

    return check


def _cores() -> Check:
    from tools.process.machine import cpu_count

    return Check("cores", "ok", str(cpu_count()))


def _memory() -> Check:
    import psutil

    free = psutil.virtual_memory().available / GIB
    if free >= NEEDED_MEMORY_GIB:
        return Check("memory", "ok", f"{free:.1f} GiB free")
    return Check(
        "memory", "note", f"{free:.1f} GiB free", f"a mini run wants about {NEEDED_MEMORY_GIB:g} GiB"
    )


def _gpu() -> Check:
    if shutil.which("nvidia-smi"):
        return Check("gpu", "ok", "nvidia-smi found")
    return Check(
        "gpu", "note", "none", "the mini edition needs none; a base model of billions of parameters does"
    )


def _base_model() -> Check:
    try:
        model = resolve_base_model(BUNDLED_MODEL)
    except FtDojoError as error:
        return Check("bundled model", "missing", str(error), "install from a complete checkout")
    return Check("bundled model", "ok", f"{model.name}, {model.parameters / 1e6:.1f} M parameters")


def _folder(name: str, where: Callable[[], str]) -> Callable[[], Check]:
    def check() -> Check:
        path = Path(where())
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        if not os.access(existing, os.W_OK):
            return Check(name, "missing", f"{path} cannot be written", f"set FTDOJO_HOME or --{name}")
        free = shutil.disk_usage(existing).free / GIB
        if free < NEEDED_DISK_GIB:
            return Check(name, "note", f"{path}, {free:.1f} GiB free", "make room or choose another folder")
        return Check(name, "ok", f"{path}, {free:.0f} GiB free")

    return check


def _file_locks() -> Check:
    import fcntl

    with tempfile.TemporaryFile() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return Check("file locks", "note", str(error), "keep the runs on a local disk")
    return Check("file locks", "ok", "work")


def _sandbox() -> Check:
    from tools.sandbox import run

    found = run.active()
    if found.name == "none":
        return Check("sandbox", "note", "none: tasks whose answers are code are not scored", run.FIX)
    return Check("sandbox", "ok", found.detail)


def _language_models() -> Check:
    """Whether a key is there, never which; the playbook, the default policy, asks no model."""
    keys = keys_present()
    if keys:
        return Check("language models", "ok", f"{', '.join(keys)} set")
    return Check(
        "language models",
        "ok",
        "no key set, and none is needed: the playbook decides without one",
        "for --policy llm: export OPENAI_API_KEY, or give a server of your own with --base-url",
    )


_CHECKS: tuple[Callable[[], Check], ...] = (
    _python,
    _packages("core", CORE),
    *(_packages(extra, wanted) for extra, wanted in EXTRAS.items()),
    _cores,
    _memory,
    _gpu,
    _base_model,
    _folder("runs-dir", default_runs_dir),
    _folder("memory", default_memory_dir),
    _file_locks,
    _sandbox,
    _language_models,
)
