"""Official edition: published files of a data root become evaluation items and raw sources.

What the released code of a family does to its files after the download is done on reading, by the rules
that its ``Assets`` carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.assets import Assets, LocalFile, Rows
from tasks.base import LoadOptions, Published, Sample, Source, TaskData, TaskSpec
from tasks.errors import InputError
from tasks.official.files import find
from tasks.official.parts import all_rows, whole
from tasks.splits import own_split, published_split


def load_published(spec: TaskSpec, seed: int, options: LoadOptions) -> TaskData:
    """The published rows of a task.

    Raises:
        InputError: a task without published rows, no data root, a file that is missing, was changed or
            cannot be read.
    """
    published, root = _published(spec), _root(spec, options)
    validation, test = splits(spec, options)
    sources = tuple(
        source for pool in published.pools for source in _sources(pool, root, seed, fix_for(spec))
    )
    sealed = tuple(test)
    return TaskData(tuple(validation), sources, lambda: sealed)


def splits(spec: TaskSpec, options: LoadOptions) -> tuple[list[Sample], list[Sample]]:
    """Validation and test items by ``options.split``, in the order of the spec's subsets.

    Raises:
        InputError: as for ``load_published``.
    """
    by_subset = items(spec, options)
    every = [sample for samples in by_subset.values() for sample in samples]
    if not every:
        raise InputError(spec.id, "the files hold no row of this task", fix_for(spec))
    if options.split == "own":
        return own_split(every, spec.subsets)
    shuffled = _published(spec).shuffled
    parts = [published_split(samples, shuffled) for samples in by_subset.values()]
    return _told_apart([s for part in parts for s in part[0]]), _told_apart([s for p in parts for s in p[1]])


def _told_apart(samples: Sequence[Sample]) -> list[Sample]:
    """The published rule repeats rows, in several subsets or in one: each occurrence gets an id of its
    own."""
    seen: dict[str, int] = {}
    apart = []
    for sample in samples:
        seen[sample.id] = seen.get(sample.id, 0) + 1
        again = seen[sample.id] > 1
        apart.append(replace(sample, id=f"{sample.id}-{seen[sample.id]}") if again else sample)
    return apart


def items(spec: TaskSpec, options: LoadOptions) -> dict[str, list[Sample]]:
    """Subset -> every item of the benchmark in it, in the order of the files.

    Raises:
        InputError: as for ``load_published``, and for a row without the published columns.
    """
    published, root = _published(spec), _root(spec, options)
    by_subset: dict[str, list[Sample]] = {subset: [] for subset in spec.subsets}
    for file, number, row in _benchmark(published.benchmark, root, fix_for(spec)):
        for subset in published.subsets_of({**row, "_file": file.stem}):
            try:
                by_subset[subset].append(published.sample(row, subset))
            except ValueError as error:
                raise InputError(
                    f"{file.path}, row {number}",
                    " ".join(str(error).split()),
                    f"use files with the columns {', '.join(published.benchmark.columns)}",
                ) from None
    return by_subset


def fix_for(spec: TaskSpec) -> str:
    """What to do about a file that is not there."""
    mini = ", or use --edition mini" if spec.mini else ""
    return (
        f"`ftdojo prepare {spec.id}` downloads it; or name a folder with the published files "
        f"(--data-root DIR){mini}"
    )


def _published(spec: TaskSpec) -> Published:
    if spec.published is None:
        raise InputError(
            "--edition official",
            f"the published files of {spec.id} do not come with this version",
            "use --edition mini, or a folder of your own with the published files (ftdojo init-task DIR)",
        )
    return spec.published


def _root(spec: TaskSpec, options: LoadOptions) -> Path:
    if options.data_root is None:
        raise InputError("--edition official", "there is no data root to read from", fix_for(spec))
    return options.data_root


def _benchmark(assets: Assets, root: Path, fix: str) -> Iterator[tuple[LocalFile, int, dict[str, Any]]]:
    """(file, row number from 1, row) of the benchmark."""
    files = find(assets, root, fix)
    for file in files:
        kept = assets.benchmark_rows(file, files) if assets.benchmark_rows else all_rows(file)
        for number, row in kept:
            yield file, number, row


def _sources(assets: Assets, root: Path, seed: int, fix: str) -> Iterator[Source]:
    """One source a file, or a kind of response, in the order of the files."""
    found = 0
    for file in find(assets, root, fix):
        for name, rows, note in (assets.pool_parts or whole)(assets, file, seed):
            if rows:
                found += 1
                yield Source(name, _card(assets, file, name, rows, note), tuple(rows), assets.licence)
    if not found:
        raise InputError(str(root / assets.folder), f"no training rows of {assets.repo_id} are there", fix)


def _card(assets: Assets, file: LocalFile, name: str, rows: Rows, note: str) -> str:
    columns = ", ".join(f"`{column}`" for column in rows[0])
    lines = [
        f"# {name}",
        "",
        f"- Origin: {assets.repo_id} at {assets.revision}, {file.name}",
        f"- Rows: {len(rows):,}" + (f" ({note})" if note else ""),
        f"- Columns: {columns}",
        f"- Licence: {assets.licence}",
        "",
        assets.note,
    ]
    return "\n".join(lines) + "\n"
