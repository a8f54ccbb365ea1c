"""Distributed training: one plan on several devices of this machine, a process each, by Accelerate's DDP.

Each process sees the whole model and a part of every batch; the effective batch, the order of the rows and
the loss are those of one process (``tests/test_tools_recipes_distributed.py`` holds the two side by side).

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
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.spawn import ProcessException, start_processes

from tasks.errors import ExperimentFailed
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
    processes = int(payload["processes"])
    payload = payload | {"threads": max(1, int(payload["threads"]) // processes)}
    failures = torch.multiprocessing.get_context("fork").SimpleQueue()
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    try:
        start_processes(_rank, (payload, address, failures), nprocs=processes, start_method="fork")  # type: ignore[no-untyped-call]
    except ProcessException:
        if failures.empty():
            raise
        told = failures.get()
        raise ExperimentFailed("train", told["code"] or "crashed", told["message"]) from None
    done = sft.finished(Path(payload["out_dir"]), payload)
    assert done is not None  # the first rank has written it
    return done


def _rank(rank: int, payload: dict[str, Any], address: dict[str, str], failures: Any) -> None:
    """One process of the training."""
    processes = int(payload["processes"])
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ.update(address | {name: str(value) for name, value in world.items()})
    cuda = torch.cuda.is_available()
    try:
        if cuda:
            torch.cuda.set_device(rank)
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
        sft.train(payload)
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
