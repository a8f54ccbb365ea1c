"""Workbook of a spreadsheet program as sheets of text cells: what it may hold, and who opens it.

Most kinds are archives, of which a kilobyte can hold a megabyte, and a sheet of two cells can span a thousand
million of them: the sizes are looked at first, and a child process under a limit does the rest
(``sheet_child``).
"""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import InputError
from tasks.unpacking import Allowance

SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_CHILD = Path(__file__).with_name("sheet_child.py")
_LIBRARY = "python_calamine"
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_AS_CSV = "save its sheet as .csv"
_SAVE = "open it in a spreadsheet program and save it as .xlsx or .csv"
_LOCK = "~$"
"""What the name of the mark begins with that Excel puts beside an open file."""


@dataclass(frozen=True)
class Sheet:
    """One sheet, its cells as text."""

    name: str
    visible: bool
    errors: int
    """Cells that hold an error (#N/A, #REF!), which are empty here."""
    uncomputed: int
    """Formulas without a stored value, which are empty here."""
    problem: str
    """Why it has no rows; "" where it can be read."""
    path: Path
    """Lines of JSON, one a row; a blank row is an empty list."""

    def rows(self) -> Iterator[list[str]]:
        """The rows in order, blank ones too."""
        if self.path.is_file():
            with self.path.open(encoding="utf-8") as file:
                for line in file:
                    yield json.loads(line)


def sheets_of(path: Path, folder: Path) -> tuple[Sheet, ...]:
    """The sheets of a workbook in its order; their cells lie in ``folder``.

    Raises InputError where it is none, is damaged or has a password, or holds too much.
    """
    _refuse_other_kinds(path)
    found = _asked(path, folder)
    if isinstance(found, dict):
        raise _refusal(path, found)
    return tuple(Sheet(**each, path=folder / f"{place}.jsonl") for place, each in enumerate(found))


def _refuse_other_kinds(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if path.name.startswith(_LOCK):
        wrong = "it only marks that a spreadsheet is open"
        raise InputError(str(path), wrong, f"give {path.name.removeprefix(_LOCK)}")
    if head.startswith(_ZIP):
        _refuse_too_large(path)
    elif not head.startswith(_COMPOUND):
        raise InputError(str(path), *_what_else(head))


def _refuse_too_large(path: Path) -> None:
    allowance = Allowance(path, f"{_AS_CSV}, or split it")
    try:
        with zipfile.ZipFile(path) as packed:
            for member in packed.infolist():
                allowance.take(member.file_size)
    except InputError:
        raise
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise _broken(path, str(error)) from error


def _what_else(head: bytes) -> tuple[str, str]:
    """(what a file is that is no workbook, what to do)."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        kind = "an XML file" if start.startswith(b"<?xml") else "a web page"
        return f"it is {kind} under the name of a spreadsheet", _SAVE
    if start and b"\0" not in head:
        return "it is text under the name of a spreadsheet", "give its name the end .csv"
    return "it is no spreadsheet", _SAVE


def _asked(path: Path, folder: Path) -> Any:
    """What the child says of it."""
    library = importlib.util.find_spec(_LIBRARY)
    if library is None or library.origin is None:
        raise ImportError(f"No module named {_LIBRARY!r}", name=_LIBRARY)
    # Isolated and without the environment, which may hold keys: the file is of foreign origin.
    command = [sys.executable, "-I", "-X", "utf8", str(_CHILD)]
    where = [str(Path(library.origin).parent.parent), str(path.resolve()), str(folder)]
    ended = subprocess.run(
        [*command, *where], env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    told = folder / "sheets.json"
    if ended.returncode == 0 and told.is_file():
        return json.loads(told.read_text(encoding="utf-8"))
    kinds = {-signal.SIGABRT: "memory", -signal.SIGXCPU: "time", -signal.SIGKILL: "memory"}
    return {"kind": kinds.get(ended.returncode, "broken"), "why": "its parts do not fit together"}


def _refusal(path: Path, found: dict[str, str]) -> InputError:
    if found["kind"] == "password":
        return InputError(str(path), "it has a password", "save it without one")
    if found["kind"] == "memory":
        wrong = "a sheet spans too many cells to be held in memory"
        return InputError(str(path), wrong, f"delete what stands far from its rows, or {_AS_CSV}")
    if found["kind"] == "time":
        return InputError(str(path), "it takes too long to read", _AS_CSV)
    return _broken(path, found["why"])


def _broken(path: Path, why: str) -> InputError:
    told = " ".join(why.split())[:120]
    return InputError(str(path), f"it is damaged, or no spreadsheet ({told})", _SAVE)
