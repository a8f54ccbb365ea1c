"""Archives are read as the folders that they were made of, and write nothing outside of one of their own."""

from __future__ import annotations

import io
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from tasks import unpacking
from tasks.custom import archives
from tasks.custom.files import read_path
from tasks.errors import InputError

CSV = b"question,answer\n" + b"".join(b"q%d,a%d\n" % (n, n) for n in range(12))


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder in which temporary files lie."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def zipped(path: Path, files: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK if name in links else stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str) -> Path:
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


MODES = {
    "a.zip": "",
    "a.tar": "w",
    "a.tgz": "w:gz",
    "a.tar.gz": "w:gz",
    "a.tar.bz2": "w:bz2",
    "a.tar.xz": "w:xz",
}


@pytest.mark.parametrize(("name", "mode"), MODES.items())
def test_an_archive_is_read_as_its_folder(tmp_path: Path, scratch: Path, name: str, mode: str) -> None:
    files = {
        "birds/train.csv": CSV,
        "birds/test.csv": CSV,
        "birds/README.md": b"# Birds",
        "__MACOSX/birds/._train.csv": b"\0",
    }
    path = tarred(tmp_path / name, files, mode) if mode else zipped(tmp_path / name, files)
    data = read_path(path)
    assert {table.name: (table.part, len(table.rows)) for table in data.tables} == {
        "train": ("train", 12), "test": ("test", 12)
    }  # fmt: skip
    assert data.tables[0].path == f"{path}/birds/{data.tables[0].name}.csv"
    assert name in data.tables[0].reader
    assert [(item.path, item.reason) for item in data.passed_over] == [("README.md", "a text for people")]
    assert list(scratch.iterdir()) == []
    assert data.tables[0].rows[0] == {"question": "q0", "answer": "a0"}


def test_a_file_alone_in_an_archive_is_that_file(tmp_path: Path) -> None:
    (table,) = read_path(zipped(tmp_path / "rows.csv.zip", {"rows.csv": CSV})).tables
    assert (table.name, len(table.rows)) == ("rows", 12)


def test_what_leads_out_or_is_a_link_is_passed_over(tmp_path: Path, scratch: Path) -> None:
    files = {
        "in/rows.csv": CSV, "../../out.csv": CSV, "/tmp/out.csv": CSV, "C:\\out.csv": CSV,
        "in/link.csv": b"/etc/hostname", "in/..": b"x",
    }  # fmt: skip
    data = read_path(zipped(tmp_path / "a.zip", files, links=("in/link.csv",)))
    assert [table.name for table in data.tables] == ["rows"]
    reasons = {item.path: item.reason for item in data.passed_over}
    assert reasons.pop("in/link.csv") == "a link"
    assert set(reasons.values()) == {"its name leads out of the archive"}
    assert len(reasons) == 4
    assert [path.name for path in tmp_path.rglob("out*")] == []


def test_links_and_devices_of_a_tar_are_passed_over(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {"d/rows.csv": CSV}, "w")
    with tarfile.open(path, "a") as packed:
        for name, kind in (
            ("d/link.csv", tarfile.SYMTYPE),
            ("d/hard.csv", tarfile.LNKTYPE),
            ("d/pipe", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/hostname"
            packed.addfile(info)
    reasons = [item.reason for item in read_path(path).passed_over]
    assert reasons == ["a link", "a link", "not a regular file"]


@pytest.mark.parametrize("mode", ["", "w:gz"])
def test_an_archive_that_holds_too_much_is_refused(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS", 1_000_000)
    files = {"rows.csv": CSV + b"q,a\n" * 900_000}
    path = tarred(tmp_path / "a.tgz", files, mode) if mode else zipped(tmp_path / "a.zip", files)
    with pytest.raises(InputError, match=r"it unpacks to over 0\.00\d+ GB"):
        read_path(path)
    assert list(scratch.iterdir()) == []


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 5)
    with pytest.raises(InputError, match="it holds over 5 files"):
        read_path(zipped(tmp_path / "a.zip", {f"{n}.csv": CSV for n in range(6)}))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x1f\x8bbroken", b"x" * 2000])
def test_a_damaged_archive_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"a\.(zip|tar)") as caught:
        read_path(tmp_path / name)
    assert "scratch" not in str(caught.value)


def test_an_archive_in_an_archive_stays_packed(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"rows.csv": CSV}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": inner})
    with pytest.raises(InputError, match="an archive: give it by itself, or unpack it"):
        read_path(outer)


def test_errors_speak_of_the_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a/photo.png": b"x", "a/b.png": b"y"})
    with pytest.raises(InputError) as caught:
        read_path(path)
    assert "scratch" not in str(caught.value)
    assert str(path) in str(caught.value)
