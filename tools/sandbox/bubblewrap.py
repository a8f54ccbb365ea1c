"""Command lines, two of them, that start the script driver: inside bubblewrap, or bare for Landlock.

Under bubblewrap nothing of the machine exists but what is bound here, read-only: the
system's libraries, the interpreter, its packages and the driver's own source. Files
are hidden by not binding them, never by covering them. bubblewrap makes the mounts as
the user that started it; the driver, process 1 of its own pid namespace, then becomes
another user where that was root. The one writable place is a tmpfs of bounded size.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
)
INTERPRETER_PARTS = ("bin", "lib", "lib64", "share", "pyvenv.cfg")
"""What is bound of the interpreter's and the environment's folder, which may hold a project as well."""
DRIVER_FILES = (
    "tools/__init__.py",
    "tools/process/__init__.py",
    "tools/process/prefork.py",
    "tools/sandbox/landlock.py",
    "tools/sandbox/seccomp.py",
    "tools/sandbox/__init__.py",
    "tools/sandbox/child.py",
    "tools/sandbox/driver.py",
    "tools/sandbox/folder.py",
    "tools/sandbox/processes.py",
)
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""All that the driver, and so a script, is told; the caller's variables are not passed on."""
HOME_OF_DRIVER = "/driver"
WORK = "/scripts"
"""The writable tmpfs, under bubblewrap."""
START = "import sys; sys.path.insert(0, {root!r}); from tools.sandbox.driver import main; main()"
PROJECT = Path(__file__).resolve().parents[2]


def installed() -> str | None:
    """Where bubblewrap is, if it is."""
    return shutil.which("bwrap")


def interpreter_paths() -> list[str]:
    """The interpreter's own folders and those of its packages, without the system's and without repeats."""
    real = Path(os.path.realpath(sys.executable)).parent.parent
    homes = dict.fromkeys([sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix), str(real)])
    parts = [os.path.join(home, part) for home in homes for part in INTERPRETER_PARTS]
    return [path for path in parts if os.path.exists(path) and not _below(path, SYSTEM_FOLDERS)]


def needs_read_capability(extra: Iterable[str] = (), parents: bool = True) -> bool:
    """Whether another user could not read the interpreter, such as one in a home that is closed to others.

    Args:
        extra: further paths that must be reached.
        parents: also look at the folders above; under bubblewrap those are made afresh and open.
    """
    samples = [os.path.realpath(sys.executable), os.__file__, sysconfig.get_path("purelib"), *extra]
    return not all(_open_to_others(Path(path), parents) for path in samples)


def driver_command(root: Path | str) -> list[str]:
    """The driver as a program; ``root`` is the folder that holds ``tools``."""
    return [sys.executable, "-s", "-P", "-B", "-c", START.format(root=str(root))]


def bubblewrap_command(program: str, disk_bytes: int, as_root: bool) -> list[str]:
    """The whole command line: ``program`` is bubblewrap's path, ``disk_bytes`` the size of the tmpfs."""
    command = [
        program,
        *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--new-session", "--as-pid-1"),
    ]
    if as_root:
        for capability in ("CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"):
            command += ["--cap-add", capability]
    command += _system()
    for path in interpreter_paths():
        command += [*_parents(path), "--ro-bind", path, path]
    for name in DRIVER_FILES:
        target = f"{HOME_OF_DRIVER}/{name}"
        command += [*_parents(target), "--ro-bind", str(PROJECT / name), target]
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    command += ["--size", str(disk_bytes), "--perms", "0755", "--tmpfs", WORK, "--remount-ro", "/"]
    return [*command, "--chdir", WORK, "--", *driver_command(HOME_OF_DRIVER)]


def _system() -> list[str]:
    """Binds for the system's folders; a link such as /lib -> usr/lib stays a link."""
    command: list[str] = []
    for path in SYSTEM_FOLDERS:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += [*_parents(path), "--ro-bind", path, path]
    command += ["--perms", "0755", "--dir", "/etc"]
    for path in SYSTEM_FILES:
        command += ["--ro-bind-try", path, path]
    return command


def _parents(path: str) -> list[str]:
    """Folders above a bind, open to the user that the driver becomes."""
    above = [str(parent) for parent in reversed(Path(path).parents) if str(parent) != "/"]
    return [part for parent in above for part in ("--perms", "0755", "--dir", parent)]


def _below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _open_to_others(path: Path, parents: bool) -> bool:
    mode = path.stat().st_mode
    needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    if mode & needed != needed:
        return False
    return not parents or all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
