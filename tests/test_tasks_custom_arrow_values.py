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
