"""Audit sample: the rows of a source on which a model's answers are held against the labels."""

from __future__ import annotations

from collections.abc import Mapping

from memory.recipe import DataRecipe, Deduplicate, Map, Normalise, SampleRows, Select

AUDIT_ROWS = 60
"""Per source."""


def audit_recipe(source: str, columns: Mapping[str, str], seed: int) -> DataRecipe:
    """A seeded sample of one source in the task's format; labels that contradict each other stay."""
    return DataRecipe(
        operations=(
            Select(sources=(source,)),
            Map(columns={source: dict(columns)}),
            Normalise(answer_format=True),
            Deduplicate(near=False, conflicts=False),
            SampleRows(rows=AUDIT_ROWS),
        ),
        seed=seed,
    )
