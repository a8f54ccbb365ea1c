"""Parquet and Arrow files: values stay what they are, and what cannot be read costs its row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.custom.arrow_rows import check_places
from tasks.custom.files import read_file, read_path
from tasks.errors import InputError


def test_arrow_files_keep_values_and_names_of_labels(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    rows = {"text": ["a", None], "label": [1, 0]}
    made = Dataset.from_dict(rows, features=features)
    made.to_parquet(str(tmp_path / "t-00000-of-00002.parquet"))
    made.to_parquet(str(tmp_path / "t-00001-of-00002.parquet"))
    (found,) = read_path(tmp_path).tables
    assert (found.name, len(found.rows), found.rows[-1]) == ("t", 4, {"text": None, "label": 0})
    assert found.rows.labels == {"label": ("no", "yes")}
    DatasetDict(train=made, test=made).save_to_disk(str(tmp_path / "saved"))
    saved = read_path(tmp_path / "saved")
    assert [item.name for item in saved.tables] == ["train", "test"]
    assert list(saved.tables[0].rows) == [{"text": "a", "label": 1}, {"text": None, "label": 0}]


def test_a_changed_parquet_file_gives_its_new_rows(tmp_path: Path) -> None:
    from datasets import Dataset

    path = tmp_path / "a.parquet"
    for value in ("old", "new"):
        Dataset.from_dict({"q": [value]}).to_parquet(str(path))
        assert list(read_file(path).rows) == [{"q": value}]


def test_a_parquet_row_that_is_not_utf_8_costs_itself(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    texts = pyarrow.array([b"one", b"\xff\xfe", b"three"], pyarrow.binary())
    damaged = pyarrow.Array.from_buffers(pyarrow.string(), 3, texts.buffers())
    parquet.write_table(pyarrow.table({"text": damaged, "n": [1, 2, 3]}), tmp_path / "rows.parquet")
    table = read_file(tmp_path / "rows.parquet")
    assert [row["n"] for row in table.rows] == [1, 3]
    assert dict(table.set_aside_counts) == {"it is not UTF-8 text": 1}
    assert table.set_aside[0].where == "row 2"


def _nested(texts: Any) -> dict[str, Any]:
    """Columns of three rows in which each text lies at another depth."""
    import pyarrow
    from pyarrow import FixedSizeListArray, LargeListArray, ListArray, StructArray

    each = pyarrow.array([0, 1, 2, 3], pyarrow.int32())
    struct = StructArray.from_arrays([texts, texts], ["content", "role"])
    indices = pyarrow.array([0, 1, 2], pyarrow.int32())
    return {
        "list": ListArray.from_arrays(each, texts),
        "large list": LargeListArray.from_arrays(each.cast(pyarrow.int64()), texts),
        "list of fixed length": FixedSizeListArray.from_arrays(texts, 1),
        "struct": struct,
        "messages": ListArray.from_arrays(each, struct),
        "list of numbered texts": ListArray.from_arrays(
            each, pyarrow.DictionaryArray.from_arrays(indices, texts)
        ),
    }


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_a_row_whose_nested_text_is_not_utf_8_costs_itself(tmp_path: Path, kind: str) -> None:
    import pyarrow
    from pyarrow import feather, parquet

    texts = pyarrow.array([b"one", b"\xed\xa0\x80", b"three"], pyarrow.binary()).view(pyarrow.string())
    for number, (shape, column) in enumerate(_nested(texts).items()):
        path = tmp_path / f"rows{number}.{'parquet' if kind == 'parquet' else 'arrow'}"
        held = pyarrow.table({"n": [1, 2, 3], "text": column})
        if kind == "parquet":
            parquet.write_table(held, path)
        elif kind == "feather":
            feather.write_feather(held, str(path))
        else:
            with pyarrow.ipc.new_stream(str(path), held.schema) as stream:
                stream.write_table(held)
        table = read_file(path)
        assert [row["n"] for row in table.rows] == [1, 3], shape
        assert "three" in str(table.rows[1]["text"]), shape
        assert dict(table.set_aside_counts) == {"it is not UTF-8 text": 1}, shape


def test_a_bad_letter_does_not_hide_a_value_outside_its_file() -> None:
    import numpy
    import pyarrow
    from pyarrow.lib import ArrowException

    def at(*places: int) -> Any:
        return pyarrow.py_buffer(numpy.array(places, "int32").tobytes())

    letters = pyarrow.py_buffer(b"\xff\xff\xff")
    texts = pyarrow.Array.from_buffers(pyarrow.string(), 3, [None, at(0, 1, 2, 3), letters])
    check_places(pyarrow.table({"text": texts, **_nested(texts)}))
    outside = pyarrow.Array.from_buffers(pyarrow.string(), 3, [None, at(0, 1, 9_999_999, 3), letters])
    kind, indices = (
        pyarrow.struct([("a", pyarrow.string()), ("b", pyarrow.string())]),
        pyarrow.array([0, 1, 9]),
    )
    for wrong in (
        outside,
        pyarrow.Array.from_buffers(kind, 3, [None], children=[texts, outside]),
        pyarrow.DictionaryArray.from_arrays(indices, texts, safe=False),
    ):
        with pytest.raises(ArrowException, match="out of bounds"):
            check_places(pyarrow.table({"text": wrong}))


def test_a_parquet_file_without_rows_is_said_to_have_none(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    parquet.write_table(pyarrow.table({"a": pyarrow.array([], pyarrow.string())}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="it has no rows"):
        read_file(tmp_path / "rows.parquet")
