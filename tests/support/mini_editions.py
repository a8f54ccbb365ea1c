"""The mini editions, built once for all tests that read them."""

from __future__ import annotations

import functools

from tasks.base import Sample, Source, TaskData
from tasks.load import load
from tasks.mini.pool import pool_key
from tasks.registry import get, synthetic


def mini(task_id: str, seed: int = 0) -> TaskData:
    return _built(task_id, seed)


@functools.cache  # its key is the call as written: one way to call it, or each way builds a pool
def _built(task_id: str, seed: int) -> TaskData:
    return load(get(task_id), "mini", seed)


def sealed(task_id: str, seed: int = 0) -> tuple[Sample, ...]:
    return mini(task_id, seed).load_test()


def source(task_id: str, defect: str, seed: int = 0) -> Source:
    key = pool_key(synthetic(task_id), seed)
    return next(s for s in mini(task_id, seed).sources if key[s.name] == defect)
