"""The log of a run, watching it from outside, and the bundle for a bug report."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path

import pytest

from graph.cli.bug_report import skeleton, write_bundle
from graph.cli.printable import terminal
from graph.cli.watch import watch_run
from graph.run_log import LOG_FILE, LOGGER, log, show_log
from graph.session import SETTINGS_FILE
from graph.settings import make_settings
from graph.step import FAULT_FILE
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.run_records import evaluation, run_info, write_experiment

KEY = "sk-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z"
ROW = "what my patient told me on Tuesday"


def lines(run_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (run_dir / LOG_FILE).read_text(encoding="utf-8").splitlines()]


def test_a_line_names_run_experiment_and_what_happened(tmp_path: Path) -> None:
    facts = {"rows": 24, "text": "no", "items": [ROW], "long": "x" * 101, "method": "lora", "run": "forged"}
    log(tmp_path / "r1", "stage", "e01", "training\n e01", facts)
    (tmp_path / "r1").mkdir()
    log(tmp_path / "r1", "stage", "e01", "training\n e01", facts)
    (told,) = lines(tmp_path / "r1")
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "info",
        "run": "r1",
        "experiment": "e01",
        "event": "stage",
        "text": "training e01",
        "rows": 24,
        "method": "lora",
    }


def test_a_line_holds_no_key_and_stays_one_line(tmp_path: Path) -> None:
    log(tmp_path, "step_failed", None, f"401: {KEY}\u2028" + "x" * 900, {"name": KEY}, logging.ERROR)
    content = (tmp_path / LOG_FILE).read_text(encoding="utf-8")
    assert KEY not in content and content.count("\n") == 1 and len(content) < 900
    assert (tmp_path / LOG_FILE).stat().st_mode & 0o777 == 0o600


def test_the_same_lines_go_to_the_logger(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    before = LOGGER.handlers[:]
    try:
        show_log()
        log(tmp_path, "progress", "e01", facts={"step": 3})
    finally:
        LOGGER.handlers[:] = before
        LOGGER.setLevel(logging.NOTSET)
    assert json.loads(capsys.readouterr().err)["step"] == 3
    assert not (tmp_path / LOG_FILE).exists()  # progress has a file of its own


def made_run(folder: Path, ended: bool = True) -> Path:
    run_dir = folder / "r1"
    with Journal.create(run_dir / "journal.jsonl", run_info(run="r1")) as journal:
        journal.append("evaluation", evaluation(20.0), "base")
        journal.note(f"a row says: {ROW}", source="clinic-ward-7")
        write_experiment(journal, "e01", "kept", 55.0)
        if ended:
            journal.append("run_ended", {"outcome": "solved", "reason": ROW})
    settings = make_settings(task="/home/me/clinic", base_url="http://secret-host/v1", seed=7)
    (run_dir / SETTINGS_FILE).write_text(settings.model_dump_json())
    return run_dir


def test_a_run_is_followed_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run_dir, waits = made_run(tmp_path, ended=False), []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        with Journal.open(run_dir / "journal.jsonl") as journal:
            journal.append("run_ended", {"outcome": "solved", "reason": "enough"})

    watch_run(terminal(), None, tmp_path, sleep)
    out = capsys.readouterr().out.splitlines()
    assert len(waits) == 1
    assert out[0].startswith("[") and "run r1" in out[0]
    assert [line for line in out if " e01 " in line and "kept" in line]
    assert "run ended: solved" in out[-1]
    with pytest.raises(InputError, match="there is no run in"):
        watch_run(terminal(), None, tmp_path / "none", sleep)


def test_a_watcher_sees_the_training_that_is_under_way(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run_dir = made_run(tmp_path, ended=False)
    with Journal.open(run_dir / "journal.jsonl") as journal:
        plan = journal.plan("e01")
        assert plan is not None
        journal.append("plan", plan.model_copy(update={"experiment": "e02"}), "e02")
    (run_dir / "experiments" / "e02").mkdir(parents=True)
    shown = '{"step": 5, "steps": 10, "loss": 1.25}\n{"step": 9, "st'
    (run_dir / "experiments" / "e02" / "progress.jsonl").write_text(shown)
    rounds = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        (run_dir / "experiments" / "e02" / "progress.jsonl").write_text(shown.splitlines()[0] + "\n")
        if len(rounds) == 2:
            with Journal.open(run_dir / "journal.jsonl") as journal:
                journal.append("run_ended", {"outcome": "stuck", "reason": "x"})

    watch_run(terminal(), "r1", tmp_path, sleep)
    assert "step 5/10 loss 1.250" in capsys.readouterr().out


def test_a_bundle_holds_figures_and_no_word_of_anybody(tmp_path: Path) -> None:
    run_dir = made_run(tmp_path)
    log(run_dir, "step_failed", "e01", ROW, {"step": "train", "seconds": 1.5, "name": "clinic-ward-7"})
    (run_dir / FAULT_FILE).write_text(
        'Traceback (most recent call last):\n  File "/home/me/x/tools/dojo.py", line 3, in evaluate\n'
        f"    raise ValueError({ROW!r})\nValueError: {ROW}\n{KEY}\n"
    )
    (run_dir / "experiments" / "e01").mkdir(parents=True)
    (run_dir / "experiments" / "e01" / "clinic-ward-7.jsonl").write_text(ROW)
    (run_dir / "clinic").mkdir()
    (run_dir / "clinic" / "x").write_text("12")
    bundle = write_bundle(run_dir, tmp_path / "bug.zip")
    with zipfile.ZipFile(bundle) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    whole = "\n".join(parts.values())
    for word in (ROW, "Tuesday", "clinic", "secret-host", "/home/me", KEY, str(tmp_path)):
        assert word not in whole, word
    journal = [json.loads(line) for line in parts["journal.jsonl"].splitlines()]
    assert [line["kind"] for line in journal][:2] == ["run_started", "evaluation"]
    assert journal[-1]["data"]["outcome"] == "solved"
    assert '"value": 55.0' in parts["journal.jsonl"]
    assert json.loads(parts["settings.json"])["seed"] == 7
    assert parts["fault.txt"].splitlines() == ["tools/dojo.py:3 evaluate", "ValueError"]
    assert json.loads(parts["log.jsonl"])["seconds"] == 1.5
    assert "experiments/e01: 1 files, 34 bytes" in parts["files.txt"]
    with pytest.raises(InputError, match="is there already"):
        write_bundle(run_dir, bundle)


@pytest.mark.parametrize("broken", ["journal.jsonl", SETTINGS_FILE, LOG_FILE, FAULT_FILE])
def test_a_bundle_is_made_of_a_run_that_is_broken(tmp_path: Path, broken: str) -> None:
    run_dir = made_run(tmp_path)
    (run_dir / broken).write_bytes(b"[" * 50_000 + b"\xff\n" + ROW.encode())
    with zipfile.ZipFile(write_bundle(run_dir, tmp_path / "bug.zip")) as file:
        assert all(ROW.encode() not in file.read(name) for name in file.namelist())


def test_words_of_this_program_stay_and_others_are_counted() -> None:
    given = {
        "outcome": "kept",
        "hypothesis": "mine",
        "time": "2026-01-31T10:15:02.114+00:00",
        "ward": 3,
        "p": [1],
    }
    assert skeleton(given) == {
        "outcome": "kept",
        "hypothesis": "<4 characters>",
        "time": "2026-01-31T10:15:02.114+00:00",
        "<others>": 2,
    }
