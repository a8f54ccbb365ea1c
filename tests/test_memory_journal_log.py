"""The journal keeps every acknowledged record, whatever happens to the process or the disk."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memory.journal.events import decode, encode, read_log
from memory.journal.log import Journal
from tasks.errors import HarnessFault, InputError
from tests.support.run_records import evaluation, plan, run_info, training, write_experiment

ROOT = Path(__file__).parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.jsonl"


def started(path: Path) -> Journal:
    return Journal.create(path, run_info())


# ---- appending


def test_a_stage_is_recorded_once_and_the_first_record_stands(path: Path) -> None:
    with started(path) as journal:
        assert journal.append("plan", plan("e01"), "e01")
        assert not journal.append("plan", plan("e01", parent="e00"), "e01")
        assert journal.append("plan", plan("e02"), "e02")
    with Journal.open(path) as journal:
        assert not journal.append("plan", plan("e01", parent="e00"), "e01")
        assert journal.plan("e01") == plan("e01")
        assert [event.kind for event in journal.events] == ["run_started", "plan", "plan"]


def test_run_events_happen_once_and_notes_repeat(path: Path) -> None:
    with started(path) as journal:
        assert journal.append("test_opened", {"digest": "0"})
        assert not journal.append("test_opened", {"digest": "0"})
        journal.note("slow disk")
        journal.note("slow disk", seconds=3.0)
        assert journal.notes == ("slow disk", "slow disk")
        assert journal.test_reads == 1


def test_decisions_name_their_experiment_or_none_and_ticks_never_do(path: Path) -> None:
    with started(path) as journal:
        for kind in ("decision", "usage", "approval", "note"):
            assert journal.append(kind, {"text": "said"}, "e01")
            assert journal.append(kind, {"text": "said"})
        for kind, experiment in (("heartbeat", "e01"), ("run_ended", "e01"), ("plan", None)):
            with pytest.raises(ValueError, match="is not an event of the journal"):
                journal.append(kind, {}, experiment)
    assert Journal.open(path, write=False).next_experiment_id() == "e01"


def test_a_second_read_of_the_test_is_counted(path: Path) -> None:
    with started(path) as journal:
        journal.append("test_opened", {})
        journal.append("test_reopened", {})
        assert journal.test_reads == 2


@pytest.mark.parametrize(("kind", "experiment"), [("plan", None), ("test_opened", "e01"), ("gossip", None)])
def test_an_event_in_the_wrong_place_is_a_bug(path: Path, kind: str, experiment: str | None) -> None:
    with started(path) as journal:
        with pytest.raises(ValueError, match="not an event"):
            journal.append(kind, {}, experiment)  # type: ignore[arg-type]
        assert len(journal.events) == 1


def test_odd_numbers_and_odd_text_come_back(path: Path) -> None:
    trained = training(losses=((1, float("nan")), (2, float("inf"))))
    with started(path) as journal:
        journal.append("training", trained, "e01")
        journal.note("答案\u2028B \ud83d")
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        json.loads(line, parse_constant=pytest.fail)
    with Journal.open(path) as journal:
        read = journal.training("e01")
        assert read is not None
        assert read.losses[0][1] != read.losses[0][1]
        assert read.losses[1] == (2, float("inf"))
        assert journal.notes == ("答案\u2028B ?",)


def test_data_that_is_not_json_leaves_the_journal_as_it_was(path: Path) -> None:
    with started(path) as journal:
        with pytest.raises(TypeError):
            journal.append("note", {"path": path})
        journal.note("still fine")
    assert [event.seq for event in read_log(path).events] == [0, 1]


# ---- damage


def test_a_torn_last_record_is_set_aside_and_said_so(path: Path) -> None:
    with started(path) as journal:
        journal.append("plan", plan("e01"), "e01")
        journal.append("evaluation", evaluation(30.0), "e01")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    torn = whole[:-40].split(b"\n")[-1]
    with Journal.open(path) as journal:
        assert journal.recovered is not None
        assert journal.notes == (journal.recovered,)
        assert journal.plan("e01") is not None
        assert journal.evaluation("e01") is None
        assert journal.append("evaluation", evaluation(31.0), "e01")
    assert path.with_suffix(".torn").read_bytes() == torn + b"\n"
    with Journal.open(path) as journal:
        assert journal.recovered is None
        assert journal.unfinished() == "e01"


def test_an_altered_last_record_is_set_aside(path: Path) -> None:
    with started(path) as journal:
        journal.append("evaluation", evaluation(30.0), "e01")
    path.write_bytes(path.read_bytes().replace(b'"value":30.0', b'"value":90.0'))
    with Journal.open(path) as journal:
        assert journal.evaluation("e01") is None
        assert b'"value":90.0' in path.with_suffix(".torn").read_bytes()


def test_a_reader_leaves_a_torn_record_where_it_is(path: Path) -> None:
    with started(path) as journal:
        journal.note("first")
    content = path.read_bytes()[:-5]
    path.write_bytes(content)
    reader = Journal.open(path, write=False)
    assert reader.recovered is not None
    assert reader.notes == ()
    assert path.read_bytes() == content
    with pytest.raises(HarnessFault, match="reading only"):
        reader.note("no")


def test_only_the_newline_missing_loses_nothing(path: Path) -> None:
    with started(path) as journal:
        journal.note("first")
    path.write_bytes(path.read_bytes()[:-1])
    with Journal.open(path) as journal:
        assert journal.recovered is None
        journal.note("second")
    assert Journal.open(path, write=False).notes == ("first", "second")


@pytest.mark.parametrize("damage", ["altered", "missing", "garbage"])
def test_a_bad_line_in_the_middle_is_refused_by_name(path: Path, damage: str) -> None:
    with started(path) as journal:
        for number in range(4):
            journal.note(f"note {number}")
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "altered":
        lines[2] = lines[2].replace(b"note 1", b"note 7")
    elif damage == "missing":
        del lines[2]
    else:
        lines[2] = b"\xff\x00\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r"journal\.jsonl:3: "):
        Journal.open(path)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("content", [b"", b"hello\n", b'{"a": 1}\n', b'{"a": 1}\n{"b": 2}\n', b"\x00" * 64])
def test_a_foreign_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError):
        Journal.open(path)
    assert path.read_bytes() == content
    assert not path.with_suffix(".torn").exists()


def test_a_journal_that_starts_with_another_event_is_foreign(path: Path) -> None:
    with started(path) as journal:
        journal.note("x")
    note = read_log(path).events[1]
    path.write_bytes(encode(type(note)(0, note.time, "note", None, note.data)))
    with pytest.raises(InputError, match="not the journal of an FT-Dojo run"):
        Journal.open(path)


def test_a_missing_journal_is_one_clear_line(path: Path) -> None:
    with pytest.raises(InputError, match="there is no journal"):
        Journal.open(path)
    assert not path.parent.exists()


def test_a_run_is_not_started_over_another(path: Path) -> None:
    started(path).close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="holds a run already"):
        started(path)
    assert path.read_bytes() == before


def test_an_unwritable_folder_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Journal.create(tmp_path / "file" / "run" / "journal.jsonl", run_info())


# ---- a full disk


def test_a_disk_that_takes_half_a_record_leaves_no_half(path: Path) -> None:
    with started(path) as journal:
        journal.note("before")
        size = path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))  # the system itself cuts the write
        try:
            with pytest.raises(HarnessFault, match="everything recorded before is safe"):
                journal.append("plan", plan("e01"), "e01")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.stat().st_size == size
        assert journal.plan("e01") is None
        assert journal.append("plan", plan("e01"), "e01")
    with Journal.open(path) as journal:
        assert journal.recovered is None
        assert journal.notes == ("before",)
        assert journal.plan("e01") == plan("e01")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "No space left on device.*: free some space and resume"),
        (errno.EROFS, "Read-only file system.* is safe: (?!free some space).* and resume"),
    ],
)
def test_a_disk_that_refuses_late_leaves_no_record(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    with started(path) as journal:
        journal.note("before")
        size = path.stat().st_size
        real = os.fsync

        def full_once(fd: int) -> None:
            monkeypatch.setattr("memory.journal.durable.os.fsync", real)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("memory.journal.durable.os.fsync", full_once)
        with pytest.raises(HarnessFault, match=told):
            journal.note("lost")
        assert path.stat().st_size == size
    assert Journal.open(path, write=False).notes == ("before",)


def test_an_interrupt_while_writing_leaves_no_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(path) as journal:
        real = os.fsync

        def interrupted(fd: int) -> None:
            monkeypatch.setattr("memory.journal.durable.os.fsync", real)
            raise KeyboardInterrupt

        monkeypatch.setattr("memory.journal.durable.os.fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.note("cut")
        journal.note("after")
    assert Journal.open(path, write=False).notes == ("after",)


# ---- processes

WRITER = """
import sys
from pathlib import Path
from memory.journal.log import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    for number in range(200):
        journal.note(f"record {number}", padding="x" * 2000)
        print(number, flush=True)
"""


def writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("acknowledged", [1, 60, 140])
def test_a_killed_writer_loses_no_acknowledged_record(path: Path, acknowledged: int) -> None:
    started(path).close()
    with writer(path) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        seen += [int(line) for line in process.stdout]
    assert process.returncode == -signal.SIGKILL
    with Journal.open(path) as journal:
        kept = [event.data["text"] for event in journal.events if "padding" in event.data]
    assert len(kept) in (len(seen), len(seen) + 1)
    assert kept == [f"record {number}" for number in range(len(kept))]


def test_a_second_writer_is_refused_and_a_reader_is_not(path: Path) -> None:
    started(path).close()
    with writer(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(InputError, match="is being written by another process"):
            Journal.open(path)
        assert Journal.open(path, write=False).notes
        process.kill()
    with Journal.open(path) as journal, pytest.raises(InputError, match="is being written"):
        journal.open(path)


# ---- what is derived


def test_champion_lineage_and_counts_are_derived(path: Path) -> None:
    with started(path) as journal:
        journal.append("evaluation", evaluation(20.0), "base")
        assert journal.champion_id() == "base"
        assert journal.next_experiment_id() == "e01"
        write_experiment(journal, "e01", "kept", 30.0)
        write_experiment(journal, "e02", "discarded", 28.0, parent="e01")
        write_experiment(journal, "e03", "kept", 45.0, parent="e01")
        write_experiment(journal, "e04", "failed", 0.0, parent="e03")
        journal.append("plan", plan("e05", parent="e03"), "e05")
    journal = Journal.open(path, write=False)
    assert journal.info == run_info()
    assert journal.base_evaluation == evaluation(20.0)
    assert journal.incumbent_id() == "e03"
    assert journal.champion_id() == "base", "nothing is claimed before it is chosen"
    assert journal.lineage("e05") == ("e01", "e03", "e05")
    assert journal.lineage("base") == ()
    assert journal.counts() == {"kept": 2, "discarded": 1, "failed": 1}
    assert [(item.id, item.number, item.outcome) for item in journal.experiments()] == [
        ("e01", 1, "kept"),
        ("e02", 2, "discarded"),
        ("e03", 3, "kept"),
        ("e04", 4, "failed"),
    ]
    assert journal.unfinished() == "e05"
    assert journal.next_experiment_id() == "e05"
    assert journal.ended is None


def test_only_a_harness_fault_can_be_gone_on_from(path: Path) -> None:
    with started(path) as journal:
        journal.append("run_ended", {"outcome": "harness_fault"})
        assert journal.ended == {"outcome": "harness_fault"}
        journal.append("plan", plan("e01"), "e01")
        assert journal.ended is None
        assert journal.append("run_ended", {"outcome": "solved"})
        assert not journal.append("run_ended", {"outcome": "stuck"})
        journal.heartbeat()
        assert journal.ended == {"outcome": "solved"}


def test_every_line_carries_its_own_proof(path: Path) -> None:
    with started(path) as journal:
        journal.append("plan", plan("e01"), "e01")
    for line in path.read_bytes().splitlines():
        event = decode(line)
        assert encode(event) == line + b"\n"
        changed = bytearray(line)
        changed[len(line) // 2] ^= 1
        with pytest.raises(ValueError, match=r".+"):
            decode(bytes(changed))
