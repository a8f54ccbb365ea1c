"""Tables of rows as files hold them: lazy, memory-mapped, with what was set aside in reading."""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from tasks.custom.arrow_values import in_short, is_plain, plain
from tasks.formats.values import parse_json

JSON_COLUMN = "json"
_BATCH = 1000
_MOST_WAITING = 32_000_000
"""Characters of rows that wait to be written."""
MOST_EXAMPLES = 100
"""Rows set aside that are kept with their place and text; the others are only counted."""
_PARTS = {
    "test": ("test", "tests", "testing", "eval", "evaluation", "heldout", "holdout", "unseen"),
    "validation": ("validation", "validate", "valid", "val", "dev", "devel"),
    "train": ("train", "training"),
}


@dataclass(frozen=True)
class SetAside:
    """A row that could not be read from its file."""

    where: str
    """``line 12``, or ``character 1,034`` in a file without lines."""
    reason: str
    excerpt: str


@dataclass(frozen=True)
class PassedOver:
    """A file that was not read as data."""

    path: str
    reason: str


def part_of(name: str) -> str:
    """``train``, ``validation`` or ``test`` by the words of a name; "" where it says none of them."""
    words = set(re.split(r"[\W_\d]+", name.casefold()))
    return next((part for part, names in _PARTS.items() if words & set(names)), "")


class Rows(Sequence[dict[str, Any]]):
    """The rows of one or more ``datasets.Dataset``s, made into dictionaries one at a time.

    Values are those that the file holds, as JSON has them: nothing is decoded (images, audio) and no label
    is renamed.
    """

    def __init__(self, datasets: Sequence[Any], *, json_text: bool = False) -> None:
        # with_format copies the data set: once here, not for every row.
        self._datasets = tuple(dataset.with_format("arrow") for dataset in datasets)
        self._json = json_text
        self._lengths = tuple(len(dataset) for dataset in datasets)

    def __len__(self) -> int:
        return sum(self._lengths)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if place >= 0:
            for dataset, length in zip(self._datasets, self._lengths, strict=True):
                if place < length:
                    return self._made(dataset, place, 1)[0]
                place -= length
        raise IndexError(index)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for dataset, length in zip(self._datasets, self._lengths, strict=True):
            for start in range(0, length, _BATCH):
                yield from self._made(dataset, start, min(_BATCH, length - start))

    def _made(self, dataset: Any, start: int, count: int) -> list[dict[str, Any]]:
        table = dataset[start : start + count]
        if not self._json:
            rows = list(in_short(table).to_pylist())
            return rows if all(map(is_plain, table.schema.types)) else [plain(row) for row in rows]
        return [parse_json(text) for text in table.column(JSON_COLUMN).to_pylist()]

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns; one name stands for all where rows are kept as JSON text."""
        return frozenset(self._datasets[0].column_names)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Names of integer labels by column (``ClassLabel``)."""
        features = (self._datasets[0].features or {}) if self._datasets else {}
        return {name: tuple(kind.names) for name, kind in features.items() if getattr(kind, "names", None)}

    def chosen(self, places: Sequence[int]) -> Rows:
        """The rows at these places, which go upwards."""
        parts, start = [], 0
        for dataset, length in zip(self._datasets, self._lengths, strict=True):
            own = [place - start for place in places if start <= place < start + length]
            parts.append(dataset.select(own, keep_in_memory=True))
            start += length
        return Rows(parts, json_text=self._json)

    def joined(self, other: Rows) -> Rows | None:
        """Both as one; None where one keeps JSON text and the other columns."""
        if self._json != other._json:
            return None
        return Rows((*self._datasets, *other._datasets), json_text=self._json)


@dataclass(frozen=True)
class Table:
    """One named table of rows."""

    name: str
    rows: Rows
    path: str
    reader: str
    """How the file was read, in words for its owner: ``one JSON array``, ``comma-separated values``."""
    set_aside: tuple[SetAside, ...] = ()
    """The first hundred rows that could not be read."""
    set_aside_counts: Mapping[str, int] = field(default_factory=dict)
    """All of them, by reason."""
    split: str = ""
    """The split that the rows belong to, where the data's owner says so."""
    whole: Sequence[Mapping[str, Any]] = ()
    """Rows of all parts, where the table is one part of a larger one: they say what its format is."""

    @property
    def part(self) -> str:
        """``train``, ``validation`` or ``test``, by the words of the split, else of the name."""
        return part_of(self.split or self.name) or "train"

    def sample(self, count: int, seed: int) -> tuple[dict[str, Any], ...]:
        """At most ``count`` rows in the order of the file, the same for the same seed."""
        total = len(self.rows)
        if total <= count:
            return tuple(self.rows)
        places = sorted(random.Random(seed).sample(range(total), count))
        return tuple(self.rows[place] for place in places)


@dataclass(frozen=True)
class Data:
    """What a path or a Hub id holds."""

    tables: tuple[Table, ...]
    passed_over: tuple[PassedOver, ...] = ()
    notes: tuple[str, ...] = ()
    """Where it is from and what was chosen of it, in lines for its owner."""
    licence: str = ""
    """As the data set's card states it."""
    origin: str = ""
    """The Hub id at the commit that the rows are from; empty for files."""


class Aside:
    """Collects what is set aside while a file is read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: list[SetAside] = []
        self.repeated: list[tuple[str, str]] = []
        """(where, key) of each object in which a key comes twice: its last value is read."""

    def add(self, where: str, reason: str, text: str) -> None:
        """One more row; its text is cut to 120 characters."""
        self.counts[reason] += 1
        if len(self.kept) < MOST_EXAMPLES:
            excerpt = text[:120].encode("utf-8", "replace").decode("utf-8")
            self.kept.append(SetAside(where, reason, excerpt))

    def first(self) -> str:
        """The first such row, to go on a sentence with; "" where there is none."""
        first = self.kept[0] if self.kept else None
        if first is None:
            return ""
        return f"; {first.where}: {first.reason}" + (f": {first.excerpt[:60]!r}" if first.excerpt else "")


Add = Callable[[Sequence[str]], None]
"""Takes the cells of one row, in the order of the columns."""


def written(fill: Callable[[Add], None], columns: Sequence[str]) -> Any:
    """A memory-mapped ``datasets.Dataset`` of text columns; ``fill`` is given the function that adds a row.

    ``Dataset.from_generator`` would keep its Arrow file in the user's cache under a hash of the path, and
    give back old rows for a changed file. The file here is gone from its folder as soon as it is mapped.
    """
    from datasets import Dataset, Features, Value

    features = Features({name: Value("large_string") for name in columns})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.arrow"
        if _write(path, features, fill) == 0:
            return Dataset.from_dict({name: [] for name in columns}, features=features)
        return Dataset.from_file(str(path))


def _write(path: Path, features: Any, fill: Callable[[Add], None]) -> int:
    """The number of rows written. Rows go as whole tables, which spares the writer a check for each."""
    import pyarrow
    from datasets.arrow_writer import ArrowWriter

    waiting: list[Sequence[str]] = []
    size = 0

    with ArrowWriter(features=features, path=str(path)) as writer:

        def flush() -> None:
            nonlocal size
            if waiting:
                cells = [list(column) for column in zip(*waiting, strict=True)]
                writer.write_table(pyarrow.table(cells, schema=features.arrow_schema))
            waiting.clear()
            size = 0

        def add(cells: Sequence[str]) -> None:
            nonlocal size
            waiting.append(cells)
            size += sum(map(len, cells))
            if len(waiting) >= _BATCH or size > _MOST_WAITING:
                flush()

        fill(add)
        flush()
        return int(writer.finalize()[0])
