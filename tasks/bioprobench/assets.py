"""Published files of BioProBench: the test files are the benchmark and no source."""

from __future__ import annotations

from tasks.assets import Assets, LocalFile, Part
from tasks.official.parts import whole


def training_parts(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    """The files of a task but for its test file."""
    return [] if file.stem.endswith("_test") else whole(assets, file, seed)


BIOPROBENCH = Assets(
    "bioprobench",
    "bowenxian/BioProBench",
    "c9ae37c",
    tuple(f"{task}{part}" for task in ("PQA", "ERR", "ORD", "GEN") for part in ("_test.json", "*.json")),
    ("id", "type"),
    "CC BY 4.0 (its card); CC BY-NC 4.0 (the repository of its code)",
    size="about 550,000 rows with the training files",
    note="Questions on biological laboratory protocols, without worked reasoning. Rows of the test files may "
    "stand in the others too.",
    pool_parts=training_parts,
)
