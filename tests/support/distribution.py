"""Distribution of test files over processes: what shares something costly goes to one, and begins first.

``--dist loadfile`` gives each file to the process that is free next. Two files that need the same thirteen
mini editions, or the same trained model, then make them twice, once in each process; and a long file that
comes last leaves the other processes without work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

SHARED = ("tests.support.mini_editions", "shared_general_model", "finished: Claimed")
"""A word in the text of each file that needs one: mini editions, the general model, the finished run."""


@cache
def shared_by(path: Path) -> str:
    """What a test file shares with others; empty for most."""
    text = path.read_text(encoding="utf-8")
    return next((word for word in SHARED if word in text), "")


def sharers_first(items: list[pytest.Item]) -> None:
    """Orders the tests: those of files that share something, by what that is, then the others by name."""
    place = {word: number for number, word in enumerate((*SHARED, ""))}
    items.sort(key=lambda item: place[shared_by(item.path)])


def scheduler(root: Path) -> Callable[..., object]:
    """As ``--dist loadfile``, but for files that share something; a class of schedulers of pytest-xdist."""
    from xdist.scheduler.loadfile import LoadFileScheduling

    class BySharedThings(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return shared_by(root / file) or file

    return BySharedThings
