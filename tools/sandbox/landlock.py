"""Landlock by direct system calls, and the steps that turn a forked child into a confined one.

Landlock confines a process and its descendants to paths on a list, without any right
of an administrator (Linux 5.13; kernel documentation: userspace-api/landlock). What
it covers grows with its ABI: files from 1, truncation from 3, TCP from 4, devices'
ioctl from 5, signals and abstract Unix sockets from 6. It never covers a file's
metadata: ``stat`` tells that a hidden file exists; ``tools.sandbox.seccomp`` refuses
the calls that would change such metadata.

The system calls are made by hand because no package on PyPI that does so is kept up
(``landlock`` is a development release).

The order in a child is fixed: limits, then the other uid, then no new privileges,
then Landlock, then the system call filter; each step may forbid an earlier one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
"""System call numbers, the same on every architecture."""
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS = 1, 4, 8
PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 38, 36
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_READ_SEARCH = 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_SOCK, MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
FIRST_ABI_RIGHTS = (1 << 13) - 1
TCP_RIGHTS = 0b11
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1, 2
ABI_WITH_SCOPES = 6

READ = EXECUTE | READ_FILE | READ_DIR
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""The rights that a rule on a file, rather than on a folder, may name."""


def abi() -> int:
    """The version of the kernel's Landlock; 0 where there is none."""
    found = _libc().syscall(LANDLOCK_CREATE, None, 0, 1)
    return max(int(found), 0)


def confine_paths(readable: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> None:
    """Only these paths from now on, and what lies under them; no TCP; no signals outwards where the ABI can.

    Args:
        readable: read, listed and executed. A path that does not exist is passed over.
        writable: folders in which anything but devices and sockets may be made.
        devices: files that may be read and written.

    Raises:
        OSError: the kernel refused, or has no Landlock.
    """
    version = abi()
    files = _file_rights(version)
    everything = files & ~(MAKE_CHAR | MAKE_BLOCK | MAKE_SOCK | IOCTL_DEV)
    ruleset = _create(files, TCP_RIGHTS if version >= 4 else 0, _scopes(version))
    try:
        for paths, rights in (
            (readable, READ),
            (writable, everything & ~EXECUTE),
            (devices, READ_FILE | WRITE_FILE),
        ):
            for path in paths:
                _allow(ruleset, path, rights & files)
        _restrict(ruleset)
    finally:
        os.close(ruleset)


def confine_signals() -> bool:
    """Keeps this process's signals to itself and its descendants; False where the kernel cannot.

    It gives an unprivileged process what only the first process of a pid namespace has
    otherwise: ``kill(-1)`` that reaches all its descendants at once and nothing else.
    """
    if abi() < ABI_WITH_SCOPES:
        return False
    ruleset = _create(0, 0, SCOPE_SIGNALS)
    try:
        forbid_new_privileges()
        _restrict(ruleset)
    finally:
        os.close(ruleset)
    with contextlib.suppress(PermissionError):
        os.kill(os.getppid(), 0)
        return False  # a signal got out: kill(-1) would not be safe
    return True


def _file_rights(version: int) -> int:
    rights = FIRST_ABI_RIGHTS
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        rights |= right if version >= since else 0
    return rights


def _scopes(version: int) -> int:
    return SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS if version >= ABI_WITH_SCOPES else 0


def _create(files: int, network: int, scopes: int) -> int:
    # An older kernel takes a longer structure as long as what it does not know is zero.
    attributes = struct.pack("=QQQ", files, network, scopes)
    return _check(_libc().syscall(LANDLOCK_CREATE, attributes, len(attributes), 0), "create")


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= FILE_RIGHTS
        rule = struct.pack("=Qi", rights, descriptor)
        _check(_libc().syscall(LANDLOCK_ADD, ruleset, 1, rule, 0), f"rule for {path}")
    finally:
        os.close(descriptor)


def _restrict(ruleset: int) -> None:
    _check(_libc().syscall(LANDLOCK_RESTRICT, ruleset, 0), "restrict")


def drop_to(uid: int, keep_reading: bool) -> None:
    """Becomes another user for good, with no group, and with no capability but, at most, reading.

    Args:
        uid: also the group's number.
        keep_reading: keep ``CAP_DAC_READ_SEARCH``, for an interpreter in a folder that only root may enter.
            The path list, or the mounts, still decide what can be read.

    Raises:
        OSError: not started as root, or the number is not mapped here.
    """
    if keep_reading:
        set_process(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    drop_capabilities(1 << CAP_DAC_READ_SEARCH if keep_reading else 0)


def drop_capabilities(kept: int = 0) -> None:
    """Gives up every capability but those in the mask ``kept``.

    Raises:
        OSError: one that is to be kept is not there.
    """
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    _check(_libc().capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)), "capset")


def forbid_new_privileges() -> None:
    """From now on no program gains rights by being executed: set-uid bits count for nothing."""
    set_process(PR_SET_NO_NEW_PRIVS, 1)


def set_process(option: int, value: int) -> None:
    """``prctl(option, value)``.

    Raises:
        OSError: the kernel refused.
    """
    _check(_libc().prctl(option, value, 0, 0, 0), f"prctl {option}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(answer: int, what: str) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return answer
