"""Data sets of a run: the rows of each, checked again for validation and test items."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from memory.journal.history import History
from memory.recipe import DataCard
from tools.contamination.check import Decontaminator
from tools.verification.finding import Finding
from tools.workspace import Workspace

MOST_ROWS = 3
"""Contaminated rows of one set that are named; the others are counted."""


def check_data(history: History, workspace: Workspace, decontaminator: Decontaminator) -> Finding:
    """Every set of rows that an experiment was given, whether it was trained or not."""
    found: list[str] = []
    checked = rows = 0
    seen: set[str] = set()
    for event in history.events:
        if event.kind != "card":
            continue
        card = DataCard.model_validate(event.data)
        if card.path in seen:
            continue
        seen.add(card.path)
        lines = _set(workspace, card, decontaminator)
        found += [f"{card.path}: {line}" for line in lines]
        checked, rows = checked + 1, rows + card.rows
    told = f"{rows} rows of {checked} data sets held against validation and test"
    return Finding("data", told, tuple(found))


def _set(workspace: Workspace, card: DataCard, decontaminator: Decontaminator) -> list[str]:
    try:
        content = workspace.inside(card.path).read_bytes()
        rows: list[dict[str, Any]] = [json.loads(line) for line in content.splitlines() if line.strip()]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line is no row")
    except (OSError, ValueError, RecursionError) as error:
        return [f"cannot be read ({error})"]
    found = []
    if sha256(content).hexdigest() != card.data_sha256:
        found.append("its rows are not those of its card")
    if len(rows) != card.rows:
        found.append(f"{len(rows)} rows, its card says {card.rows}")
    leaks = [
        (number, match)
        for number, row in enumerate(rows, start=1)
        if (match := decontaminator.check(str(row.get("prompt", "")), str(row.get("answer", ""))))
    ]
    for number, match in leaks[:MOST_ROWS]:
        found.append(f"row {number} is a {match.item.partition(':')[0]} item ({match.rule})")
    if len(leaks) > MOST_ROWS:
        found.append(f"{len(leaks) - MOST_ROWS} more rows are validation or test items")
    return found
