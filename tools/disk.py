"""Disk of a run: what is free where it writes, what its parts take, and what the next step needs.

A full disk is the machine's fault and no experiment's: whoever finds a step failed looks here first. Some
libraries do not say why they could not write, so what is free says it too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tasks.errors import DiskFull
from tools.models.base_model import BaseModel

FULL_BYTES = 1 << 20
"""Under this nothing of a run can be written any more."""
SPARE_BYTES = 16 << 20
"""Beside weights: rows, logs, predictions, checkpoints of the graph, report."""
WEIGHT_COPIES = 2.5
"""Of the base's weights, what an experiment may take: it may be trained in a wider type, and an earlier
result goes when the new one is there."""
ADAPTERS_FROM, ADAPTER_SHARE = 1_000_000_000, 0.1
"""Parameters from which LoRA leaves an adapter alone (``tools.recipes.sft``), and the most that one takes."""


def free_bytes(folder: Path) -> int:
    """Free where a folder lies, for this user; of the first of its parents that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return FULL_BYTES  # cannot be asked: not known to be full


def used_bytes(folder: Path) -> int:
    """What the files under a folder take; a file with several names counts once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(path, name))
            except OSError:
                continue  # it went meanwhile
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total


def places(run_dir: Path) -> tuple[Path, ...]:
    """Where a run and its children write."""
    return run_dir, Path(tempfile.gettempdir())


def full_place(run_dir: Path) -> Path | None:
    """The first place of a run that has no space left; None where all have some."""
    return next((place for place in places(run_dir) if free_bytes(place) < FULL_BYTES), None)


def needed_bytes(model: BaseModel, method: str = "lora") -> int:
    """What an experiment on a base model may write, by the method of its training."""
    adapter = method == "lora" and model.parameters > ADAPTERS_FROM
    copies = ADAPTER_SHARE if adapter else WEIGHT_COPIES
    return int(copies * model.size_gib * (1 << 30)) + SPARE_BYTES


def require(run_dir: Path, needed: int, what: str) -> None:
    """Check that a step finds the space that it needs, before its work is lost for want of it.

    Raises:
        DiskFull: it does not.
    """
    if free_bytes(run_dir) < needed:
        raise DiskFull(space_text(run_dir, needed, what))


def space_text(run_dir: Path, needed: int, what: str) -> str:
    """Which disk is full, what is missing and how to go on, in one line."""
    place = full_place(run_dir) or run_dir
    wanted = needed if place == run_dir else SPARE_BYTES
    return (
        f"{what}: the disk of {place} is full: {size_text(free_bytes(place))} free, about "
        f"{size_text(wanted)} needed; nothing finished is lost: free some space, then "
        f"`ftdojo resume {run_dir}`"
    )


def size_text(size: float) -> str:
    """``8 MB``, ``1.5 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
