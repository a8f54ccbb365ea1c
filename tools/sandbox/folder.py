"""Folder of one sandboxed script: how it is laid out, measured and emptied.

    top/            read-only for the script while it runs
    |-- in/         the inputs, read-only
    `-- out/        the working folder; each input appears in it as a link to ../in

The script runs as the owner of these folders or as another user. In the first case
the modes hold because it may not call chmod; the driver may, before and after. A
hostile script leaves hostile trees behind (folders nested thousands deep, folders
without a right), so nothing here recurses or trusts a path.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

RESULT = "result.json"
RESULT_BYTES = 1_000_000
MOST_FILES = 5_000
"""Files and folders that a script may keep at once."""


def lay_out(top: Path, files: Mapping[str, str], owner: int | None) -> Path:
    """Makes the folder and returns ``out``; ``owner`` is the user to give it to, if another."""
    inputs, out = top / "in", top / "out"
    inputs.mkdir(parents=True)
    out.mkdir(mode=0o700)
    for name, text in files.items():
        (inputs / name).write_text(text, encoding="utf-8", errors="replace", newline="")
        (inputs / name).chmod(0o444)
        (out / name).symlink_to(f"../in/{name}")
    if owner is not None:
        os.chown(out, owner, owner)
    inputs.chmod(0o555)
    top.chmod(0o555)
    return out


def read_result(out: Path) -> tuple[str, str]:
    """The text of ``result.json`` and a remark; the script is dead, but what it left is not trusted.

    A link, a pipe or a device of that name is no result, and neither is a file over the bound.
    """
    try:
        descriptor = os.open(out / RESULT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "", ""
    except OSError as error:
        return "", f"{RESULT} is not read: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "", f"{RESULT} is not read: not a file"
        content = file.read(RESULT_BYTES + 1)
    if len(content) > RESULT_BYTES:
        return "", f"{RESULT} is not read: over {RESULT_BYTES} bytes"
    return content.decode("utf-8", errors="replace"), ""


def over_limits(out: Path, disk_bytes: int, unnamed_bytes: int = 0) -> str:
    """What the script has too much of, or nothing. Stops counting as soon as it is certain.

    Args:
        out: the working folder.
        disk_bytes: the most that it may use.
        unnamed_bytes: what it holds beside the folder, in files that were deleted while open.
    """
    files, used, folders = 0, unnamed_bytes, [str(out)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
            files += len(entries)
            for entry in entries:
                # A file that is removed while the rest is counted is no more.
                with contextlib.suppress(FileNotFoundError):
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"a folder that cannot be read ({error.strerror})"
        if files > MOST_FILES:
            return f"more than {MOST_FILES} files"
        if used > disk_bytes:
            return f"more than {disk_bytes} bytes on disk"
    return ""


def remove(top: Path) -> None:
    """Deletes the folder and all below it, however deep and whatever its modes.

    A folder's own folders are moved up beside it before it is deleted, so no path ever
    grows longer than three names. Nothing else may run in it any more.
    """
    if not top.exists():
        return
    top.chmod(0o700)
    number = 0
    waiting = [entry.name for entry in os.scandir(top)]
    while waiting:
        path = top / waiting.pop()
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            continue
        path.chmod(0o700)
        for inner in list(os.scandir(path)):
            if inner.is_dir(follow_symlinks=False):
                number += 1
                # Moving a folder rewrites its "..", which takes the right to write in it.
                os.chmod(inner.path, 0o700)
                os.rename(inner.path, top / f"moved-{number}")
                waiting.append(f"moved-{number}")
            else:
                os.unlink(inner.path)
        path.rmdir()
    shutil.rmtree(top)
