"""Rows of a published file in any of the four upstream formats: jsonl, json, csv, parquet.

``json`` and ``csv`` of the standard library read three of them. The readers of ``datasets`` 5.2 were tried
on the 76 published files at hand; they infer types, which changes the rows of four families, and take 29
times as long:

| files | what ``datasets`` makes of them |
|---|---|
| aime, chemcotbench, deepscaler, gsm8k (26 files) | the same rows |
| tablebench | 21,664 table cells such as ``"1"`` and ``"27.8"`` become numbers, absent columns None |
| panorama | dates become datetimes |
| bioprobench | absent columns become None |
| financeiq (csv) | numbers by column, and the column without a name gets one |
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

from tasks.errors import InputError

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")


Faults = dict[int, str]
"""Row number from 0 -> why it could not be read."""


def read_rows(path: Path, faults: Faults | None = None) -> list[dict[str, Any]]:
    """All rows of a file, in its order; the suffix names the format.

    A ``.json`` file may hold a list of rows, one row, or an object whose ``data`` or ``rows``
    is the list. CSV cells stay text.

    Args:
        path: the file.
        faults: where given, a row of JSON that cannot be read is put in here, and stands as an empty row.

    Raises:
        InputError: it names the file and the place.
    """
    if not path.is_file():
        raise InputError(
            str(path), "there is no such file", "give the path of a jsonl, json, csv or parquet file"
        )
    try:
        rows = _READERS[path.suffix.lower()](path, faults)
    except KeyError:
        raise InputError(
            str(path),
            f"the format {path.suffix or 'without suffix'!r} is not known",
            f"use {', '.join(SUFFIXES)}",
        ) from None
    except UnicodeDecodeError:
        raise InputError(str(path), "it is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise InputError(
            str(path), f"it cannot be read ({error.strerror or error})", "check the file"
        ) from None
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            wrong = "it is not an object with columns"
            if faults is None:
                raise InputError(f"{path}, row {number + 1}", wrong, "write one object a row")
            rows[number], faults[number] = {}, faults.get(number, wrong)
    return rows


def _jsonl(path: Path, faults: Faults | None) -> list[Any]:
    rows: list[Any] = []
    with path.open(encoding="utf-8-sig", errors="strict" if faults is None else "surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                line.encode()
                rows.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                wrong = (
                    "it is not UTF-8 text" if isinstance(error, UnicodeError) else f"it is not JSON ({error})"
                )
                if faults is None:
                    raise InputError(f"{path}, line {number}", wrong, "mend that line") from None
                faults[len(rows)] = wrong
                rows.append({})
    return rows


def _json(path: Path, faults: Faults | None) -> list[Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise InputError(str(path), f"it is not JSON ({error})", "mend the file") from None
    if isinstance(data, dict):
        held = data.get("data", data.get("rows"))
        data = held if isinstance(held, list) else [data]
    if not isinstance(data, list):
        raise InputError(str(path), "it holds no list of rows", "write a JSON list of objects")
    return data


def _csv(path: Path, faults: Faults | None) -> list[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            return [dict(row) for row in csv.DictReader(file, strict=True)]
        except csv.Error as error:
            raise InputError(str(path), f"it is not CSV ({error})", "mend the file") from None


def _parquet(path: Path, faults: Faults | None) -> list[Any]:
    import pyarrow.parquet as parquet
    from pyarrow.lib import ArrowException

    try:
        return list(parquet.read_table(path).to_pylist())
    except ArrowException as error:
        what = str(error).partition("\n")[0]
        raise InputError(str(path), f"it is not a parquet file ({what})", "download it again") from None


_READERS = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}


def sample_rows(path: Path, most_bytes: int, rng: random.Random) -> tuple[list[dict[str, Any]], int]:
    """Rows of a file and how many it holds; all of them but for a large parquet file.

    Of a parquet file whose rows take more than ``most_bytes`` in memory a random sample is read, in the
    order of the file, one row group at a time. Raises InputError like ``read_rows``.
    """
    if path.suffix.lower() != ".parquet" or not path.is_file():
        rows = read_rows(path)
        return rows, len(rows)
    import pyarrow.parquet as parquet
    from pyarrow.lib import ArrowException

    try:
        with parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
            total, size = file.metadata.num_rows, sum(group.total_byte_size for group in groups)
            wanted = min(total, max(1, total * most_bytes // max(1, size)))
            chosen = set(rng.sample(range(total), wanted)) if wanted < total else set(range(total))
            rows, first = [], 0
            for batch in file.iter_batches(batch_size=1024):
                places = [place for place in range(batch.num_rows) if first + place in chosen]
                rows += batch.take(places).to_pylist() if places else []
                first += batch.num_rows
            return rows, total
    except ArrowException as error:
        what = str(error).partition("\n")[0]
        raise InputError(str(path), f"it is not a parquet file ({what})", "download it again") from None
