"""The machine as this process may use it: cores, memory within a container's limit, versions."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

import tools.process.machine as measuring
from tests.support.tiny_model import shared_worker
from tools.process.machine import available_gib, cpu_count, machine, versions, visible


def test_a_container_has_the_memory_of_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "CGROUP", tmp_path)
    free = available_gib()
    assert free > 0.0
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert available_gib() == pytest.approx(free, rel=0.3)
    (tmp_path / "memory.max").write_text(f"{3 << 26}\n")
    (tmp_path / "memory.current").write_text(f"{1 << 26}\n")
    assert available_gib() == 0.125


def test_the_machine_is_what_this_process_may_use() -> None:
    found = machine()
    assert found.cores == cpu_count()
    assert found.memory_gib > 0.0
    assert platform.python_version() in found.system


def test_versions_name_what_can_change_a_result() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert {"torch", "transformers", "trl", "peft"} <= set(found)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_cores_are_those_of_this_process() -> None:
    assert cpu_count() == len(os.sched_getaffinity(0))


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_tensors_go_back_at_once_where_memory_is_short(tmp_path: Path) -> None:
    job = "tests.support.worker_jobs:holes"
    roomy, short = (
        shared_worker().run(job, {"short": short}, 60.0, tmp_path / "log")["mib"] for short in (False, True)
    )
    assert short < 110
    assert roomy > 1.5 * short


@pytest.mark.parametrize(
    ("allowed", "seen"),
    [
        (None, [0, 1, 2]),
        ("0,1,2", [0, 1, 2]),
        ("2, 0", [2, 0]),
        ("1", [1]),
        ("", []),
        ("-1", []),
        ("1,7,0", [1]),
        ("GPU-5b", [1]),
        ("GPU-5", []),
    ],
)
def test_the_gpus_are_those_that_cuda_would_show(allowed: str | None, seen: list[int]) -> None:
    devices = [("0", "GPU-5a00"), ("1", "GPU-5b00"), ("2", "GPU-7c00")]
    assert visible(devices, allowed) == seen


def test_a_machine_has_the_gpus_that_its_caller_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi = tmp_path / "nvidia-smi"
    lines = ("0, GPU-aa, 1024, NVIDIA A30", "1, GPU-bb, 2048, NVIDIA H100 80GB HBM3, SXM")
    smi.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    monkeypatch.setattr(measuring, "_gpus", measuring._gpus.__wrapped__)
    found = machine()
    assert found.gpus == ("NVIDIA H100 80GB HBM3, SXM", "NVIDIA A30")
    assert found.gpu_memory_gib == 2.0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machine().gpus == ()


@pytest.mark.parametrize(
    ("line", "units"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile", "amx_bf16"),
        ("flags\t\t: fpu avx512_bf16", "avx512_bf16"),
        ("flags\t\t: fpu avx2", ""),
        ("Features\t: fp asimd bf16 i8mm", "bf16"),
    ],
)
def test_products_in_bfloat16_are_read_off_the_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, units: str
) -> None:
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(measuring, "CPUINFO", file)
    assert measuring.bfloat16_units() == ""
    file.write_text(f"processor\t: 0\n{line}\n")
    assert measuring.bfloat16_units() == units
