"""Parquet and Arrow files as rows: what cannot be read as Python's values costs its row, and no process.

Both formats are read by Arrow, which believes what a file says of itself. A value that lies outside its file
ends the process that reads it, so places are checked first and texts afterwards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.custom.arrow_values import holds_moments, with_bytes
from tasks.custom.tables import Aside, Rows
from tasks.errors import InputError
from tasks.unpacking import Allowance

_LOOKED_AT = 1000
"""Rows of a table that are checked at once."""
_COUNTED = 16
"""Rows of a batch that is only counted, at least: with fewer of them the counting takes long."""
_SMALLER = "split it into several files"


def read_arrow(path: Path) -> tuple[Rows, str, Aside]:
    """(rows, how it was read, what was set aside). Raises InputError where the file holds no row."""
    from datasets import Dataset
    from datasets.exceptions import DatasetGenerationError
    from pyarrow.lib import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        if path.suffix.casefold() == ".parquet":
            held = read_metadata(path)
            if held.num_rows == 0:
                raise InputError(str(path), "it has no rows", "add at least one row")
            _refuse_same_names(path, held.schema.to_arrow_schema().names)
            _refuse_too_large(path, held)
            # A cache of its own: the user's would answer for a file that has changed since.
            with tempfile.TemporaryDirectory() as cache, _quiet():
                dataset, how = Dataset.from_parquet(str(path), cache_dir=cache), "Parquet"
        else:
            dataset, how = _mapped(path), "Arrow"
    except (ArrowException, DatasetGenerationError, ValueError) as error:
        fix = "write it again, its columns as text, numbers, lists or structs"
        cause = " ".join(str(error.__cause__ or error).split())[:200]
        raise InputError(str(path), f"it cannot be read: {cause}", fix) from error
    if not len(dataset):
        raise InputError(str(path), "it has no rows", "add at least one row")
    aside = Aside()
    found = readable(dataset, aside)
    if not len(found):
        raise InputError(str(path), f"none of its rows can be read{aside.first()}", "write it again")
    return Rows([found]), how, aside


def readable(dataset: Any, aside: Aside) -> Any:
    """The rows that Python can read: Arrow takes any bytes for text, and any number of days for a date."""
    from pyarrow.lib import ArrowException

    tables, bad = dataset.with_format("arrow"), dict[int, str]()
    moments = [field.name for field in tables[:0].schema if holds_moments(field.type)]
    for start in range(0, len(dataset), _LOOKED_AT):
        table = tables[start : start + _LOOKED_AT]
        try:
            table.validate(full=True)
            table.select(moments).to_pylist()
        except (ArrowException, OverflowError, ValueError):
            found = ((start + place, _fault(table.slice(place, 1))) for place in range(len(table)))
            bad |= {place: reason for place, reason in found if reason}
    for place, reason in bad.items():
        aside.add(f"row {place + 1:,}", reason, "")
    return dataset.select([place for place in range(len(dataset)) if place not in bad]) if bad else dataset


def check_places(table: Any) -> None:
    """Raises ArrowException where values do not lie where the file says: to read them ends the process.

    Letters that are none are let through, at whatever depth: texts are looked at as bytes. Arrow stops at the
    first thing that is wrong, and a bad letter in one part would hide a bad place in the next.
    """
    table.validate()
    for column in table.columns:
        kind = with_bytes(column.type)
        for chunk in column.chunks:
            chunk.view(kind).validate(full=True)


def _refuse_same_names(path: Path, names: Sequence[str]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise InputError(str(path), f"it has more than one column {twice!r}", "rename one of them")


def _refuse_too_large(path: Path, held: Any) -> None:
    """Raises InputError for a Parquet file that would unpack to too much.

    A value that comes again is written once, and the size that a file states can be any, so what comes out is
    counted: in batches so small that none of them is too much. (What it states of one column is not asked:
    where some of that is wrong, asking ends the process.) It took 0.4 s to 0.9 s for 300,000 rows of 200 MB.
    """
    from pyarrow.parquet import ParquetFile

    allowance = Allowance(path, _SMALLER)
    groups = map(held.row_group, range(held.num_row_groups))
    largest = max((group.total_byte_size for group in groups), default=0)
    at_once = min(_LOOKED_AT, max(_COUNTED, allowance.most // max(1, largest)))
    with ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=at_once):
            allowance.take(batch.nbytes)


def _fault(row: Any) -> str:
    """Why a row cannot be read; "" where it can."""
    try:
        row.to_pylist()
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    except (OverflowError, ValueError):
        return "it holds a date or a duration that is out of range"
    return ""


def _mapped(path: Path) -> Any:
    """Arrow's stream format is what ``datasets`` maps; its file format (Feather) Arrow maps itself."""
    import pyarrow
    from datasets import Dataset

    with path.open("rb") as opened:
        as_file = opened.read(6) == b"ARROW1"
    mapped = pyarrow.memory_map(str(path))
    file = pyarrow.ipc.open_file(mapped) if as_file else pyarrow.ipc.open_stream(mapped)
    _refuse_same_names(path, file.schema.names)
    allowance = Allowance(path, _SMALLER)
    batches = (file.get_batch(place) for place in range(file.num_record_batches)) if as_file else iter(file)
    read = []
    for batch in batches:
        allowance.take(batch.get_total_buffer_size())
        read.append(batch)
    table = pyarrow.Table.from_batches(read, file.schema)
    check_places(table)
    return Dataset(table) if as_file else Dataset.from_file(str(path))


@contextmanager
def _quiet() -> Iterator[None]:
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not disabled:
            enable_progress_bars()
