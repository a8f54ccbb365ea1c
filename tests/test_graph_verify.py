"""A run's claim outside its folder: signed, archived, gone on with; and what a forger can still do."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ftdojo
from graph.cli.app import app
from graph.run import resume
from graph.verify import Wish, archive_run, sign_run, verify
from memory.journal.evidence import accepted_changes
from memory.journal.log import Journal
from tasks.errors import InputError
from tests.support.forgery import Copied, copied, edit_rows, flip_byte, heads
from tests.support.small_run import make_task_and_model, run_arguments


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """(run, task, base) of a run that ended with its base."""
    folder = tmp_path_factory.mktemp("small")
    made = make_task_and_model(folder)
    return ftdojo.run(**run_arguments(made, folder / "runs")).run_dir, *made


@pytest.fixture
def run(world: tuple[Path, Path, Path], tmp_path: Path) -> Copied:
    return copied(*world, tmp_path)


def called(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["verify", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


# ---- the command


def test_the_exit_code_says_whether_something_differs(run: Copied) -> None:
    code, said = called(str(run.run_dir))
    assert (code, said.splitlines()[-1]) == (0, f"{run.run_dir.name}: nothing differs")
    assert "not checked: signature: the run is not signed" in said
    run.predictions("test", "base").write_text("")
    code, said = called(str(run.run_dir))
    assert code == 1
    assert "differs: experiments/base/test.jsonl: is not the file that the run wrote" in said
    code, said = called(str(run.run_dir), "--json")
    facts = json.loads(said)
    assert (code, facts["verified"], facts["head"]) == (1, False, heads(run.journal)[-1])
    with pytest.raises(InputError, match="not found"):
        called(str(run.run_dir.parent / "nothing"))


def test_a_run_without_chain_is_read_and_says_so(run: Copied) -> None:
    from dataclasses import replace

    from memory.journal.events import decode, encode

    events = [replace(decode(line), prev=None) for line in run.journal.read_bytes().splitlines()]
    run.journal.write_bytes(b"".join(map(encode, events)))
    assert Journal.open(run.journal, write=False).head == "no chain"
    code, said = called(str(run.run_dir))
    assert code == 1
    assert "differs: journal: no chain" in said


def test_a_kept_head_tells_a_journal_that_was_written_anew(run: Copied) -> None:
    kept = heads(run.journal)[-1]
    assert verify(run.run_dir, Wish(head=kept)).differences == ()

    def later(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            line["time"] = line["time"].replace("T", "T0", 1)[:29]

    run.rewrite(later)
    assert any("the one that was kept" in line for line in verify(run.run_dir, Wish(head=kept)).differences)


def test_test_items_are_answered_again(run: Copied) -> None:
    found = verify(run.run_dir, Wish(rerun=3))
    assert found.differences == ()
    assert "3 test items answered again by base" in {one.check: one.told for one in found.findings}["rerun"]


# ---- a signature


def key(folder: Path, name: str) -> Path:
    made = folder / name
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    return made


def test_a_signed_run_names_its_key_and_another_key_or_head_is_told(run: Copied, tmp_path: Path) -> None:
    mine, other = key(tmp_path, "mine"), key(tmp_path, "other")
    signature = run.run_dir / "signed.txt.sig"
    code, said = called(str(run.run_dir), "--sign", str(mine))
    assert (code, signature.is_file()) == (0, True), said
    assert "signature    by SHA256:" in called(str(run.run_dir))[1]
    assert called(str(run.run_dir), "--signer", f"{mine}.pub")[0] == 0
    code, said = called(str(run.run_dir), "--signer", f"{other}.pub")
    assert code == 1
    assert "which is not the key of other.pub" in said
    whole = signature.read_bytes()
    signature.write_bytes(whole.replace(b"A", b"B", 1))
    assert any("signed.txt.sig" in line for line in verify(run.run_dir, Wish()).differences)
    signature.write_bytes(whole)
    run.rewrite(lambda lines: lines[-1]["data"].update(more=1))
    assert any("is not of this run's journal" in line for line in verify(run.run_dir, Wish()).differences)


def test_a_run_that_differs_is_not_signed_and_a_missing_one_is_told(run: Copied, tmp_path: Path) -> None:
    mine = key(tmp_path, "mine")
    assert called(str(run.run_dir), "--signer", f"{mine}.pub")[0] == 1
    run.predictions("test", "base").unlink()
    assert called(str(run.run_dir), "--sign", str(mine))[0] == 1
    assert not (run.run_dir / "signed.txt.sig").exists()
    with pytest.raises(InputError, match="there is no such key"):
        sign_run(run.run_dir, tmp_path / "none")


# ---- an archive


def test_an_archive_verifies_where_nothing_of_the_first_machine_is_left(run: Copied, tmp_path: Path) -> None:
    file = tmp_path / "run.tar.gz"
    count = archive_run(run.run_dir, file)
    assert count > 10
    with pytest.raises(InputError, match="is there already"):
        archive_run(run.run_dir, file)
    shutil.rmtree(run.run_dir)
    shutil.rmtree(run.task)
    shutil.rmtree(run.base)
    assert verify(file, Wish()).differences == ()


def test_what_is_no_archive_of_a_run_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    file.write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no archive of a run"):
        verify(file, Wish())


# ---- what goes on after a break


def cut_before_the_end(run: Copied) -> None:
    """The run as a kill leaves it before its end: the journal up to the choice of a candidate."""
    texts = run.journal.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(run.lines()) if line["kind"] == "candidate_chosen")
    run.journal.write_bytes(b"".join(texts[:place]))
    for name in ("summary.json", "report.html", "checkpoints.sqlite"):
        (run.run_dir / name).unlink(missing_ok=True)


CHANGED: dict[str, tuple[Callable[[Copied], object], str]] = {
    "validation": (
        lambda run: edit_rows(run.task / "validation.jsonl", lambda rows: rows[1:]),
        "rows: validation",
    ),
    "test": (lambda run: edit_rows(run.task / "test.jsonl", lambda rows: rows[1:]), "rows: test"),
    "base": (lambda run: flip_byte(run.base / "model.safetensors"), "base: model.safetensors"),
    "tolerance": (
        lambda run: (run.task / "task.toml").write_text(
            (run.task / "task.toml").read_text().replace("tolerance = 0.0", "tolerance = 0.4")
        ),
        "task: file task.toml",
    ),
    "predictions": (
        lambda run: flip_byte(run.predictions("validation", "e01")),
        "experiments/e01/validation.jsonl",
    ),
    "weights": (
        lambda run: flip_byte(run.run_dir / "experiments" / "e01" / "model" / "model.safetensors"),
        "experiments/e01/model/model.safetensors",
    ),
    "data": (
        lambda run: edit_rows(run.run_dir / run.first("card")["data"]["path"], lambda rows: [*rows, rows[0]]),
        "data/",
    ),
}


@pytest.mark.parametrize("part", CHANGED)
def test_a_resume_names_what_changed_and_is_refused(run: Copied, part: str) -> None:
    change, told = CHANGED[part]
    cut_before_the_end(run)
    change(run)
    clocks = run.run_dir / "clocks.json"
    before = (run.journal.read_bytes(), clocks.read_bytes())
    with pytest.raises(InputError, match="is not as it was when it stopped") as refused:
        resume(run.run_dir)
    assert told in str(refused.value)
    assert "--accept-changes" in str(refused.value)
    assert (run.journal.read_bytes(), clocks.read_bytes()) == before  # what is refused spends no time


def test_accepted_changes_mark_the_run_for_ever(run: Copied) -> None:
    cut_before_the_end(run)
    (run.task / "train" / "old-forum.md").write_text("Reviewed since.")
    summary = resume(run.run_dir, accept_changes=True)
    assert summary["accepted_changes"] == list(accepted_changes(Journal.open(run.journal, write=False)))
    assert "task: file train/old-forum.md" in str(summary["accepted_changes"])
    assert "gone on with although something had changed" in (run.run_dir / "report.html").read_text()
    code, said = called(str(run.run_dir))
    assert code == 0
    assert "marked: gone on although it had changed: task: file train/old-forum.md" in said


def test_a_finished_run_accepts_no_changes(run: Copied) -> None:
    edit_rows(run.task / "test.jsonl", lambda rows: rows[1:])
    before = run.journal.read_bytes()
    with pytest.raises(InputError, match="the run is finished: start a new one"):
        resume(run.run_dir, accept_changes=True)
    assert run.journal.read_bytes() == before


def test_a_forged_file_of_test_answers_is_not_read_at_the_end(run: Copied) -> None:
    cut_before_the_end(run)
    file = run.predictions("test-1", "base")
    golds = [json.loads(line)["answer"] for line in (run.task / "test.jsonl").read_text().splitlines()]

    def right(items: list[dict[str, Any]]) -> None:
        for item, gold in zip(items, golds, strict=True):
            item |= {"prediction": str(gold), "right": True, "value": 1.0}

    edit_rows(file, right)
    summary = resume(run.run_dir)
    assert isinstance(summary["base_test"], dict)
    assert summary["base_test"]["value"] < 50.0
    assert any(
        "test-1.jsonl is none that the run wrote" in note for note in ftdojo.journal(run.run_dir).notes
    )
    assert verify(run.run_dir, Wish()).differences == ()


# ---- and what no folder can prove by itself


def test_who_rewrites_all_of_it_is_found_by_a_rerun_a_kept_head_or_a_signature_alone(
    run: Copied, tmp_path: Path
) -> None:
    """Answers, verdicts, scores, chain and documents written anew, so that all of it fits together."""
    kept, mine = heads(run.journal)[-1], key(tmp_path, "mine")
    sign_run(run.run_dir, mine)
    file = run.predictions("test-1", "base")
    golds = [json.loads(line)["answer"] for line in (run.task / "test.jsonl").read_text().splitlines()]
    answered = [json.loads(line) for line in file.read_text().splitlines()]
    forge(run, [item | {"prediction": str(gold)} for item, gold in zip(answered, golds, strict=True)])
    plain = verify(run.run_dir, Wish())
    assert not [line for line in plain.differences if not line.startswith("signature:")], plain.differences
    assert any(line.startswith("signature:") for line in plain.differences)
    (run.run_dir / "signed.txt.sig").unlink()
    assert verify(run.run_dir, Wish()).differences == ()
    assert verify(run.run_dir, Wish(head=kept)).differences != ()
    assert verify(run.run_dir, Wish(signer=Path(f"{mine}.pub"))).differences != ()
    assert any(line.startswith("base: item") for line in verify(run.run_dir, Wish(rerun=2)).differences)


def forge(run: Copied, items: list[dict[str, Any]]) -> None:
    """What a forger with our own code does: judge, score and write everything anew."""
    from graph.result import result_of
    from graph.task_names import load_task
    from tasks.base import ItemScore
    from tools.evaluation.evaluate import clusters, item_of
    from tools.evaluation.paired_test import compare
    from tools.report.html import write_report

    spec = load_task(str(run.task), "user")
    assert spec.data is not None
    samples = spec.data.load_test()
    scores: list[ItemScore] = [spec.scorer(s, i["prediction"]) for s, i in zip(samples, items, strict=True)]
    made = [item_of(s, i["prediction"], v, "") for s, i, v in zip(samples, items, scores, strict=True)]
    file = run.predictions("test", "base")
    edit_rows(file, lambda rows: made)
    score = spec.aggregate(samples, scores).model_dump(mode="json")
    compared = compare(made, made, "base", "base", spec, samples).model_dump(mode="json")
    found = [cluster.model_dump(mode="json") for cluster in clusters(samples, scores)]

    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for line in lines:
            if line["kind"] == "test_evaluation":
                line["data"] |= {"score": score, "clusters": found}
            elif line["kind"] == "test_comparison":
                line["data"] |= compared
        return [line for line in lines if line["data"].get("about") != "report"]

    run.rewrite(change)
    run.record(file)
    with Journal.open(run.journal) as journal:
        report = write_report(journal, run.run_dir, spec.data.validation)
        digest = sha256(report.read_bytes()).hexdigest()
        journal.append("evidence", {"about": "report", "files": {"report.html": digest}})
        summary = result_of(journal, None, report)
    (run.run_dir / "summary.json").write_text(json.dumps(summary))
