"""Trials that a test of the suite performs: it is run, and its verdict is the row's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from tests.bench.trials.world import ROOT, Trial, World, row

TESTS: dict[str, tuple[str, str]] = {
    "22b": (
        "a read-only disk, a device's error, no descriptors left at a write of an experiment",
        "test_graph_faults.py::test_other_faults_of_the_machine_stop_the_run_in_a_line_that_says_what_to_mend",
    ),
    "21b": ("bad lines in the lesson book, everywhere", "test_memory_experience_lessons.py"),
    "39": (
        "two processes write one memory",
        "test_memory_experience_store.py::test_two_processes_see_each_others_lessons",
    ),
    "39b": ("runs begun in one second", "test_tools_workspace.py"),
    "42b": ("Host, Origin, token and websockets, header by header", "test_graph_server.py"),
    "45c": ("some fifty alterations of a finished run", "test_tools_verification_tampering.py"),
    "46b": (
        "all written anew so that it fits: found by a kept head, a signature, a rerun",
        "test_graph_verify.py::test_who_rewrites_all_of_it_is_found_by_a_rerun_a_kept_head_or_a_signature_alone",
    ),
    "48": (
        "the scorer, our code or the packages are others",
        "test_tools_verification_tampering.py::test_other_code_and_other_libraries_are_named",
    ),
    "50": (
        "files deleted while open, in the sandbox",
        "test_tools_sandbox_run.py::test_a_hostile_script_is_stopped -k deleted",
    ),
    "49": ("some sixty hostile scripts in the sandbox", "test_tools_sandbox_run.py"),
    "28b": ("every parser of foreign text, by hypothesis", "test_foreign_input.py"),
}


def by_test(node: str) -> Callable[[World, Trial], None]:
    """The test is run in a process of its own."""

    def do(world: World, trial: Trial) -> None:
        options = ["-q", "--tb=line", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *options, *f"tests/{node}".split()]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        trial.said.append(f"{node}: {lines[-1] if lines else 'nothing'}")
        trial.fact(done.returncode == 0, f"pytest ends with {done.returncode}")

    return do


for _name, (_what, _node) in TESTS.items():
    row(_name, _what)(by_test(_node))
