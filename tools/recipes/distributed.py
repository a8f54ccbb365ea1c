"""Distributed training: one plan on several devices of this machine, a process each.

Each process trains a part of every batch: with the whole model (Accelerate's DDP), or with its part of it
where the plan says ``fsdp`` (``tools.recipes.sharded``). The effective batch, the order of the rows and
the loss are those of one process (``tests/test_tools_recipes_distributed.py`` holds them side by side).

    python -m tools.recipes.distributed plan.json

The environment of a rank is the one that ``torchrun`` and ``accelerate launch`` make, so the Trainer needs no
other word. The ranks are forked from a process that has loaded the libraries and touched no device; when
one ends badly the others are ended, and all end with this process.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.spawn import ProcessException, start_processes

from tasks.errors import ExperimentFailed, Stage
from tools.process.fork_server import describe
from tools.recipes import sft


def count_devices(_: dict[str, Any]) -> dict[str, Any]:
    """The GPUs that this process may use."""
    return {"devices": torch.cuda.device_count()}


def train(payload: dict[str, Any]) -> dict[str, Any]:
    """Trains one plan with ``payload["processes"]`` ranks; returns the fields of a ``Training`` record.

    Raises:
        ExperimentFailed: what the first rank to fail raised.
    """
    together(sft.train, payload)
    done = sft.finished(Path(payload["out_dir"]), _shared_out(payload))
    assert done is not None  # the first rank has written it
    return done


def probe(payload: dict[str, Any]) -> dict[str, Any]:
    """A few steps of the plan by ``payload["processes"]`` ranks; what the first rank found.

    Raises:
        ExperimentFailed: what the first rank to fail raised.
    """
    return together(sft.probe, payload, "probe")


def together(
    job: Callable[[dict[str, Any]], dict[str, Any]], payload: dict[str, Any], stage: Stage = "train"
) -> dict[str, Any]:
    """Does a job in ``payload["processes"]`` ranks at once; returns the first one's result, which is small.

    Raises:
        ExperimentFailed: what the first rank to fail raised.
    """
    processes = int(payload["processes"])
    context = torch.multiprocessing.get_context("fork")
    failures, results = context.SimpleQueue(), context.SimpleQueue()
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    given = (job, _shared_out(payload), address, failures, results)
    try:
        start_processes(_rank, given, nprocs=processes, start_method="fork")  # type: ignore[no-untyped-call]
    except ProcessException:
        if failures.empty():
            raise
        told = failures.get()
        behind = OSError(int(told["errno"]), told["message"]) if told["errno"] else None
        raise ExperimentFailed(stage, told["code"] or "crashed", told["message"]) from behind
    result: dict[str, Any] = results.get()
    return result


def _shared_out(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload of each rank, which has its part of the cores."""
    return payload | {"threads": max(1, int(payload["threads"]) // int(payload["processes"]))}


def _rank(
    rank: int,
    job: Callable[[dict[str, Any]], dict[str, Any]],
    payload: dict[str, Any],
    address: dict[str, str],
    failures: Any,
    results: Any,
) -> None:
    """One process of the training."""
    processes = int(payload["processes"])
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ.update(address | {name: str(value) for name, value in world.items()})
    cuda = torch.cuda.is_available()
    try:
        if cuda:
            torch.cuda.set_device(rank)
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
        result = job(payload)
        if rank == 0:
            results.put(result)
    except Exception as error:
        failures.put(describe(error))
        raise
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Runs one plan file and writes the result to standard output as JSON."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.recipes.distributed plan.json")
    sys.stdout.write(json.dumps(train(json.loads(Path(sys.argv[1]).read_text())), indent=1) + "\n")


if __name__ == "__main__":
    main()
