"""Parts of a published file: its evaluation rows, and its rows as one source of a pool.

What a family does not rule otherwise (``Assets.benchmark_rows``, ``Assets.pool_parts``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.assets import Assets, LocalFile, Part
from tasks.official.rows import read_rows, sample_rows
from tasks.splits import seeded

POOL_BYTES = 512 << 20
"""Of a larger parquet file in a pool only a seeded sample of rows is read, to keep memory bounded."""
_COMMON_PARTS = ("data", "test", "train")


def all_rows(file: LocalFile) -> list[tuple[int, dict[str, Any]]]:
    """(number from 1, row) of a whole file; raises InputError like ``read_rows``."""
    return list(enumerate(read_rows(file.path), 1))


def whole(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    """A whole file as one source, or a seeded sample of it; raises InputError like ``read_rows``."""
    rows, total = sample_rows(file.path, POOL_BYTES, seeded("pool", file.name, seed))
    note = f"{len(rows):,} of {total:,} rows, drawn at random" if len(rows) < total else ""
    return [(part_name(assets, file), rows, note)]


def part_name(assets: Assets, file: LocalFile) -> str:
    """The folder and what tells its files apart, such as ``panorama-PAR4PC`` or ``chemcot-mol_edit-add``."""
    common = {*_COMMON_PARTS, *assets.common_parts}
    telling = [part for part in Path(file.name).with_suffix("").parts if part not in common]
    parts = [assets.folder, *(part for part in telling if part.casefold() != assets.folder)]
    return "-".join(parts).replace(" ", "_")
