"""Targets that read files of other tools: YAML, XML, catalogues, tagged words, archives, databases."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tasks.custom.files import read_file, read_path
from tasks.custom.read_rows import read_table, source_of
from tasks.custom.spread_rows import spread
from tests.bench.fuzz.target import Read, Target

YAMLS = (
    b"- question: a\n  answer: 1.10\n- question: b\n  answer: no\n",
    b"nlu:\n- intent: go\n  examples: |\n    - to [Oslo](city)\n    - away\n"
    b"- intent: stay\n  examples: |\n    - no\n    - here\n",
    b"- &a {q: [1, 2]}\n- *a\n",
    b"? [a, b]\n: c\n---\n1: !!binary aGk=\n2: !!set {x, y}\n",
    b"[" * 2000,
)
TOMLS = (b'[[row]]\nq = "a"\nd = 2024-05-01\n[[row]]\nq = "b"\nn = inf\n', b"a.b.c = 1\n")
XMLS = (
    b'<a><i k="1"><q>x</q><a>y</a></i><i><q>z &amp; w</q><a>v</a></i></a>',
    b'<tmx><header srclang="en"/><body><tu><tuv xml:lang="en"><seg>a<ph/>b</seg></tuv>'
    b'<tuv xml:lang="da"><seg>c</seg></tuv></tu></body></tmx>' * 1,
    b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    b'<?xml version="1.0" encoding="latin-1"?><r><s label="a">\xe9</s><s label="b">c</s></r>',
    '<?xml version="1.0" encoding="utf-16"?><r><s label="a">b</s><s label="b">c</s></r>'.encode("utf-16"),
    b"<a>" * 3000,
)
CATALOGUES = (
    b'msgid ""\nmsgstr "Language: de\\n"\n\n#, fuzzy\nmsgid "a"\nmsgstr "b"\n\n'
    b'msgctxt "m"\nmsgid "c\\x41\\777"\nmsgstr "d"\n',
    b'msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\nmsgstr[1] "d"\n#~ msgid "e"\n#~ msgstr "f"\n"tail"\n',
)
TAGGED = (
    b"-DOCSTART- O\n\nAda B-PER\nsings O\n\n# O\nis O\n\n" * 3,
    b"# text = A\n1\tA\ta\tX\t_\t_\t0\tr\t_\t_\n1-2\tAb\t_\t_\t_\t_\t_\t_\t_\t_\n\n" * 3,
)
LABELLED = (b"__label__a __label__b both\n" + b"__label__a text\n" * 6, b"__label__a\n" * 6 + b"x\n")


def _file(suffix: str) -> Read:
    def read(folder: Path, content: bytes) -> None:
        file = folder / f"rows{suffix}"
        file.write_bytes(content)
        table = spread(read_file(file))
        assert len(list(table.rows)) == len(table.rows) > 0
        source_of(read_table(table))

    return read


def _whole(name: str) -> Read:
    """A file that is unpacked, or opened, in a folder of its own, so that what it writes is seen."""

    def read(folder: Path, content: bytes) -> None:
        file = folder / name
        file.write_bytes(content)
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            for table in read_path(file).tables:
                list(table.rows)
        finally:
            tempfile.tempdir = before

    return read


def _described(folder: Path, content: bytes) -> None:
    """A folder with a table and what ``dataset_info.json`` says of it."""
    home = folder / "described"
    home.mkdir(exist_ok=True)
    (home / "dataset_info.json").write_bytes(content)
    (home / "rows.json").write_bytes(b'[{"a": "x", "b": [{"r": "u", "c": "y"}]}, {"a": "z", "b": []}]')
    for table in read_path(home).tables:
        list(table.rows)


@cache
def _zip(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("d/rows.csv"), b"question,answer\na,1\nb,2\n")
        packed.writestr(zipfile.ZipInfo(name), b"x")
    return out.getvalue()


@cache
def _tar(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as packed:  # type: ignore[call-overload]
        content = b"question,answer\na,1\nb,2\n"
        info = tarfile.TarInfo("d/rows.csv")
        info.size = len(content)
        packed.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("../out")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        packed.addfile(link)
    return out.getvalue()


@cache
def _database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table asked(question text, answer text, n real, photo blob)")
    connection.executemany(
        "insert into asked values(?, ?, ?, ?)", [(f"q{n}", f"a{n}", n / 3, b"x") for n in range(12)]
    )
    connection.execute("create view v as select * from asked")
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def _targets() -> Iterator[Target]:
    settings, xml = "tasks/custom/settings_rows.py", "tasks/custom/xml_rows.py:read_xml"
    yield Target("rows.yaml", (f"{settings}:read_yaml",), _file(".yaml"), YAMLS)
    yield Target("rows.toml", (f"{settings}:read_toml",), _file(".toml"), TOMLS)
    yield Target("rows.xml", (xml,), _file(".xml"), XMLS)
    yield Target("rows.po", ("tasks/custom/message_catalogue.py:read_catalogue",), _file(".po"), CATALOGUES)
    yield Target("rows.conll", ("tasks/custom/tagged_words.py:read_tagged_words",), _file(".conll"), TAGGED)
    yield Target(
        "labelled.txt", ("tasks/custom/labelled_lines.py:read_labelled_lines",), _file(".txt"), LABELLED
    )
    said = (
        b'{"x": {"file_name": "rows.json", "columns": {"prompt": "a", "messages": "b"}, '
        b'"tags": {"role_tag": "r", "content_tag": "c", "user_tag": "u"}}}',
        b'{"x": {"file_name": 1}, "y": {"file_name": "rows.json", "columns": [], "tags": 3}}',
    )
    yield Target("dataset_info.json", ("tasks/custom/dataset_info.py:as_declared",), _described, said)
    archives = ("tasks/custom/archives.py:read_archive",)
    yield Target(
        "rows.zip", archives, _whole("rows.zip"), (_zip("../out.csv"), _zip("d/b.txt"), b"PK"), dear=True
    )
    tars = (_tar("w"), _tar("w:gz"), _tar("w:xz"))
    yield Target("rows.tar", archives, _whole("rows.tar"), tars, dear=True)
    yield Target(
        "rows.db",
        ("tasks/custom/database.py:read_database",),
        _whole("rows.db"),
        (_database(), b"SQLite format 3\x00"),
        dear=True,
    )


TARGETS = tuple(_targets())
