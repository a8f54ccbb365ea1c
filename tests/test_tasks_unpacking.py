"""Unpacking: a small file that holds a great deal is refused while it is read, and leaves nothing behind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.verify import Wish, verify
from tasks import unpacking
from tasks.custom.files import read_path
from tasks.errors import InputError
from tools.verification import archive

ZEROS = 3_000_000


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A megabyte is what any file may hold; the folder in which temporary files lie."""
    monkeypatch.setattr(unpacking, "ALWAYS", 1_000_000)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return scratch


def row(letters: int) -> bytes:
    return b'{"question": "' + b"a" * letters + b'", "answer": "b"}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl.gz", row(ZEROS)),
        ("rows.jsonl.gz", row(100_000) * 30),
        ("rows.json.gz", b"[" + row(ZEROS) + b"]"),
        ("rows.csv.gz", b"question,answer\n" + b"a,b\n" * 500_000),
        ("rows.tsv.gz", ("question\tanswer\n" + "a\tb\n" * 300_000).encode("utf-16")),
        ("rows.jsonl", row(ZEROS)),  # gzip by its first bytes, whatever its name
    ],
)
def test_gzip_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, little: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=r"it unpacks to over 0\.00\d+ GB, more than 100 times its own size"):
        read_path(tmp_path / name)
    assert list(little.iterdir()) == []


def test_a_compressed_file_of_usual_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(row(50) * 100))
    assert len(read_path(tmp_path / "rows.jsonl.gz").tables[0].rows) == 100


def test_in_a_folder_such_a_file_costs_itself(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(row(ZEROS)))
    (folder / "b.jsonl").write_bytes(row(5) * 20)
    data = read_path(folder)
    assert [table.name for table in data.tables] == ["b"]
    assert "unpacks to over" in data.passed_over[0].reason


def parquet(path: Path) -> None:
    """One text of 3,000 letters, written once for a thousand rows."""
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(pyarrow.table({"question": ["a" * 3000] * 1000}), path)


def feather(path: Path) -> None:
    import pyarrow
    from pyarrow.feather import write_feather

    write_feather(pyarrow.table({"question": ["a" * 3000] * 1000}), str(path), compression="zstd")


@pytest.mark.parametrize(("name", "write"), [("rows.parquet", parquet), ("rows.feather", feather)])
def test_columns_that_unpack_to_too_much_are_refused(
    tmp_path: Path, little: Path, name: str, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=r"it unpacks to over 0\.00\d+ GB.*split it into several files"):
        read_path(tmp_path / name)
    assert list(little.iterdir()) == []
    monkeypatch.setattr(unpacking, "ALWAYS", 10_000_000)
    assert len(read_path(tmp_path / name).tables[0].rows) == 1000


def packed(pack: Callable[[bytes], bytes], *members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for member in (tarfile.TarInfo("run/journal.jsonl"), *members):
            made.addfile(member, io.BytesIO(bytes(member.size)))
    return pack(out.getvalue())


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, **pax: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.pax_headers = size, kind, pax
    return made


def as_it_is(content: bytes) -> bytes:
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: packed(gzip.compress, member("run/a", ZEROS)), "unpacks to over 0.001 GB"),
        (lambda: packed(bz2.compress, member("run/a", ZEROS)), "unpacks to over 0.001 GB"),
        (lambda: packed(lzma.compress, member("run/a", ZEROS)), "unpacks to over 0.001 GB"),
        (lambda: packed(gzip.compress, *(member(f"run/{n}") for n in range(60))), "holds over 50 files"),
        (lambda: packed(gzip.compress, member("a/" * 60 + "b")), "holds over 50 files"),
        (lambda: packed(as_it_is, member("run/a", kind=tarfile.FIFOTYPE)), "which is no plain file"),
        (lambda: packed(gzip.compress, member("run/a", comment="a" * 200_000)), "description is too long"),
        (lambda: packed(gzip.compress, member("../a", 10)), "is no archive of a run"),
    ],
    ids=["gzip", "bz2", "xz", "files", "folders", "device", "description", "outside"],
)
def test_an_archive_that_would_fill_the_disk_is_refused_and_nothing_stays(
    tmp_path: Path, little: Path, content: Callable[[], bytes], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 50)
    file = tmp_path / "run.tar.gz"
    file.write_bytes(content())
    with pytest.raises(InputError, match=said) as told:
        verify(file, Wish())
    assert "\n" not in str(told.value)
    assert list(little.iterdir()) == []


def test_an_archive_for_which_there_is_no_room_is_refused(
    tmp_path: Path, little: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SPARE_BYTES", 1 << 62)
    file = tmp_path / "run.tar"
    file.write_bytes(packed(as_it_is))
    with pytest.raises(InputError, match=r"holds more than .* has room for"):
        verify(file, Wish())
    assert list(little.iterdir()) == []
