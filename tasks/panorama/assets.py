"""Published files of PANORAMA: one folder a task, with a file for each split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.assets import Assets, LocalFile, Part
from tasks.official.parts import all_rows, whole


def test_rows(file: LocalFile, files: Sequence[LocalFile]) -> list[tuple[int, dict[str, Any]]]:
    """The test file of a folder; single-row JSON files name no split and are test rows."""
    return [] if any(word in file.stem for word in ("train", "validation")) else all_rows(file)


def training_parts(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    """The training files; validation and test files are never a source."""
    return whole(assets, file, seed) if "train" in file.stem else []


PANORAMA = Assets(
    "panorama",
    "LG-AI-Research/PANORAMA",
    "5c40de5",
    ("PAR4PC/*.parquet", "NOC4PC/*.parquet", "PI4PC/*.parquet"),
    ("application_number", "claim_number", "context"),
    "CC-BY-NC-4.0",
    size="training rows: 54,028 PAR4PC, 64,210 PI4PC, 136,211 NOC4PC",
    note="US patent applications with the prior art that examiners cited. Nested columns may be JSON "
    "kept as text. No worked reasoning; prompts are long.",
    also=("par4pc/*.json", "noc4pc/*.json", "pi4pc/*.json"),
    benchmark_rows=test_rows,
    pool_parts=training_parts,
)
