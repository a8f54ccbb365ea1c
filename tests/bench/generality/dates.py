"""Dates in words or figures to ISO 8601. The largest source has day and month the wrong way round."""

from __future__ import annotations

import random

from tasks.splits import draw_unique, seeded
from tests.bench.generality.folder import TEST_ITEMS, VALIDATION_ITEMS, MadeFolder, MadeSource

TOML = """name = "dates-to-iso"
description = "Write a date as YYYY-MM-DD."
prompt = "Write as an ISO date: {written}"
metric = "exact_match"
answer = "iso"
max_new_tokens = 24
"""
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
CLEAN_ROWS, SWAPPED_ROWS, CUT_ROWS, OTHER_FORMAT_ROWS = 700, 1200, 500, 500


FEW_ROWS = 120


def few_dates(seed: int = 0) -> MadeFolder:
    """The same with so few clean rows that they teach the task by half: the others are worth repairing."""
    return dates(seed, FEW_ROWS)


def dates(seed: int = 0, clean_rows: int = CLEAN_ROWS) -> MadeFolder:
    """Four sources: clean, day and month swapped (the largest), answers cut, in US figures."""
    rng, taken = seeded("dates-to-iso", seed), set[str]()

    def rows(count: int) -> list[dict[str, str]]:
        return draw_unique(_draw, lambda row: row["written"], rng, count, taken)

    test, validation = rows(TEST_ITEMS), rows(VALIDATION_ITEMS)
    sources = (
        MadeSource("archive", tuple(rows(clean_rows))),
        MadeSource("ledger", tuple(map(_swapped, rows(SWAPPED_ROWS))), "day and month swapped"),
        MadeSource("scans", tuple(_cut(rng, row) for row in rows(CUT_ROWS)), "answers cut"),
        MadeSource("intake", tuple(map(_american, rows(OTHER_FORMAT_ROWS))), "another format"),
    )
    return MadeFolder("dates-to-iso", TOML, tuple(validation), tuple(test), sources)


def _draw(rng: random.Random, index: int) -> dict[str, str]:
    year, month, day = rng.randint(1950, 2029), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[month - 1]
    written = rng.choice(
        (
            f"{day} {name} {year}",
            f"{name} {day}, {year}",
            f"{day:02d}.{month:02d}.{year}",
            f"{name[:3]} {day} {year}",
        )
    )
    return {"written": written, "iso": f"{year}-{month:02d}-{day:02d}"}


def _swapped(row: dict[str, str]) -> dict[str, str]:
    year, month, day = row["iso"].split("-")
    return row | {"iso": f"{year}-{day}-{month}"}


def _cut(rng: random.Random, row: dict[str, str]) -> dict[str, str]:
    return row | {"iso": row["iso"][: rng.randint(4, 8)]}


def _american(row: dict[str, str]) -> dict[str, str]:
    year, month, day = row["iso"].split("-")
    return row | {"iso": f"{month}/{day}/{year}"}
