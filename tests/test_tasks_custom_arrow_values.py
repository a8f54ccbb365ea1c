"""What Parquet holds and JSON does not reaches a row as JSON has it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tasks.custom.arrow_values import plain
from tasks.custom.files import read_path
from tasks.errors import InputError
from tasks.formats.values import text_of


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3, 4, tzinfo=UTC), "2020-01-02T03:04:00+00:00"),
        (time(1, 2, 3), "01:02:03"),
        (timedelta(seconds=1.5), 1.5),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe\x00", "//4A"),
        (float("nan"), None),
        (Decimal("NaN"), None),
        ([("key", date(2020, 1, 2))], {"key": "2020-01-02"}),
        ({"inside": [{"when": date(2020, 1, 2)}]}, {"inside": [{"when": "2020-01-02"}]}),
        (True, True),
        (2**70, 2**70),
    ],
)
def test_a_value_becomes_what_json_has(value: Any, wanted: Any) -> None:
    assert plain(value) == wanted
    assert json.loads(json.dumps(plain(value))) == wanted


def test_a_decimal_stays_a_number_and_keeps_how_it_was_written() -> None:
    assert plain(Decimal("1.10")) == pytest.approx(1.1)
    assert text_of(plain(Decimal("1.10"))) == "1.10"


def test_rows_of_a_parquet_file_are_json(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    held = {
        "question": ["one?", "two?"],
        "asked": [date(2020, 1, 2), None],
        "price": [Decimal("1.10"), Decimal("2.50")],
        "scan": [b"\xff", None],
        "nested": [{"at": datetime(2020, 1, 2, 3, 4, 5, 6), "parts": [Decimal("3")]}, None],
    }
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table(held), path)
    first, second = json.loads(json.dumps(list(read_path(path).tables[0].rows)))
    assert first == {
        "question": "one?",
        "asked": "2020-01-02",
        "price": 1.1,
        "scan": "/w==",
        "nested": {"at": "2020-01-02T03:04:05.000006", "parts": [3.0]},
    }
    assert (second["asked"], second["scan"], second["nested"]) == (None, None, None)


def test_numbers_of_32_bits_are_read_as_they_were_written(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    single = pyarrow.float32()
    inside = pyarrow.struct([("scores", pyarrow.list_(single)), ("name", pyarrow.string())])
    held = {
        "label": pyarrow.array([3.8, None, 1e10], single),
        "pair": pyarrow.array([[0.1, 0.2]] * 3, pyarrow.list_(single, 2)),
        "inside": pyarrow.array(
            [{"scores": [0.1], "name": "a"}, None, {"scores": None, "name": "b"}], inside
        ),
        "exact": [0.1 + 0.2] * 3,
    }
    parquet.write_table(pyarrow.table(held), tmp_path / "rows.parquet")
    first, second, third = read_path(tmp_path / "rows.parquet").tables[0].rows
    exact = {"pair": [0.1, 0.2], "exact": 0.1 + 0.2}
    assert first == {"label": 3.8, "inside": {"scores": [0.1], "name": "a"}, **exact}
    assert second == {"label": None, "inside": None, **exact}
    assert third == {"label": 1e10, "inside": {"scores": None, "name": "b"}, **exact}


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "saved"])
def test_a_date_that_python_has_not_costs_its_row(tmp_path: Path, name: str) -> None:
    """What databases write for infinity, and text that is none, in each of the files that hold Arrow."""
    import pyarrow

    texts = pyarrow.array([b"one", b"two", b"\xff\xfe"], pyarrow.binary())
    at = pyarrow.array([[0], [2**62], [0]], pyarrow.list_(pyarrow.timestamp("us")))
    damaged = pyarrow.Array.from_buffers(pyarrow.string(), 3, texts.buffers())
    write_arrow(tmp_path / name, pyarrow.table({"text": damaged, "at": at}))
    (found,) = read_path(tmp_path / name).tables
    assert list(found.rows) == [{"text": "one", "at": ["1970-01-01T00:00:00"]}]
    assert dict(found.set_aside_counts) == {
        "it holds a date or a duration that is out of range": 1,
        "it is not UTF-8 text": 1,
    }


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.feather"])
def test_columns_of_one_name_are_refused_by_name(tmp_path: Path, name: str) -> None:
    import pyarrow

    parts = [pyarrow.array(["one"]), pyarrow.array(["two"])]
    write_arrow(tmp_path / name, pyarrow.Table.from_arrays(parts, names=["answer", "answer"]))
    with pytest.raises(InputError, match="more than one column 'answer'"):
        read_path(tmp_path / name)


def write_arrow(path: Path, held: Any) -> None:
    """A table as Parquet, as a stream of Arrow, as Feather, or as ``datasets`` saves it."""
    import pyarrow
    import pyarrow.parquet as parquet
    from datasets import Dataset

    if path.suffix == ".parquet":
        parquet.write_table(held, path)
    elif not path.suffix:
        Dataset(held).save_to_disk(path)
    else:
        new = pyarrow.ipc.new_stream if path.suffix == ".arrow" else pyarrow.ipc.new_file
        with pyarrow.OSFile(str(path), "wb") as sink, new(sink, held.schema) as writer:
            writer.write_table(held)
