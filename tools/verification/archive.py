"""Archive of a run: one file that verifies on another machine, the user's task and base model in it.

    run.json, journal.jsonl, data/, experiments/, champion/, report.html, summary.json ...   the run's folder
    inputs/task/NAME    a user's own task, where it is a file or a folder
    inputs/base/NAME    a base model that is a folder of this machine

Names in it are relative. A bundled or named model and a task of FT-Dojo's own are found by name wherever the
archive is opened; a data set or model of the Hub is downloaded there.
"""

from __future__ import annotations

import importlib
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, Literal, Self, cast

from tasks.errors import InputError, or_input_error
from tasks.unpacking import Allowance, counted
from tools.evidence import files_under
from tools.workspace import Workspace

INPUTS = "inputs"
TASK, BASE = f"{INPUTS}/task", f"{INPUTS}/base"
LEFT_OUT = (".lock", ".tmp", ".new", ".torn", ".sqlite", ".sqlite-wal", ".sqlite-shm")
"""Endings of files that a verification has no use for."""
MOST_FILES = 100_000
"""Files and folders that are unpacked; a long run has a few thousand."""
SPARE_BYTES = 200_000_000
"""Disk that unpacking leaves to others."""
MOST_DESCRIPTION = 100_000
"""Bytes of what an archive says of one file: its name, and what else there is."""
_DESCRIBING = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"}


def write_archive(workspace: Workspace, target: Path, task: Path | None, base: Path | None) -> int:
    """Pack a run; the number of files in the archive.

    Args:
        workspace: the run's folder.
        target: a new file; ``.tar.gz`` and ``.tar.xz`` are compressed.
        task: a user's own task, where it lies on this machine.
        base: the base model's folder, where it is nowhere else.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    if target.exists():
        raise InputError(str(target), "is there already", "name a new file")
    partial = target.with_name(f".{target.name}.new")
    count = 0
    try:
        with tarfile.open(partial, mode=_mode(target)) as archive:
            for name, file in _listed(workspace, task, base):
                archive.add(file, arcname=f"{workspace.run_dir.name}/{name}", recursive=False, filter=_plain)
                count += 1
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(
            str(target), f"cannot be written ({error.strerror or error})", "name another file"
        ) from error
    return count


def _listed(workspace: Workspace, task: Path | None, base: Path | None) -> list[tuple[str, Path]]:
    run = [(file.relative_to(workspace.run_dir).as_posix(), file) for file in files_under(workspace.run_dir)]
    found = [
        (name, file) for name, file in run if not name.endswith(LEFT_OUT) and not name.startswith(INPUTS)
    ]
    carried = workspace.inside(INPUTS)
    if carried.is_dir():  # of a run that came in an archive itself
        return found + [
            (file.relative_to(workspace.run_dir).as_posix(), file) for file in files_under(carried)
        ]
    for place, folder in ((task, TASK), (base, BASE)):
        if place is None:
            continue
        files = [place] if place.is_file() else files_under(place)
        top = place.parent
        found += [(f"{folder}/{file.relative_to(top).as_posix()}", file) for file in files]
    return found


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's name and no machine's rights."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _mode(target: Path) -> Literal["w", "w:gz", "w:xz"]:
    if target.suffix in (".gz", ".tgz"):
        return "w:gz"
    return "w:xz" if target.suffix == ".xz" else "w"


def open_archive(file: Path, folder: Path) -> Path:
    """Unpack an archive into an empty folder; the run's folder in it.

    Raises:
        InputError: it is no archive of a run, unpacks to too much, or would write outside the folder.
    """
    # Besides its own errors, a damaged archive raises those of each kind of compression.
    with or_input_error(str(file), "is no archive of a run", "name a run or its archive"):
        _unpack(file, folder)
    runs = [path.parent for path in folder.glob("*/journal.jsonl")]
    if len(runs) != 1:
        raise InputError(str(file), "holds no run", "name an archive that `ftdojo export --archive` wrote")
    return runs[0]


def _unpack(file: Path, folder: Path) -> None:
    """Raises InputError where too much comes out; what came out before that is the caller's to remove."""
    fix = "unpack it and verify the folder, if you trust it"
    places: set[PurePosixPath] = set()
    stream = counted(_decompressed(file), Allowance(file, fix))
    with stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Entry) as archive:
        for entry in archive:
            if entry.isdev() or entry.issparse():
                raise InputError(str(file), f"holds {entry.name[:80]!r}, which is no plain file", fix)
            places.update((place := PurePosixPath(entry.name), *place.parents))
            if len(places) > MOST_FILES:
                raise InputError(str(file), f"holds over {MOST_FILES:,} files and folders", fix)
            if entry.size > shutil.disk_usage(folder).free - SPARE_BYTES:
                raise InputError(str(file), f"holds more than {folder.parent} has room for", "set TMPDIR")
            archive.extract(entry, folder, filter="data")


def _decompressed(file: Path) -> IO[bytes]:
    with file.open("rb") as opened:
        head = opened.read(6)
    for mark, module in _COMPRESSED.items():
        if head.startswith(mark):
            return cast(IO[bytes], importlib.import_module(module).open(file, "rb"))
    return file.open("rb")


class _Entry(tarfile.TarInfo):
    """One file in an archive, whose own description is short: tarfile reads that whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _DESCRIBING and entry.size > MOST_DESCRIPTION:
            raise tarfile.ReadError("a file's description is too long")
        return entry


def carried(run_dir: Path, folder: str) -> Path | None:
    """The task or base model that came with a run in an archive; None where none did."""
    place = run_dir / folder
    inside = sorted(place.iterdir()) if place.is_dir() else []
    return inside[0] if len(inside) == 1 else None
