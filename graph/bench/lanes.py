"""Lanes of a bench: several runs at a time, each on cores of its own, without a word to each other.

A run's budget is wall-clock, so a neighbour that takes memory bandwidth or cache takes budget. Each lane's
process is pinned to its cores (``sched_setaffinity``) before it loads anything, and how much lanes still
disturb each other is measured by a fixed loop: alone, then on all lanes at once.
"""

from __future__ import annotations

import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from graph.bench.results import Cell, Result
from tasks.errors import HarnessFault, InputError, MachineFault

CALIBRATION_SECONDS = 2.0
CALIBRATION_SIZE = 512
"""Side of the matrices that are multiplied: three of them outgrow the second-level cache of common cores."""
Cores = tuple[int, ...]


def lanes(count: int) -> tuple[Cores, ...]:
    """The cores of each lane, as even as they come.

    Raises:
        InputError: there are fewer cores than lanes, or the system cannot pin.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise InputError(f"--parallel {count}", "this system cannot pin a process to cores", "leave it out")
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= count <= len(cores):
        raise InputError(
            f"--parallel {count}", f"there are {len(cores)} cores here", f"give 1 to {len(cores)} lanes"
        )
    share = len(cores) // count
    return tuple(tuple(cores[index * share : (index + 1) * share]) for index in range(count))


def interference(places: Sequence[Cores]) -> float:
    """How many times longer the slowest lane takes for a fixed loop with all lanes busy than alone."""
    alone = [_loop([place])[0] for place in places]
    together = _loop(places)
    return max(busy / quiet for busy, quiet in zip(together, alone, strict=True))


def play_all(
    queues: Sequence[Sequence[Cell]],
    out: Path,
    places: Sequence[Cores],
    done: Callable[[Cell, Result], None],
    failed: Callable[[Cell, str], None],
) -> None:
    """Play cells on all lanes; what stands in one queue is played in order, on one lane at a time.

    Args:
        queues: cells that must follow each other stand together (a policy with memory).
        out: the folder of the results file.
        places: the lanes' cores.
        done: called with each result, by one thread at a time.
        failed: called with the line of what could not be played.

    Raises:
        HarnessFault: a result could not be written, or the machine is at fault and would be for the next run.
    """
    waiting: queue.SimpleQueue[Sequence[Cell]] = queue.SimpleQueue()
    for cells in queues:
        waiting.put(cells)
    lock, running, stop = threading.Lock(), set[subprocess.Popen[str]](), threading.Event()
    errors: list[HarnessFault] = []

    def play_queue(cells: Sequence[Cell], place: Cores) -> None:
        for cell in cells:
            if stop.is_set():
                return
            told = _child(cell, out, place, running)
            if isinstance(told, MachineFault):
                raise told
            with lock:
                if isinstance(told, Result):
                    done(cell, told)
                elif not stop.is_set():
                    failed(cell, told)

    def work(place: Cores) -> None:
        try:
            while not stop.is_set():
                play_queue(waiting.get_nowait(), place)
        except queue.Empty:
            return
        except HarnessFault as error:  # the main thread says so
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in places]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)  # in slices, so that Ctrl-C is heard
    finally:
        stop.set()
        for process in tuple(running):
            process.terminate()
    if errors:
        raise errors[0]


def _child(
    cell: Cell, out: Path, place: Cores, running: set[subprocess.Popen[str]]
) -> Result | MachineFault | str:
    """Play one cell in a process of its own; its line, or why there is none."""
    command = [sys.executable, "-m", "graph.bench.lane", str(out), cell.model_dump_json()]
    log = out / "runs" / f"{cell.folder}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(place)
        )
        running.add(process)
        try:
            said, _ = process.communicate()
        finally:
            running.discard(process)
    for line in reversed(said.splitlines()):
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict) and "result" in told:
            return Result.model_validate(told["result"])
        if isinstance(told, dict) and "error" in told:
            said = str(told["error"])
            return MachineFault(said) if told.get("machine") else said
    return f"its process ended with {process.returncode}; see {log}"


def _environment(place: Cores) -> dict[str, str]:
    cores = ",".join(map(str, place))
    return os.environ | {"FTDOJO_LANE_CORES": cores, "OMP_NUM_THREADS": str(len(place))}


def _loop(places: Sequence[Cores]) -> list[float]:
    """Seconds of the fixed loop on each of these lanes at once."""
    command = [sys.executable, "-m", "graph.bench.lane", "calibrate"]
    processes = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=_environment(place)
        )
        for place in places
    ]
    for process in processes:  # all have loaded before any begins
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [float(process.communicate()[0]) for process in processes]


def pin(environ: Mapping[str, str]) -> None:
    """Keep this process and its children to the cores of its lane."""
    if cores := environ.get("FTDOJO_LANE_CORES"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})


def fixed_loop() -> float:
    """Seconds for a product of matrices, the median of as many as fit into ``CALIBRATION_SECONDS``."""
    import numpy as np

    matrix = np.random.default_rng(0).normal(size=(CALIBRATION_SIZE, CALIBRATION_SIZE)).astype(np.float32)
    times: list[float] = []
    end = time.monotonic() + CALIBRATION_SECONDS
    while time.monotonic() < end or not times:
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return statistics.median(times)
