"""The machine that a process runs on: cores, free memory, GPUs, and the versions of the libraries."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.process.environment import child_environment

PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "tokenizers", "langgraph", "chromadb")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """What this process may use."""

    cores: int
    memory_gib: float
    """Free now, within the container's limit where there is one."""
    gpus: tuple[str, ...] = ()
    gpu_memory_gib: float = 0.0
    """Free memory of the first GPU."""
    system: str = ""
    bfloat16: bool = False
    """Whether its cores were measured to multiply faster in bfloat16; until then float32 is assumed, which
    needs more. GPUs do."""
    bfloat16_units: str = ""
    """The fastest products in bfloat16 that its cores know, one of ``BFLOAT16_UNITS``; empty for none."""


def machine() -> Machine:
    """Measures the machine; the list of GPUs is asked for once."""
    names, free = _gpus()
    return Machine(
        cores=cpu_count(),
        memory_gib=available_gib(),
        gpus=names,
        gpu_memory_gib=free,
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        bfloat16_units=bfloat16_units(),
    )


CPUINFO = Path("/proc/cpuinfo")


BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16", "bf16")
"""As Linux names them, the fastest first: matrix units and vectors of x86, vectors of ARM."""


def bfloat16_units() -> str:
    """What the cores multiply bfloat16 with, as Linux tells; empty where it does not say."""
    lines = _text(CPUINFO).splitlines()
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "").split()
    return next((name for name in BFLOAT16_UNITS if name in flags), "")


def _text(path: Path) -> str:
    """A file of the kernel's; empty where it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def cpu_count() -> int:
    """The cores that this process may use: affinity, not the machine's total."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_gib() -> float:
    """Memory to be had without swapping, in GiB: the machine's or the container's, whichever is less."""
    import psutil

    free = float(psutil.virtual_memory().available)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        most, now = _text(CGROUP / limit).strip(), _text(CGROUP / used).strip()
        if most.isdecimal() and now.isdecimal():
            free = min(free, max(0.0, float(most) - float(now)))
    return free / (1 << 30)


VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible(devices: Sequence[tuple[str, str]], allowed: str | None) -> list[int]:
    """Places of the GPUs that CUDA would show, in its order.

    Args:
        devices: index and UUID of each there is.
        allowed: the value of ``CUDA_VISIBLE_DEVICES``: indices or beginnings of UUIDs, up to the first that
            names none. None leaves all.
    """
    if allowed is None:
        return list(range(len(devices)))
    found: list[int] = []
    for name in (part.strip() for part in allowed.split(",")):
        named = [
            n for n, (index, uuid) in enumerate(devices) if name == index or (name and uuid.startswith(name))
        ]
        if len(named) != 1:
            break
        found += named
    return found


@functools.cache
def _gpus() -> tuple[tuple[str, ...], float]:
    """Names of the GPUs and the free GiB of the first, by ``nvidia-smi``: no CUDA context in this process."""
    if shutil.which("nvidia-smi") is None:
        return (), 0.0
    query = "--query-gpu=index,uuid,memory.free,name"
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
    try:
        environment = child_environment(os.environ)
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=20, check=True
        )
        rows = [[part.strip() for part in line.split(",", 3)] for line in done.stdout.strip().splitlines()]
        seen = visible([(index, uuid) for index, uuid, _, _ in rows], environment.get(VISIBLE))
        return tuple(rows[n][3] for n in seen), float(rows[seen[0]][2]) / 1024 if seen else 0.0
    except (OSError, subprocess.SubprocessError, ValueError):
        return (), 0.0


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak_gib(max_rss: int) -> float:
    """``ru_maxrss`` in GiB: it counts KiB on Linux and bytes on macOS."""
    return max_rss / (1 << 30 if sys.platform == "darwin" else 1 << 20)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those under it so far; 0.0 for one that has ended."""
    import psutil

    total = 0.0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                total += float(times.user + times.system)
    return total


STAT = Path("/proc/self/stat")
STARTED_FIELD = 19
"""Of the fields behind the process's name, its start in clock ticks since the system's (proc(5))."""


def process_seconds() -> float:
    """Wall-clock since this process began, its interpreter's start included; 0.0 where it is not told."""
    try:
        started = float(_text(STAT).rpartition(")")[2].split()[STARTED_FIELD])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
    return max(0.0, age)


VMSTAT = Path("/proc/vmstat")
OWN_CGROUP = Path("/proc/self/cgroup")
OOM_KILL = "oom_kill "


def memory_kills() -> int | None:
    """How many processes the kernel has killed for want of memory; None where it does not say.

    The container's own count where it has one, which other containers do not move; else the machine's.
    """
    for path in (*_memory_events(), VMSTAT):
        try:
            lines = _text(path).splitlines()
            return int(next(line for line in lines if line.startswith(OOM_KILL)).split()[1])
        except (StopIteration, ValueError, IndexError):
            continue
    return None


def _memory_events() -> list[Path]:
    """Where the events of this process's control group are told, the second version's, then the first's."""
    own = [line.split(":", 2) for line in _text(OWN_CGROUP).splitlines() if line.count(":") >= 2]
    second = [CGROUP / path.strip("/") / "memory.events" for _, kinds, path in own if not kinds]
    first = [
        CGROUP / "memory" / path.strip("/") / "memory.oom_control"
        for _, kinds, path in own
        if "memory" in kinds
    ]
    return [*second, CGROUP / "memory.events", *first, CGROUP / "memory/memory.oom_control"]


STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def held_gib() -> float:
    """Resident memory of this process now, in GiB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / (1 << 30)


def reset_peak() -> None:
    """Lets the kernel count this process's peak of memory anew, where it can (Linux)."""
    with contextlib.suppress(OSError):
        CLEAR_REFS.write_text("5")


def peak_gib_since() -> float:
    """Peak resident memory of this process since ``reset_peak``, or since its start, in GiB."""
    try:
        lines = _text(STATUS).splitlines()
        return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / (1 << 20)
    except (StopIteration, ValueError, IndexError):
        return peak_gib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
