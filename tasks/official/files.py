"""Files of a repository below a data root, and whether they are still what was downloaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tasks.assets import MANIFEST, Assets, LocalFile
from tasks.errors import InputError


def folder_of(assets: Assets, root: Path) -> Path:
    """``<root>/<folder>``, or ``<root>/<owner>/<name>`` where only that exists."""
    named, by_owner = root / assets.folder, root / assets.repo_id
    return by_owner if by_owner.is_dir() and not named.is_dir() else named


def find(assets: Assets, root: Path, fix: str) -> tuple[LocalFile, ...]:
    """Every file that ``assets`` names, in the order of its patterns and then of the names.

    Args:
        assets: what is asked for.
        root: the data root.
        fix: what to do about a missing file, for the error.

    Raises:
        InputError: a file or a whole pattern is missing, or a file changed since ``prepare``.
    """
    folder = folder_of(assets, root)
    manifest = read_manifest(folder)
    known = sorted(manifest["files"]) if manifest else sorted(_names(folder))
    found: dict[str, None] = {}
    for pattern in assets.files:
        names = [name for name in known if fnmatch(name, pattern)] or _otherwise(assets, pattern, known)
        if not names:
            raise InputError(str(folder / pattern), f"there is no such file of {assets.repo_id}", fix)
        if manifest and pattern not in manifest.get("patterns", ()):
            raise InputError(str(folder / pattern), "its download was not finished", fix)
        found |= dict.fromkeys(names)
    files = tuple(LocalFile(folder / name, name) for name in found)
    if manifest:
        refuse_changes(manifest, files, fix)
    return files


def _otherwise(assets: Assets, pattern: str, known: Iterable[str]) -> list[str]:
    """The files that stand for a pattern in the other layout of its folder."""
    place = pattern.partition("/")[0].casefold()
    alone = len(assets.files) == 1
    others = [other for other in assets.also if alone or other.partition("/")[0].casefold() == place]
    return [name for name in known if any(fnmatch(name, other) for other in others)]


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts) and path.is_file():
            yield name.as_posix()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What ``prepare`` wrote into the folder; None where it never ran or the file is not readable."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    fitting = isinstance(manifest, dict) and isinstance(manifest.get("files"), dict)
    return manifest if fitting else None


def is_prepared(assets: Assets, root: Path) -> bool:
    """Whether all of ``assets`` is there: by the manifest, else by the files themselves. Reads no rows."""
    folder = folder_of(assets, root)
    manifest = read_manifest(folder)
    if manifest:
        complete = set(assets.files) <= set(manifest.get("patterns", ()))
        return complete and all((folder / name).is_file() for name in manifest["files"])
    known = list(_names(folder))
    return all(
        any(fnmatch(name, pattern) for name in known) or _otherwise(assets, pattern, known)
        for pattern in assets.files
    )


def refuse_changes(manifest: dict[str, Any], files: Iterable[LocalFile], fix: str) -> None:
    """Raises InputError naming the first file that is not what its manifest says."""
    for file in files:
        said = manifest["files"][file.name]
        if not file.path.is_file():
            raise InputError(str(file.path), "it was downloaded and is gone", fix)
        if file.path.stat().st_size != said["size"] or sha256_of(file.path) != said["sha256"]:
            raise InputError(str(file.path), "it changed since it was downloaded", fix)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hex digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_of(path: Path) -> str:
    """Git's id of a file (SHA-1 over ``blob``, its size and its content), as 40 hex digits."""
    start = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: start).hexdigest()
