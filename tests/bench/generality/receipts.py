"""The total of a receipt as JSON. The clean source has worked notes, in a column that task.toml names."""

from __future__ import annotations

import random
from decimal import Decimal

from tasks.splits import draw_unique, seeded
from tests.bench.generality.folder import TEST_ITEMS, VALIDATION_ITEMS, MadeFolder, MadeSource

TOML = """name = "receipt-total"
description = "Add up the items of a receipt; the answer is a JSON object with the total."
prompt = "{receipt} Give the total as JSON."
metric = "json_field"
field = "total"
answer = "result"
reasoning = "notes"
max_new_tokens = 72
"""
GOODS = ("bread", "milk", "tea", "soap", "rice", "eggs", "jam", "fish", "cheese", "apples", "paper", "salt")
TAX = Decimal("1.10")
CLEAN_ROWS, TAXED_ROWS, CENTS_ROWS, CUT_ROWS = 800, 900, 600, 500


def receipts(seed: int = 0) -> MadeFolder:
    """Four sources: clean with worked notes, totals with tax (the largest), totals in cents, cut answers."""
    rng, taken = seeded("receipt-total", seed), set[str]()

    def rows(count: int) -> list[dict[str, str]]:
        return draw_unique(_draw, lambda row: row["receipt"], rng, count, taken)

    def bare(row: dict[str, str], total: str | None = None) -> dict[str, str]:
        return {"receipt": row["receipt"], "result": _json(total) if total else row["result"]}

    test, validation = map(bare, rows(TEST_ITEMS)), map(bare, rows(VALIDATION_ITEMS))
    sources = (
        MadeSource("counter", tuple(map(_without_total, rows(CLEAN_ROWS)))),
        MadeSource("export", tuple(bare(r, _taxed(r)) for r in rows(TAXED_ROWS)), "totals with tax"),
        MadeSource("till", tuple(bare(r, _cents(r)) for r in rows(CENTS_ROWS)), "totals in cents"),
        MadeSource("mobile", tuple(_cut(rng, bare(r)) for r in rows(CUT_ROWS)), "answers cut"),
    )
    return MadeFolder("receipt-total", TOML, tuple(validation), tuple(test), sources)


def _draw(rng: random.Random, index: int) -> dict[str, str]:
    lines, steps, total = [], [], Decimal(0)
    for name in rng.sample(GOODS, rng.randint(2, 3)):
        price = Decimal(rng.randint(2, 39)) / 2
        lines.append(f"{name} {price:.2f}")
        if total:
            steps.append(f"{total:.2f}+{price:.2f}={total + price:.2f}.")
        total += price
    return {
        "receipt": f"Receipt: {', '.join(lines)}.",
        "result": _json(f"{total:.2f}"),
        "notes": " ".join(steps),
        "total": f"{total:.2f}",
    }


def _json(total: str) -> str:
    return f'{{"total": "{total}"}}'


def _without_total(row: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in row.items() if name != "total"}


def _taxed(row: dict[str, str]) -> str:
    return f"{Decimal(row['total']) * TAX:.2f}"


def _cents(row: dict[str, str]) -> str:
    return f"{Decimal(row['total']) * 100:.0f}"


def _cut(rng: random.Random, row: dict[str, str]) -> dict[str, str]:
    return row | {"result": row["result"][: -rng.randint(2, 5)]}
