"""Past journals are read once, foreign ones set aside, and an experiment is described by what was known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import orjson
import pytest

from memory.forecast import past as reading
from memory.forecast.features import planned
from memory.forecast.past import experiments_of, read_past
from memory.journal.log import Journal
from memory.records import Outcome, TrainingPlan
from tests.support.run_records import card, comparison, evaluation, plan, run_info, training


def write_run(folder: Path, scores: list[float], **info: Any) -> Path:
    """A run of experiments from the base, each with data and a training."""
    path = folder / "journal.jsonl"
    with Journal.create(path, run_info(run=folder.name, data_digest="d" * 64, **info)) as journal:
        journal.append("evaluation", evaluation(20.0), "base")
        for number, score in enumerate(scores, start=1):
            id, outcome = f"e{number:02d}", "kept" if score > 20.0 else "discarded"
            journal.append("plan", plan(id), id)
            journal.append("card", card(), id)
            journal.append("training_plan", TrainingPlan(), id)
            journal.append("training", training(), id)
            journal.append("evaluation", evaluation(score), id)
            journal.append("comparison", comparison(id, "base", score - 20.0), id)
            kept: Outcome = "kept" if outcome == "kept" else "discarded"
            journal.finish(id, kept)
    return path


def test_gains_are_over_the_weights_that_training_began_from(tmp_path: Path) -> None:
    write_run(tmp_path / "one", [35.0, 18.0])
    found = read_past(tmp_path, None)
    assert [(e.run, e.experiment, e.gain) for e in found.experiments] == [
        ("one", "e01", 15.0),
        ("one", "e02", -2.0),
    ]
    assert (found.experiments[1].low, found.experiments[1].high) == (-6.0, 2.0)  # of the paired test
    assert (found.runs, found.set_aside, len(found.scored)) == (1, 0, 2)


def test_foreign_and_broken_journals_are_set_aside_and_counted(tmp_path: Path) -> None:
    write_run(tmp_path / "good", [30.0])
    whole = write_run(tmp_path / "torn", [30.0]).read_bytes()
    lines = whole.split(b"\n")
    (tmp_path / "torn" / "journal.jsonl").write_bytes(b"\n".join([lines[0], b"{altered}", *lines[2:]]))
    for name, content in {"foreign": b'{"a": 1}\n', "empty": b"", "binary": b"\xff\xfe\x00"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal.jsonl").write_bytes(content)
    (tmp_path / "no-run").mkdir()
    found = read_past(tmp_path, tmp_path / "cache.json")
    assert (found.runs, found.set_aside) == (1, 4)
    assert read_past(tmp_path, tmp_path / "cache.json").set_aside == 4


def test_a_journal_that_did_not_change_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "memory" / "forecast.json"
    path = write_run(tmp_path / "one", [30.0])
    first = read_past(tmp_path, cache)
    opened: list[Path] = []
    real = reading._read
    monkeypatch.setattr(reading, "_read", lambda path: (opened.append(path), real(path))[1])
    again = read_past(tmp_path, cache)
    assert not opened
    assert orjson.dumps([e.planned for e in again.experiments]) == orjson.dumps(
        [e.planned for e in first.experiments]
    )
    assert again.experiments[0].setup == first.experiments[0].setup
    assert math.isnan(again.experiments[0].planned["parameters"])
    with Journal.open(path) as journal:
        journal.append("plan", plan("e02"), "e02")
        journal.finish("e02", "failed")
    assert len(read_past(tmp_path, cache).experiments) == 2
    assert opened == [path]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 1}', b'{"journals": 3}', b"\xff"])
def test_a_cache_is_safe_to_lose(tmp_path: Path, content: bytes) -> None:
    write_run(tmp_path / "one", [30.0])
    cache = tmp_path / "cache.json"
    cache.write_bytes(content)
    assert len(read_past(tmp_path, cache).experiments) == 1
    cache.unlink()
    cache.mkdir()  # cannot be written
    assert len(read_past(tmp_path, cache).experiments) == 1


def test_the_newest_are_read_first_and_the_rest_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_ANEW", 2)
    for number in range(3):
        write_run(tmp_path / f"run{number}", [30.0])
    cache = tmp_path / "cache.json"
    assert [read_past(tmp_path, cache).waiting for _ in range(2)] == [1, 0]
    assert read_past(tmp_path, cache).runs == 3


def test_the_run_at_hand_is_left_out_and_a_fork_counts_once(tmp_path: Path) -> None:
    path = write_run(tmp_path / "one", [30.0, 40.0])
    (tmp_path / "one-fork-1").mkdir()
    (tmp_path / "one-fork-1" / "journal.jsonl").write_bytes(path.read_bytes())
    assert len(read_past(tmp_path, None).experiments) == 2
    write_run(tmp_path / "two", [50.0])
    assert {e.run for e in read_past(tmp_path, None, without="two").experiments} == {"one"}


def test_features_know_nothing_of_what_comes_after(tmp_path: Path) -> None:
    short = Journal.open(write_run(tmp_path / "short", [35.0]), write=False)
    long = Journal.open(write_run(tmp_path / "long", [35.0, 90.0, 12.0]), write=False)
    one, other = experiments_of(short)[0], experiments_of(long)[0]
    assert orjson.dumps(one.planned) == orjson.dumps(other.planned)
    assert orjson.dumps(one.drafted) == orjson.dumps(other.drafted)


def test_a_plan_is_described_as_its_experiment_will_be(tmp_path: Path) -> None:
    journal = Journal.open(write_run(tmp_path / "one", [35.0, 22.0]), write=False)
    done, base = journal.experiments(), journal.base_evaluation
    assert base is not None
    before = planned(journal.info, base, done[:1], done[1].plan)
    assert orjson.dumps(before) == orjson.dumps(experiments_of(journal)[1].planned)
    assert before["left to gain"] == 80.0 and before["best gain"] == 15.0


def test_no_more_is_kept_than_is_learned_from_and_what_newer_runs_hid_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "NEWEST", 3)
    for name in ("a-old", "b-new"):
        write_run(tmp_path / name, [30.0, 31.0])
    cache = tmp_path / "cache.json"
    for _ in range(2):
        found = read_past(tmp_path, cache).experiments
        assert [(e.run, e.experiment) for e in found] == [
            ("a-old", "e02"),
            ("b-new", "e01"),
            ("b-new", "e02"),
        ]
    kept = orjson.loads(cache.read_bytes())["journals"]
    assert [len(kept[name]["experiments"]) for name in ("a-old", "b-new")] == [1, 2]
    (tmp_path / "b-new" / "journal.jsonl").unlink()
    found = read_past(tmp_path, cache).experiments
    assert [(e.run, e.experiment) for e in found] == [("a-old", "e01"), ("a-old", "e02")]
