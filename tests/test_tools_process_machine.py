"""The machine as this process may use it: cores, memory within a container's limit, versions."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest

import tools.process.machine as measuring
from tests.support.tiny_model import shared_worker
from tools.process.machine import available_gib, cpu_count, machine, versions


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
