"""Archives of data files, ``.zip`` and ``.tar``, read as the folders that they were made of.

What is unpacked is counted, in bytes and in files, while it comes, and lies in a folder of its own that is
gone afterwards. Only regular files are written, under paths that stay in it: links, devices, names that climb
out (``../``) and files with a password are passed over and named. An archive in an archive stays packed.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, cast

from tasks.custom.tables import Data, PassedOver
from tasks.errors import InputError
from tasks.unpacking import Allowance, counted

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_FILES = 10_000
_MOST_MEMBERS = 100_000
_MOST_NAME = 200
_CHUNK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
_PACKED: dict[bytes, Callable[..., object]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open
}  # fmt: skip
_FIX = "unpack it, and give the files that hold the rows"
_LEFTOVERS = ("__MACOSX",)
"""Folders that a Mac adds to an archive, with files that are no data."""


def is_archive(path: Path) -> bool:
    """By its name."""
    return path.name.casefold().endswith(SUFFIXES)


def read_archive(path: Path, read: Callable[[Path], Data]) -> Data:
    """What ``read`` makes of the folder (or the only file) in the archive, under the archive's name.

    Raises:
        InputError: it is damaged, holds too much, or nothing in it can be read.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / (path.name.partition(".")[0] or "data")
        folder.mkdir()
        passed = _unpack(path, folder)
        top = _top(folder)
        try:
            data = read(top)
        except InputError as error:
            raise _renamed(error, path, folder, passed) from error
        tables = tuple(
            replace(table, path=_said(table.path, path, folder), reader=f"{table.reader}, in {path.name}")
            for table in data.tables
        )
        return replace(data, tables=tables, passed_over=(*data.passed_over, *passed))


def _renamed(error: InputError, path: Path, folder: Path, passed: list[PassedOver]) -> InputError:
    wrong = _said(error.wrong, path, folder)
    if passed and wrong.endswith("(it is empty)"):
        wrong = f"no file in it could be read ({passed[0].path}: {passed[0].reason})"
    return InputError(_said(error.what, path, folder), wrong, _said(error.fix, path, folder))


def _said(text: str, path: Path, folder: Path) -> str:
    """A text in which the archive stands for the folder that it was unpacked to."""
    return text.replace(str(folder), str(path))


def _top(folder: Path) -> Path:
    """The only entry of a folder, as far down as there is but one: archives wrap what they hold."""
    while folder.is_dir() and len(inside := list(folder.iterdir())) == 1:
        folder = inside[0]
    return folder


def _unpack(path: Path, folder: Path) -> list[PassedOver]:
    """Write the archive's files below ``folder``; gives what was passed over. Raises InputError."""
    allowance = Allowance(path, _FIX)
    passed: list[PassedOver] = []
    count = 0
    try:
        with _members(path) as members:
            for name, why_not, opened in members:
                where = _inside(name)
                if where is None or why_not:
                    passed.append(
                        PassedOver(name[:_MOST_NAME], why_not or "its name leads out of the archive")
                    )
                    continue
                if where.parts[0] in _LEFTOVERS:
                    continue
                count += 1
                if count > MOST_FILES:
                    raise InputError(str(path), f"it holds over {MOST_FILES:,} files", "give fewer of them")
                _write(folder / where, opened, allowance, passed, name)
    except _BROKEN as error:
        raise InputError(str(path), f"it cannot be unpacked: {' '.join(str(error).split())[:200]}",
                         "pack it again") from error  # fmt: skip
    return passed


def _write(
    target: Path,
    opened: Callable[[], IO[bytes] | None],
    allowance: Allowance,
    passed: list[PassedOver],
    name: str,
) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("xb")
    except OSError as error:  # a name twice, or one that is a file and a folder
        passed.append(PassedOver(name[:_MOST_NAME], f"it cannot be unpacked: {error.strerror}"))
        return
    with file:
        source = opened()
        while source is not None and (content := source.read(_CHUNK)):
            allowance.take(len(content))
            file.write(content)


def _inside(name: str) -> PurePosixPath | None:
    """The path of a file inside the archive; None where it would lead out, or is no path."""
    where = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in where.parts if part != "."]
    odd = any(
        part == ".." or "\0" in part or len(part.encode("utf-8", "replace")) > _MOST_NAME for part in parts
    )
    if where.is_absolute() or odd or not parts or ":" in parts[0] or len(str(where)) > 4 * _MOST_NAME:
        return None
    return PurePosixPath(*parts)


_Member = tuple[str, str, Callable[[], IO[bytes] | None]]
"""Name, why it is not unpacked, and its bytes."""


@contextmanager
def _members(path: Path) -> Iterator[Iterator[_Member]]:
    if path.name.casefold().endswith(".zip"):
        with zipfile.ZipFile(path) as packed:
            if len(packed.infolist()) > _MOST_MEMBERS:
                raise InputError(str(path), f"it holds over {_MOST_MEMBERS:,} entries", "give fewer of them")
            yield _of_zip(packed)
    else:
        # Counted also where a member is passed over, which unpacks it all the same.
        with _stream(path) as stream, tarfile.open(fileobj=stream, mode="r|") as packed_tar:
            yield _of_tar(path, packed_tar)


def _stream(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        head = file.read(6)
    opener = next((opener for magic, opener in _PACKED.items() if head.startswith(magic)), open)
    return counted(cast(IO[bytes], opener(path, "rb")), Allowance(path, _FIX))


def _of_zip(packed: zipfile.ZipFile) -> Iterator[_Member]:
    for info in packed.infolist():
        if info.is_dir():
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        why = "a link" if stat.S_ISLNK(kind) else "it has a password" if info.flag_bits & 1 else ""
        why = why or ("not a regular file" if kind and not stat.S_ISREG(kind) else "")
        yield info.filename, why, lambda info=info: packed.open(info)  # type: ignore[misc]


def _of_tar(path: Path, packed: tarfile.TarFile) -> Iterator[_Member]:
    for number, info in enumerate(packed, 1):
        if number > _MOST_MEMBERS:
            raise InputError(str(path), f"it holds over {_MOST_MEMBERS:,} entries", "give fewer of them")
        if info.isdir():
            continue
        why = "a link" if info.issym() or info.islnk() else "" if info.isreg() else "not a regular file"
        yield info.name, why, lambda info=info: packed.extractfile(info)  # type: ignore[misc]
