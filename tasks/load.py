"""Data of a task: generated from the seed, read from published files, or a user's own.

The one door to rows for all editions. It knows neither the registry nor a family: it is handed the spec.
"""

from __future__ import annotations

from tasks.base import DEFAULT_OPTIONS, Edition, LoadOptions, TaskData, TaskSpec
from tasks.errors import InputError
from tasks.mini.items import draw_splits, to_sample
from tasks.mini.pool import build_pool
from tasks.official.load import load_published
from tasks.synthetic import SyntheticEdition


def load(spec: TaskSpec, edition: Edition, seed: int, options: LoadOptions = DEFAULT_OPTIONS) -> TaskData:
    """Everything a run may read, and the sealed test; the same for the same arguments.

    Args:
        spec: the task; a user's own task brings its data along, whatever the edition.
        edition: ``mini`` generates, ``official`` reads the published files.
        seed: of the generated rows, and of the rows drawn from a pool that is too large.
        options: where the published files are, and how they are split.

    Raises:
        InputError: the task has no such edition, or its files are missing or cannot be read.
    """
    if spec.data is not None:
        return spec.data
    if edition == "official":
        return load_published(spec, seed, options)
    if edition == "mini" and spec.mini is not None:
        return generate(spec.mini, seed)
    fix = "use --edition mini or --edition official" if spec.mini else "use --edition official"
    raise InputError(f"--edition {edition}", f"{spec.id} has no such edition", fix)


def generate(edition: SyntheticEdition, seed: int) -> TaskData:
    """Build a synthetic edition from the seed: the sealed test first, then validation, then the pool."""
    splits = draw_splits(edition, seed)
    sources = build_pool(edition, seed, splits)
    sealed = tuple(to_sample(edition, item) for item in splits.test)
    validation = tuple(to_sample(edition, item) for item in splits.validation)
    return TaskData(validation, sources, lambda: sealed)
