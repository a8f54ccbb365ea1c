"""The official edition: published files of a data root become evaluation items and raw sources.

What the released code does to a pool after its download is done here, on reading:

* PANORAMA: the pool is its training files; validation and test files are never a source;
* FinanceIQ: of each test file the last min(100, half) rows are the benchmark and the rest is the pool;
  the development files are the five worked examples of their subject and no source;
* ChemCoT: reaction rows with ``cot_result`` and ``gt`` get the columns of the other files;
* TableInstruct: one source for each kind of response;
* BioProBench: the test files are the benchmark and no source.

Training rows come without FinanceIQ's worked examples: they would make a row six times as long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.assets import Assets
from tasks.base import (
    DEFAULT_OPTIONS,
    Edition,
    LoadOptions,
    Published,
    Row,
    Sample,
    Source,
    TaskData,
    TaskSpec,
)
from tasks.columns import opened
from tasks.errors import InputError
from tasks.official.files import LocalFile, find
from tasks.official.rows import read_rows, sample_rows
from tasks.splits import own_split, published_split, seeded

SHOTS = 5
BENCHMARK_TAIL = 100
POOL_BYTES = 512 << 20
"""Of a larger parquet file in a pool only a seeded sample of rows is read, to keep memory bounded."""

Rows = list[dict[str, Any]]


def load(task_id: str, edition: Edition, seed: int, options: LoadOptions = DEFAULT_OPTIONS) -> TaskData:
    """The published rows of a task.

    Raises:
        InputError: another edition, a task without published rows, no data root, a file that is missing,
            was changed or cannot be read.
    """
    from tasks import registry

    spec = registry.get(task_id)
    if edition != "official":
        raise InputError(
            f"--edition {edition}", f"{task_id} has published rows only", "use --edition official"
        )
    published = _published(spec)
    root = _root(spec, options)
    validation, test = splits(spec, options)
    sources = tuple(
        source for pool in published.pools for source in _sources(pool, root, seed, fix_for(spec))
    )
    sealed = tuple(test)
    return TaskData(tuple(validation), sources, lambda: sealed)


def splits(spec: TaskSpec, options: LoadOptions) -> tuple[list[Sample], list[Sample]]:
    """Validation and test items by ``options.split``, in the order of the spec's subsets.

    Raises:
        InputError: as for ``load``.
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
        InputError: as for ``load``, and for a row without the published columns.
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
    from tasks import registry

    mini = ", or use --edition mini" if spec.id in registry.miniature_ids() else ""
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


# -- evaluation rows -------------------------------------------------------------------------------


def _benchmark(assets: Assets, root: Path, fix: str) -> Iterator[tuple[LocalFile, int, dict[str, Any]]]:
    """(file, row number from 1, row) of the benchmark."""
    files = find(assets, root, fix)
    keep = _BENCHMARK_RULES.get(assets.folder, _all_rows)
    for file in files:
        for number, row in keep(file, files):
            yield file, number, row


def _all_rows(file: LocalFile, files: Sequence[LocalFile]) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(read_rows(file.path), 1))


def _panorama_test(file: LocalFile, files: Sequence[LocalFile]) -> list[tuple[int, dict[str, Any]]]:
    """The test file of a folder; single-row JSON files name no split and are test rows."""
    return [] if any(word in file.stem for word in ("train", "validation")) else _all_rows(file, files)


def _financeiq_tail(file: LocalFile, files: Sequence[LocalFile]) -> list[tuple[int, dict[str, Any]]]:
    if _is_dev(file):
        return []
    rows = read_rows(file.path)
    shots = _shots(file, files)
    added = {"Subject": file.stem, "Shots": shots}
    start = len(rows) - tail_rows(len(rows))
    return [(place + 1, {**rows[place], **added}) for place in range(start, len(rows))]


def tail_rows(rows: int) -> int:
    """How many of a FinanceIQ file's rows, from its end, are the benchmark."""
    return min(BENCHMARK_TAIL, -(-rows // 2))


def _is_dev(file: LocalFile) -> bool:
    return "dev" in file.name.split("/")[:-1]


def _shots(file: LocalFile, files: Sequence[LocalFile]) -> Rows:
    examples = [other for other in files if _is_dev(other) and other.stem == file.stem]
    if not examples:
        raise InputError(
            str(file.path), "the file with its worked examples is missing", f"add dev/{file.path.name}"
        )
    return read_rows(examples[0].path)[:SHOTS]


_BENCHMARK_RULES: dict[str, Callable[[LocalFile, Sequence[LocalFile]], list[tuple[int, dict[str, Any]]]]] = {
    "panorama": _panorama_test,
    "financeiq": _financeiq_tail,
}


# -- the pool --------------------------------------------------------------------------------------


def _sources(assets: Assets, root: Path, seed: int, fix: str) -> Iterator[Source]:
    """One source a file, or a kind of response, in the order of the files."""
    found = 0
    for file in find(assets, root, fix):
        for name, rows, note in _POOL_RULES.get(assets.folder, _whole)(assets, file, seed):
            if rows:
                found += 1
                yield Source(name, _card(assets, file, name, rows, note), tuple(rows), assets.licence)
    if not found:
        raise InputError(str(root / assets.folder), f"no training rows of {assets.repo_id} are there", fix)


Part = tuple[str, Rows, str]
"""Name, rows, and what was left out."""


def _whole(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    rows, total = sample_rows(file.path, POOL_BYTES, seeded("pool", file.name, seed))
    note = f"{len(rows):,} of {total:,} rows, drawn at random" if len(rows) < total else ""
    return [(_name(assets, file), rows, note)]


def _panorama_train(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    return _whole(assets, file, seed) if "train" in file.stem else []


def _financeiq_head(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    if _is_dev(file):
        return []
    rows = read_rows(file.path)
    head = rows[: len(rows) - tail_rows(len(rows))]
    note = "the last rows of the file are the benchmark and not included"
    return [(_name(assets, file), [{**row, "Subject": file.stem} for row in head], note)]


def _chemcot_columns(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    [(name, rows, note)] = _whole(assets, file, seed)
    return [(name, [_unified(row) for row in rows], note)]


def _unified(row: Row) -> dict[str, Any]:
    """A row of ``rcr.json`` in the columns of the others: ``struct_cot``, and ``gt`` inside ``meta``."""
    plain = dict(row)
    if "cot_result" in plain and "struct_cot" not in plain:
        plain["struct_cot"] = plain.pop("cot_result")
    if "gt" in plain:
        meta = opened(plain.get("meta"))
        held = {**(meta if isinstance(meta, dict) else {}), "gt": plain.pop("gt")}
        plain["meta"] = json.dumps(held, ensure_ascii=False)
    return plain


def _bioprobench_train(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    return [] if file.stem.endswith("_test") else _whole(assets, file, seed)


def _by_instruction(assets: Assets, file: LocalFile, seed: int) -> list[Part]:
    [(name, rows, note)] = _whole(assets, file, seed)
    kinds = sorted({str(row.get("instruction_type", "other")) for row in rows})
    return [
        (f"{name}-{kind}", [row for row in rows if str(row.get("instruction_type", "other")) == kind], note)
        for kind in kinds
    ]


_POOL_RULES: Mapping[str, Callable[[Assets, LocalFile, int], list[Part]]] = {
    "panorama": _panorama_train,
    "financeiq": _financeiq_head,
    "chemcot": _chemcot_columns,
    "tableinstruct": _by_instruction,
    "bioprobench": _bioprobench_train,
}


def _name(assets: Assets, file: LocalFile) -> str:
    """The folder and what tells its files apart, such as ``panorama-PAR4PC`` or ``chemcot-mol_edit-add``."""
    telling = [part for part in Path(file.name).with_suffix("").parts if part not in _COMMON_PARTS]
    parts = [assets.folder, *(part for part in telling if part.casefold() != assets.folder)]
    return "-".join(parts).replace(" ", "_")


_COMMON_PARTS = {"data", "test", "train", "chemcotbench-cot", "TableInstruct_instructions"}


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
