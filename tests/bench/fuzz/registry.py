"""Registry of all targets, by name."""

from __future__ import annotations

from tests.bench.fuzz import (
    answer_parts,
    answers,
    models,
    names,
    other_files,
    replies,
    rows,
    run_files,
    verified_files,
)

PARTS = (rows, other_files, answers, answer_parts, replies, run_files, verified_files, models, names)
TARGETS = {target.name: target for part in PARTS for target in part.TARGETS}
PART_OF = {target.name: part.__name__ for part in PARTS for target in part.TARGETS}
"""Module by target: atheris need not look into the others."""
