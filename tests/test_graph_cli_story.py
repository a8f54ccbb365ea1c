"""The command that tells a run: what it reads, where it writes, and what it refuses in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graph.cli.app import app
from graph.cli.printable import printable
from memory.journal.events import Event, encode
from tasks.errors import InputError
from tests.support.run_folder import make_run
from tests.support.run_records import plan, run_info
from tools.report.story import story_page


def test_the_journal_alone_is_enough(tmp_path: Path) -> None:
    page = story_page(make_run(tmp_path / "run"))
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "run" / "journal.jsonl", tmp_path / "copy")
    shutil.rmtree(tmp_path / "run")
    done = CliRunner().invoke(app, ["story", str(tmp_path / "copy")])
    assert (done.exit_code, done.stdout) == (0, printable(page))


def test_the_story_goes_into_a_file(tmp_path: Path) -> None:
    page = story_page(make_run(tmp_path / "example"))
    out = tmp_path / "story.md"
    done = CliRunner().invoke(app, ["story", "example", "--runs-dir", str(tmp_path), "--out", str(out)])
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert out.read_text(encoding="utf-8") == page


def test_a_torn_end_is_said_and_the_rest_is_told(tmp_path: Path) -> None:
    make_run(tmp_path / "run", experiments=1, ended=False).close()
    with (tmp_path / "run" / "journal.jsonl").open("ab") as file:
        file.write(b'{"seq": 99')
    done = CliRunner().invoke(app, ["story", str(tmp_path / "run")])
    assert done.exit_code == 0
    assert "the last record was cut or altered" in done.stderr
    assert "e01" in done.stdout


def broken(folder: Path, events: list[Event]) -> Path:
    folder.mkdir()
    (folder / "journal.jsonl").write_bytes(b"".join(map(encode, events)))
    return folder


START = Event(0, "", "run_started", None, run_info().model_dump(mode="json"))


@pytest.mark.parametrize(
    "later",
    [
        Event(1, "", "plan", "e01", {**plan("e01").model_dump(mode="json"), "from_later": 1}),
        Event(1, "", "finished", "e01", {"outcome": "kept"}),
        Event(1, "", "finished", "e01", {}),
    ],
    ids=["a field of a later version", "finished and never planned", "no outcome"],
)
def test_records_that_cannot_be_told_are_one_line(later: Event, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["story", str(broken(tmp_path / "run", [START, later]))])
    assert isinstance(done.exception, InputError)
    assert "journal.jsonl" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["story", "no-such-run"], "not found"),
        (["story", "example", "--out", "."], "is a folder"),
        (["story", "example", "--out", "no/such/folder/story.md"], "cannot be written"),
    ],
)
def test_wrong_input_is_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    make_run(tmp_path / "example", experiments=1).close()
    done = CliRunner().invoke(app, [*arguments, "--runs-dir", str(tmp_path)])
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)


def test_a_run_of_an_earlier_version_is_told(tmp_path: Path) -> None:
    info = run_info().model_dump(mode="json")
    info["mind"] = info.pop("policy")
    events = [
        Event(0, "", "run_started", None, info),
        Event(1, "", "plan", "e01", plan("e01").model_dump(mode="json")),
        Event(2, "", "reading", "e01", {"verdict": "keep", "note": "as it was called then"}),
    ]
    done = CliRunner().invoke(app, ["story", str(broken(tmp_path / "run", events))])
    assert done.exit_code == 0, done.exception
    assert "as it was called then" in done.stdout
