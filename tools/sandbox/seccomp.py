"""Seccomp filter, as a BPF program, that refuses what neither rlimits nor Landlock nor file modes refuse.

The filter is a list of refusals rather than a list of permissions: plotting code may
call most of the kernel, and a forgotten permission would break an honest script. It
refuses (see ``REFUSED`` for the calls):

* every socket of any family, but for stream pairs: a datagram socket, of a pair as
  well, sends to any address that a message names;
* reaching into other processes (ptrace and its relatives), and changing the limits,
  priority or CPUs of any process but the caller;
* mounts, namespaces and handles that open a file without its path, and the calls that list mounts and
  security modules: they tell about the host;
* changes of mode, owner, times and extended attributes, which Landlock lets pass;
* memory and objects outside every limit: memfd, System V and POSIX queues, keys, larger buffers of
  sockets, and messages that carry descriptors (what they hold is in no list of open files);
* hiding from the driver, which counts what a script holds open;
* kernel surfaces that plotting code does not need: io_uring, bpf, perf, userfaultfd.

Sources: linux/seccomp.h, linux/filter.h, asm/unistd_64.h and asm-generic/unistd.h.
Only x86_64 and aarch64 are known; ``compile_filter`` raises OSError elsewhere. A call
in another architecture's convention (32 bits, x32) ends the process. The program is assembled
by hand because no package on PyPI that does so is kept up (``pyseccomp``: last release in 2021).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
RET_ALLOW, RET_ERRNO, RET_KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, AND, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
X32_BIT = 0x40000000
CLONE_NEW_ANY = 0x7E020000
O_ACCMODE, O_TRUNC = 0o3, 0o1000
ALL_BITS = 0xFFFFFFFF

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine -> (AUDIT_ARCH_*, column in the tables of call numbers below)."""

REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "truncate": (76, 45),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "setsockopt": (54, 208),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "lsm_get_self_attr": (459, 459),
    "lsm_list_modules": (461, 461),
    "cachestat": (451, 451),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "iopl": (172, None),
    "ioperm": (173, None),
}
"""Call -> its number on (x86_64, aarch64); None where the machine has no such call. Answered with EPERM."""

ABSENT: dict[str, tuple[int | None, int | None]] = {"clone3": (435, 435), "openat2": (437, 437)}
"""Calls whose arguments a filter cannot read: answered with ENOSYS: the C library takes the old one."""


class Condition(NamedTuple):
    """Refuse a call when ``argument & mask`` is (or is not) ``value``; the low 32 bits are compared."""

    numbers: tuple[int | None, int | None]
    argument: int
    mask: int
    value: int
    refuse_if_equal: bool


CONDITIONS = (
    # A new process may not come with new namespaces.
    Condition((56, 220), 0, CLONE_NEW_ANY, 0, False),
    # Pairs: local ones only, and streams only.
    Condition((53, 199), 0, ALL_BITS, 1, False),
    Condition((53, 199), 1, 0xF, 1, False),
    # Limits, scheduling and CPUs: only the caller's own, written as process 0.
    Condition((302, 261), 0, ALL_BITS, 0, False),
    Condition((142, 118), 0, ALL_BITS, 0, False),
    Condition((144, 119), 0, ALL_BITS, 0, False),
    Condition((203, 122), 0, ALL_BITS, 0, False),
    Condition((314, 274), 0, ALL_BITS, 0, False),
    # PR_SET_DUMPABLE: a process that is not dumpable hides what it has open.
    Condition((157, 167), 0, ALL_BITS, 4, True),
    # Emptying a file that is open for reading only, which early Landlock does not see.
    Condition((2, None), 1, O_ACCMODE | O_TRUNC, O_TRUNC, True),
    Condition((257, 56), 2, O_ACCMODE | O_TRUNC, O_TRUNC, True),
)


def own_signals(pid: int) -> tuple[Condition, ...]:
    """Signals only to the process ``pid`` itself, for kernels whose Landlock does not confine signals."""
    never = ALL_BITS
    return (
        Condition((62, 129), 0, ALL_BITS, pid, False),
        Condition((234, 131), 0, ALL_BITS, pid, False),
        Condition((200, 130), 0, 0, never, False),  # tkill names a thread of any process: always refused
        Condition((129, 138), 0, ALL_BITS, pid, False),
        Condition((297, 240), 0, ALL_BITS, pid, False),
        Condition((424, 424), 0, 0, never, False),
    )


def known_machine() -> bool:
    """Whether the filter can be written for this processor."""
    return platform.machine() in _ARCHITECTURES


def compile_filter(extra: tuple[Condition, ...] = ()) -> bytes:
    """The BPF program: 8 bytes an instruction.

    Raises:
        OSError: the processor's architecture is not known.
    """
    if not known_machine():
        raise OSError(errno.ENOSYS, f"no table of system calls for {platform.machine()}")
    architecture, column = _ARCHITECTURES[platform.machine()]
    program = [
        _step(LOAD, ARCHITECTURE_OFFSET),
        _step(JUMP_EQUAL, architecture, 1, 0),
        _step(RETURN, RET_KILL),
        _step(LOAD, NUMBER_OFFSET),
    ]
    if column == 0:
        program += [_step(JUMP_AT_LEAST, X32_BIT, 0, 1), _step(RETURN, RET_KILL)]
    for table, code in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                program += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, RET_ERRNO | code)]
    for condition in (*CONDITIONS, *extra):
        program += _conditional(condition, column)
    program.append(_step(RETURN, RET_ALLOW))
    return b"".join(program)


def _conditional(condition: Condition, column: int) -> list[bytes]:
    number = condition.numbers[column]
    if number is None:
        return []
    refuse = (0, 1) if condition.refuse_if_equal else (1, 0)
    return [
        _step(JUMP_EQUAL, number, 0, 5),
        _step(LOAD, ARGUMENTS_OFFSET + 8 * condition.argument),
        _step(AND, condition.mask),
        _step(JUMP_EQUAL, condition.value, *refuse),
        _step(RETURN, RET_ERRNO | errno.EPERM),
        _step(LOAD, NUMBER_OFFSET),
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One ``struct sock_filter``."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def load_filter(program: bytes) -> None:
    """Binds this process and all that it will start. Needs ``PR_SET_NO_NEW_PRIVS``; cannot be undone.

    Raises:
        OSError: the kernel has no seccomp filters.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    held = _Program(len(program) // 8, program)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(held), 0, 0):
        raise OSError(ctypes.get_errno(), "this kernel takes no seccomp filter")
