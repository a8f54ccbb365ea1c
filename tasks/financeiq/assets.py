"""Published files of FinanceIQ: one CSV file a subject, and one with its worked examples.

The last rows of a test file are the benchmark and the rest is the pool, as in the released code. Training
rows come without the worked examples: they would make a row six times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.assets import Assets, LocalFile, Part, Rows
from tasks.errors import InputError
from tasks.official.parts import part_name
from tasks.official.rows import read_rows

SHOTS = 5
BENCHMARK_TAIL = 100


def tail_rows(rows: int) -> int:
    """How many of a file's rows, from its end, are the benchmark."""
    return min(BENCHMARK_TAIL, -(-rows // 2))


def benchmark_tail(file: LocalFile, files: Sequence[LocalFile]) -> list[tuple[int, dict[str, Any]]]:
    """The tail of a test file, with its subject and the subject's worked examples.

    Raises:
        InputError: the file with the examples is missing.
    """
    if _is_dev(file):
        return []
    rows = read_rows(file.path)
    added = {"Subject": file.stem, "Shots": _shots(file, files)}
    start = len(rows) - tail_rows(len(rows))
    return [(place + 1, {**rows[place], **added}) for place in range(start, len(rows))]


def pool_head(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    """What comes before the benchmark; the development files are no source."""
    if _is_dev(file):
        return []
    rows = read_rows(file.path)
    head = rows[: len(rows) - tail_rows(len(rows))]
    note = "the last rows of the file are the benchmark and not included"
    return [(part_name(assets, file), [{**row, "Subject": file.stem} for row in head], note)]


def _is_dev(file: LocalFile) -> bool:
    return "dev" in file.name.split("/")[:-1]


def _shots(file: LocalFile, files: Sequence[LocalFile]) -> Rows:
    examples = [other for other in files if _is_dev(other) and other.stem == file.stem]
    if not examples:
        raise InputError(
            str(file.path), "the file with its worked examples is missing", f"add dev/{file.path.name}"
        )
    return read_rows(examples[0].path)[:SHOTS]


FINANCEIQ = Assets(
    "financeiq",
    "Duxiaoman-DI/FinanceIQ",
    "fca1d9c",
    ("*dev/*.csv", "*test/*.csv"),
    ("Question", "A", "B", "C", "D", "Answer"),
    "CC BY-NC-SA 4.0",
    size="6,179 rows in 10 files, and 5 examples a subject",
    note="Chinese single-choice questions of professional examinations, one file a subject. No worked "
    "reasoning.",
    benchmark_rows=benchmark_tail,
    pool_parts=pool_head,
)
