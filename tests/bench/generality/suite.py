"""The suite: three folders rebuilt from a description, one variant, and one of each drawn kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tasks.errors import InputError, did_you_mean
from tests.bench.generality.dates import dates, few_dates
from tests.bench.generality.draw import draw_folder
from tests.bench.generality.folder import MadeFolder
from tests.bench.generality.held_out import is_held_out
from tests.bench.generality.kinds import KINDS
from tests.bench.generality.receipts import receipts
from tests.bench.generality.tickets import tickets

FIXED: dict[str, Callable[[int], MadeFolder]] = {
    "dates": dates,
    "receipts": receipts,
    "tickets": tickets,
    "few-dates": few_dates,
}
"""Folders whose faults are always the same; rules were written after runs on them."""
FOLDERS: dict[str, Callable[[int], MadeFolder]] = FIXED | {
    name: partial(draw_folder, kind) for name, kind in KINDS.items()
}
VARIANTS = ("few-dates",)
"""Not counted as tasks of their own, and run only when asked for by name."""


def chosen(names: str) -> list[str]:
    """Folders by ``all``, ``open``, ``held-out`` or a comma-separated list.

    Raises:
        InputError: there is no such folder.
    """
    halves: dict[str, Sequence[str]] = {
        "all": [name for name in FOLDERS if name not in VARIANTS],
        "open": [name for name in FOLDERS if not is_held_out(name) and name not in VARIANTS],
        "held-out": [name for name in FOLDERS if is_held_out(name)],
    }
    found: list[str] = []
    for name in names.split(","):
        if name not in halves and name not in FOLDERS:
            raise InputError(
                f"--only {name}", "there is no such folder", did_you_mean(name, [*FOLDERS, *halves])
            )
        found += [one for one in halves.get(name, [name]) if one not in found]
    return found
