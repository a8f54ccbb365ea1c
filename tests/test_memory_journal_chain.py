"""The chain of a journal: what a change of any line breaks, and how old and torn journals go on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from memory.journal.chain import NO_CHAIN
from memory.journal.events import decode, encode
from memory.journal.evidence import accepted_changes, files_on_record, subjects_on_record
from memory.journal.examine import examine
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.run_records import run_info


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.jsonl"


def written(path: Path, notes: int = 4) -> list[bytes]:
    """The lines of a journal with so many notes."""
    with Journal.create(path, run_info()) as journal:
        for number in range(notes):
            journal.note(f"note {number}")
    return path.read_bytes().splitlines(keepends=True)


def unchained(path: Path) -> None:
    """The same journal as an earlier version wrote it."""
    events = [replace(decode(line), prev=None) for line in path.read_bytes().splitlines()]
    path.write_bytes(b"".join(map(encode, events)))


def test_each_line_names_the_digest_of_the_bytes_before_it(path: Path) -> None:
    lines = written(path)
    assert decode(lines[0]).prev == ""
    for before, line in pairwise(lines):
        assert decode(line).prev == sha256(before.rstrip(b"\n")).hexdigest()
    journal = Journal.open(path, write=False)
    assert journal.head == sha256(lines[-1].rstrip(b"\n")).hexdigest()


def test_a_chain_goes_on_where_another_process_left_it(path: Path) -> None:
    written(path)
    with Journal.open(path) as journal:
        journal.note("later")
        head = journal.head
    assert Journal.open(path, write=False).head == head
    assert examine(path).faults == ()


def forged(line: bytes, **changes: object) -> bytes:
    """The line with other fields and the checksum that belongs to them."""
    record = json.loads(line) | changes
    record.pop("crc")
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    record["crc"] = f"{zlib.crc32(text.encode()):08x}"
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def renumbered(lines: list[bytes]) -> list[bytes]:
    return [forged(line, seq=number) for number, line in enumerate(lines)]


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "edited": lambda lines: [*lines[:2], forged(lines[2], data={"text": "other"}), *lines[3:]],
    "the line before the last edited": lambda lines: [*lines[:3], forged(lines[3], data={}), lines[4]],
    "deleted": lambda lines: renumbered([*lines[:2], *lines[3:]]),
    "inserted": lambda lines: renumbered([*lines[:2], lines[1], *lines[2:]]),
    "swapped": lambda lines: renumbered([*lines[:2], lines[3], lines[2], *lines[4:]]),
    "without its name": lambda lines: [
        *lines[:3],
        encode(replace(decode(lines[3]), prev=None)),
        *lines[4:],
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_line_that_is_changed_with_its_checksum_is_refused_and_named(path: Path, change: str) -> None:
    path.write_bytes(b"".join(CHANGES[change](written(path))))
    with pytest.raises(InputError, match="altered, or one before it is missing"):
        Journal.open(path)
    assert not path.with_suffix(".torn").exists()
    assert any(fault.startswith("line ") for fault in examine(path).faults)


def test_a_torn_end_is_set_aside_by_a_repair_that_the_chain_records(path: Path) -> None:
    lines = written(path)
    path.write_bytes(b"".join(lines)[:-9])
    with Journal.open(path) as journal:
        journal.note("on")
    assert examine(path).faults == ()
    torn = decode(path.read_bytes().splitlines()[-2]).data["torn"]
    assert torn == {"bytes": len(lines[-1]) - 9, "sha256": sha256(lines[-1][:-9]).hexdigest()}


def test_a_journal_of_an_earlier_version_is_read_and_has_no_chain(path: Path) -> None:
    written(path)
    unchained(path)
    journal = Journal.open(path, write=False)
    assert (journal.head, len(journal.events)) == (NO_CHAIN, 5)
    found = examine(path)
    assert (found.chained, found.faults) == (0, ())


def test_an_earlier_journal_that_goes_on_is_fixed_by_its_first_new_line(path: Path) -> None:
    written(path)
    unchained(path)
    before = path.read_bytes()
    with Journal.open(path) as journal:
        journal.note("new")
        journal.note("newer")
    first = decode(path.read_bytes().splitlines()[-2])
    assert first.prev == sha256(before).hexdigest()
    assert examine(path).faults == ()
    path.write_bytes(path.read_bytes().replace(b"note 1", b"note 7"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], forged(lines[2]), *lines[3:]]))
    with pytest.raises(InputError, match="altered"):
        Journal.open(path)


def test_the_head_at_an_event_stays_what_it_was_when_more_is_written(path: Path) -> None:
    with Journal.create(path, run_info()) as journal:
        journal.note("one")
        head = journal.head
        assert journal.head_at("note") == head
        assert journal.head_at("plan") == head
        journal.heartbeat()
        assert journal.head_at("note") == head != journal.head


def test_the_latest_word_on_a_file_and_a_subject_stands(path: Path) -> None:
    with Journal.create(path, run_info()) as journal:
        journal.append("evidence", {"about": "predictions", "files": {"a.jsonl": "1", "b.jsonl": "2"}}, "e01")
        journal.append("evidence", {"about": "predictions", "files": {"a.jsonl": "3"}}, "e01")
        journal.append("evidence", {"about": "code", "digest": "x", "parts": {}})
        journal.append("evidence", {"about": "code", "digest": "y", "parts": {}})
        journal.note("gone on", accepted_changes=["code: changed"])
        assert files_on_record(journal) == {"a.jsonl": "3", "b.jsonl": "2"}
        assert subjects_on_record(journal)["code"]["digest"] == "y"
        assert accepted_changes(journal) == ("code: changed",)
