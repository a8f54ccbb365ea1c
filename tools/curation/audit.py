"""The audit of sources: a sample of each, to hold a model's answers against its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from memory.agreement import Agreement
from memory.recipe import DataRecipe, Deduplicate, Map, Normalise, Repair, SampleRows, Select
from tasks.base import TaskSpec
from tools.curation.profile import SourceProfile
from tools.curation.repair import find_repair

AUDIT_ROWS = 60
"""Sampled rows per source."""


class SourceAudit(NamedTuple):
    """What a model's answers say about the labels of sources."""

    shares: dict[str, float]
    """By source, the share (0.0 to 1.0) of sampled rows on which answer and label agree."""
    repairs: tuple[Repair, ...]
    """Rules by which the answers follow from a source's labels, one a source at most."""


def samples(profiles: Mapping[str, SourceProfile], rows: int, seed: int) -> dict[str, DataRecipe]:
    """For each source, by its suggested columns, a seeded sample in the task's format."""
    return {
        source: DataRecipe(
            operations=(
                Select(sources=(source,)),
                Map(columns={source: dict(profile.suggested_columns)}),
                Normalise(answer_format=True),
                Deduplicate(near=False, conflicts=False),
                SampleRows(rows=rows),
            ),
            seed=seed,
        )
        for source, profile in profiles.items()
    }


def agreements(experiment: str, same: Mapping[str, Sequence[bool]]) -> dict[tuple[str, str], Agreement]:
    """The audit of each source, with its rows, by (experiment, source).

    Args:
        experiment: whose model answered.
        same: by source, whether answer and label of a sampled row are the same.
    """
    return {
        (experiment, source): Agreement(
            experiment=experiment, source=source, agreed=sum(rows), rows=len(rows)
        )
        for source, rows in same.items()
    }


def repairs_of(
    answers: Mapping[str, Sequence[tuple[str, str | None]]], spec: TaskSpec, right: float
) -> Iterator[Repair]:
    """For each source whose labels one rule turns into the model's answers, that rule.

    Args:
        answers: by source, (target, the model's answer as the parser reads it).
        spec: the task, whose parser reads the targets.
        right: share (0.0 to 1.0) of validation items that the model gets right.
    """
    for source, pairs in answers.items():
        read = [(_label(spec, target), answer.strip()) for target, answer in pairs if answer is not None]
        repair = find_repair(source, read, right)
        if repair is not None:
            yield repair


def _label(spec: TaskSpec, target: str) -> str:
    """The answer inside a target; a target that the parser cannot read is a label by itself."""
    found = spec.extract(target)
    return (target if found is None else found).strip()
