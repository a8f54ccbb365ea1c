"""Ranks of a training on several devices: one process each, which agree on what they measure and decide.

In a training of one process every function returns what it was given.
"""

from __future__ import annotations

from typing import Any


def world_size() -> int:
    """How many processes train together."""
    distributed = _distributed()
    return int(distributed.get_world_size()) if distributed is not None else 1


def processes_for(batch: int, devices: int) -> int:
    """The most processes among which a batch is shared out evenly."""
    return max(count for count in range(1, max(1, devices) + 1) if batch % count == 0)


def is_first() -> bool:
    """Whether this process writes what all have made."""
    distributed = _distributed()
    return distributed is None or distributed.get_rank() == 0


def summed(*values: float) -> list[float]:
    """The sums of each value over all ranks."""
    distributed = _distributed()
    return list(values) if distributed is None else _reduced(values, distributed.ReduceOp.SUM)


def wait() -> None:
    """Returns when all ranks have come here."""
    if (distributed := _distributed()) is not None:
        distributed.barrier()


def least(value: int) -> int:
    """The smallest of the ranks' values: clocks differ, and all must end at the same step."""
    distributed = _distributed()
    return value if distributed is None else int(_reduced((value,), distributed.ReduceOp.MIN)[0])


def _reduced(values: tuple[float, ...], how: Any) -> list[float]:
    import torch

    from tools.models.precision import device

    shared = torch.tensor(values, dtype=torch.float32, device=device())
    torch.distributed.all_reduce(shared, op=how)
    return [float(value) for value in shared]


def _distributed() -> Any:
    """``torch.distributed`` where several processes train; else None."""
    import torch.distributed

    started = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed if started and torch.distributed.get_world_size() > 1 else None
