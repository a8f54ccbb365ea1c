"""Runs that cannot start or go on end in one line, nothing is lost, and nothing is cut in silence."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest

import graph.nodes
from graph import session as sessions
from graph.doors.seat import open_seat
from graph.run import resume, run
from memory.journal.log import BASE, Journal
from tasks.errors import ExperimentFailed, HarnessFault, InputError, MachineFault
from tests.support.small_run import make_task_and_model, run_settings
from tools.evaluation.evaluate import read_items


@pytest.fixture
def task_and_model(tmp_path):
    return make_task_and_model(tmp_path / "made")


def journal_of(runs_dir: Path) -> Journal:
    (path,) = runs_dir.glob("*/journal.jsonl")
    return Journal.open(path, write=False)


def write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_pool_without_a_usable_source_is_refused_before_the_base_is_scored(task_and_model, tmp_path):
    task, _ = task_and_model
    shutil.rmtree(task / "train")
    (task / "train").mkdir()
    write_lines(task / "train" / "notes.jsonl", [{"remark": f"a word about {n}"} for n in range(60)])
    with pytest.raises(InputError, match=r"no row can be trained on \(notes.jsonl: text alone"):
        run(run_settings(task_and_model, tmp_path / "runs"))
    assert not list(tmp_path.glob("runs/*")), "nothing was begun"


@pytest.mark.parametrize("begin", [run, open_seat])
def test_a_run_whose_sources_all_prove_unusable_leaves_no_folder(task_and_model, tmp_path, begin):
    task, _ = task_and_model
    rows = rows_of(next((task / "train").glob("*.jsonl")))[:3]
    shutil.rmtree(task / "train")
    (task / "train").mkdir()
    write_lines(task / "train" / "thrice.jsonl", rows * 20)
    with pytest.raises(InputError, match=r"no source of training rows can be used \(thrice: too few"):
        begin(run_settings(task_and_model, tmp_path / "runs"))
    assert not list(tmp_path.glob("runs/*")), "nothing was begun"


def test_a_run_that_is_refused_while_it_is_opened_leaves_no_folder(task_and_model, tmp_path, monkeypatch):
    def refuse(*given: object) -> None:
        raise InputError("what it rests on", "is not there", "bring it")

    monkeypatch.setattr(sessions, "record_foundations", refuse)
    with pytest.raises(InputError, match="bring it"):
        run(run_settings(task_and_model, tmp_path / "runs"))
    assert not list(tmp_path.glob("runs/*"))


def test_a_source_that_is_not_used_is_named_with_its_reason(task_and_model, tmp_path):
    task, _ = task_and_model
    write_lines(task / "train" / "remarks.jsonl", [{"remark": f"a word about {n}"} for n in range(60)])
    told: list[dict] = []
    summary = run(run_settings(task_and_model, tmp_path / "runs"), told.append)
    said = "remarks is not used: none of its rows can be used"
    assert said in [event["data"]["text"] for event in told if event["kind"] == "note"]
    assert said in journal_of(tmp_path / "runs").notes
    assert said in Path(str(summary["report"])).read_text(encoding="utf-8")


def test_lengths_are_said_kept_and_held(task_and_model, tmp_path):
    task, _ = task_and_model
    validation = task / "validation.jsonl"
    rows = rows_of(validation)
    column = next(name for name, value in rows[0].items() if isinstance(value, str) and len(value) > 20)
    for row in rows[:6]:  # some of them are search items, some are kept apart
        row[column] += " and so on" * 60
    write_lines(validation, rows)
    told: list[dict] = []
    run(run_settings(task_and_model, tmp_path / "runs", max_length=80, max_new_tokens=48), told.append)
    journal = journal_of(tmp_path / "runs")
    lengths = journal.lengths
    assert lengths is not None and (lengths.max_length, lengths.max_new_tokens) == (80, 48)
    assert lengths.unanswerable == 6 and 0 < lengths.long_rows < lengths.rows
    said = next(note for note in journal.notes if note.startswith("rows up to 80 tokens"))
    assert f"all but {lengths.long_rows:,} of {lengths.rows:,}" in said and "answers up to 48" in said
    assert said in [event["data"]["text"] for event in told if event["kind"] == "note"]
    base = journal.evaluation(BASE)
    assert base is not None
    items = read_items(journal.path.parent / base.predictions)
    unasked = [item for item in items if item["error"] == "prompt_too_long"]
    assert 0 < len(unasked) < 6
    assert all(item["prediction"] == "" and not item["right"] for item in unasked)
    # The random model talks on and on: that has a name of its own.
    assert any(cluster.name.startswith("cut_at_budget") for cluster in base.clusters)
    card, plan = journal.card("e01"), journal.training_plan("e01")
    assert card is not None and plan is not None and plan.max_length == 80
    step = next(step for step in card.steps if step.op == "filter length")
    assert f"{step.rows_in - step.rows_out:,} longer than 80 tokens" in step.note


def test_a_budget_that_leaves_no_prompt_any_room_is_refused_up_front(task_and_model, tmp_path):
    with pytest.raises(InputError, match="no prompt fits"):
        run(run_settings(task_and_model, tmp_path / "runs", max_new_tokens=250))
    assert not list((tmp_path / "runs").glob("*/journal.jsonl"))  # nothing was measured: nothing is left


def test_a_model_without_positions_is_trained_like_any_other(task_and_model, tmp_path, monkeypatch):
    from graph import session

    resolve = session.resolve_base_model
    monkeypatch.setattr(
        session, "resolve_base_model", lambda *asked: resolve(*asked).model_copy(update={"max_positions": 0})
    )
    run(run_settings(task_and_model, tmp_path / "runs"))
    journal = journal_of(tmp_path / "runs")
    assert journal.lengths is not None and journal.lengths.max_length == 512
    assert journal.evaluation("e01") is not None


def test_a_full_disk_at_the_export_is_one_line_and_the_run_goes_on_later(
    task_and_model, tmp_path, monkeypatch
):
    full = shutil.Error([("a", "b", f"[Errno {errno.ENOSPC}] No space left on device: 'champion'")])

    def no_room(*given: object) -> Path:
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(graph.nodes, "export_champion", no_room)
        told = (
            r"exporting the champion: the disk of .* was full: .* needed; nothing .* is lost.*ftdojo resume"
        )
        with pytest.raises(MachineFault, match=told) as caught:
            run(run_settings(task_and_model, tmp_path / "runs"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    run_dir = journal_of(tmp_path / "runs").path.parent
    assert (run_dir / "report.html").exists()
    summary = resume(run_dir)
    assert summary["test_reads"] == 1 and (run_dir / "summary.json").exists()


def test_a_base_model_that_cannot_be_scored_is_refused_in_one_line(task_and_model, tmp_path):
    _, model = task_and_model
    weights = model / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError) as caught:
        run(run_settings(task_and_model, tmp_path / "runs"))
    assert "Traceback" not in str(caught.value) and len(str(caught.value)) < 900


def test_a_tokenizer_that_cannot_be_read_is_refused_in_one_line(task_and_model, tmp_path):
    _, model = task_and_model
    (model / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="tokenizer"):
        run(run_settings(task_and_model, tmp_path / "runs"))


def test_where_nothing_can_be_planned_the_run_still_ends_in_a_report(task_and_model, tmp_path, monkeypatch):
    from roles import playbook

    def nothing(*given: object) -> None:
        raise ExperimentFailed("plan", "empty_data", "no source can be used")

    monkeypatch.setattr(playbook, "plan", nothing)
    summary = run(run_settings(task_and_model, tmp_path / "runs"))
    assert summary["outcome"] == "stuck" and "no source can be used" in str(summary["reason"])
    assert Path(str(summary["report"])).exists()


def test_a_bug_in_a_role_is_one_line_with_its_traceback_on_the_disk(task_and_model, tmp_path, monkeypatch):
    from roles import playbook

    def broken(*given: object) -> None:
        raise RuntimeError("already borrowed")

    monkeypatch.setattr(playbook, "draft_training", broken)
    with pytest.raises(HarnessFault, match="RuntimeError: already borrowed"):
        run(run_settings(task_and_model, tmp_path / "runs"))
    run_dir = journal_of(tmp_path / "runs").path.parent
    assert "already borrowed" in (run_dir / "fault.log").read_text()
    assert (run_dir / "report.html").exists(), "the base model's scores are there to be read"


@pytest.mark.parametrize(
    ("file", "change"),
    [("validation.jsonl", ("answer", "987654")), ("task.toml", None), ("train", ("answer", "987654"))],
)
def test_a_run_does_not_go_on_with_other_rows_or_another_metric(task_and_model, tmp_path, file, change):
    task, _ = task_and_model
    session = sessions.start(run_settings(task_and_model, tmp_path / "runs"))
    run_dir = session.dojo.workspace.run_dir
    session.close()
    if change is None:
        text = (task / file).read_text(encoding="utf-8")
        (task / file).write_text(text.replace('"number"', '"exact_match"'), encoding="utf-8")
        assert text != (task / file).read_text(encoding="utf-8")
    else:
        path = task / file if file.endswith("l") else next((task / file).glob("*.jsonl"))
        rows = rows_of(path)
        rows[0][change[0]] = change[1]
        write_lines(path, rows)
    with pytest.raises(InputError, match=r"is not as it was when it stopped: .* has changed"):
        sessions.reopen(run_dir)
