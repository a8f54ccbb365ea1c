"""The heartbeat: clocks on the disk between two events of the journal, so that a kill gives no time back."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from memory.budget.clocks import Ledger
from memory.budget.heartbeat import FILE, Heartbeat, last_beat
from memory.journal.log import Journal
from tests.support.run_records import run_info


class Time:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_ledger_goes_on_from_the_last_beat_where_that_is_later_than_the_journal(tmp_path: Path) -> None:
    time = Time()
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        ledger = Ledger.attach(journal, now=time)
        time.seconds += 10
        journal.note("ten seconds in")
        heartbeat = Heartbeat(tmp_path, ledger.snapshot, every_seconds=1e6).start()
        with ledger.measure("train"):
            time.seconds += 3600  # killed in a training of an hour: no event in between
            heartbeat._write()
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        assert journal.clocks["elapsed"] == 10
        again = Ledger.attach(journal, now=time)
        assert again.elapsed_seconds == 3610
        assert again.spent()["train"] == 3600
        assert again.goes_on


def test_a_beat_that_lags_or_was_altered_gives_no_time_back(tmp_path: Path) -> None:
    time = Time()
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        Ledger.attach(journal, now=time)
        time.seconds += 50
        journal.note("fifty seconds in")
        for forged in (b"", b'{"elapsed": 1.0}', b'{"elapsed": -9', b'{"elapsed": NaN}', b"[1]", b"\xff"):
            (tmp_path / FILE).write_bytes(forged)
            assert Ledger.attach(journal, now=time).elapsed_seconds == 50


def test_what_the_command_did_before_the_run_was_open_is_spent(tmp_path: Path) -> None:
    time = Time()
    with Journal.create(tmp_path / "journal.jsonl", run_info()) as journal:
        ledger = Ledger.attach(journal, now=time, began=time.seconds - 7)
        assert ledger.elapsed_seconds == 7
        assert not ledger.goes_on


def test_it_beats_until_it_is_closed_and_once_more_then(tmp_path: Path) -> None:
    beats = threading.Semaphore(0)
    totals = {"elapsed": 1.0}

    def told() -> dict[str, float]:
        beats.release()
        return totals

    heartbeat = Heartbeat(tmp_path, told, every_seconds=0.001).start()
    assert all(beats.acquire(timeout=30) for _ in range(3))
    totals = {"elapsed": 2.0}
    heartbeat.close()
    heartbeat.close()
    assert last_beat(tmp_path) == {"elapsed": 2.0}


def test_a_beat_is_written_over_in_place_so_that_a_full_disk_has_room_for_it(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path, lambda: {"elapsed": 12345.678}, every_seconds=1e6)
    heartbeat._write()
    before = (tmp_path / FILE).stat()
    heartbeat._totals = lambda: {"elapsed": 2.0}
    heartbeat._write()
    after = (tmp_path / FILE).stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert last_beat(tmp_path) == {"elapsed": 2.0}


def test_a_disk_that_cannot_be_written_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    Heartbeat(tmp_path, lambda: {"elapsed": 1.0}).start().close()
    assert last_beat(tmp_path) == {}


@pytest.mark.parametrize("before", [{}, {"elapsed": 3.0, "train": 1.0}])
def test_of_a_run_that_is_refused_no_time_is_spent(tmp_path: Path, before: dict[str, float]) -> None:
    if before:
        Heartbeat(tmp_path, lambda: before).start().close()
    heartbeat = Heartbeat(tmp_path, lambda: {"elapsed": 9.0}).start()
    assert last_beat(tmp_path) == {"elapsed": 9.0}
    heartbeat.withdraw()
    heartbeat.close()
    assert last_beat(tmp_path) == before
