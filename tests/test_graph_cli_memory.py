"""``ftdojo memory``: searching, showing, forgetting, rebuilding and moving lessons, over real Chroma."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graph.cli.app import app
from memory.experience.lessons import LessonBook
from memory.recipe import Script
from tasks.errors import InputError
from tests.support.run_records import lesson

LABELS = "Drop the source whose labels are wrong."
SCRIPT = Script(purpose="drops empty answers", code="def transform(row):\n    return row or None")
LESSONS = (
    lesson("r1/e01", text=LABELS, settings={}, outcome="kept"),
    lesson("r1/e02", text="A learning rate of 0.1 diverges.", gain=-4.0, outcome="discarded"),
    lesson(
        "r2/e01",
        task="gsm8k",
        text="Short answers; kept (+3.0 [1.0, 5.0] over base, p=0.01).",
        settings={"method": "lora"},
        operations=("select {}", "script {}"),
        scripts=(SCRIPT,),
        cause="underfit: loss still falls",
        claim="Shorter answers help",
        effect=(3.0, 1.0, 5.0),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for item in LESSONS:
        LessonBook(tmp_path / "memory").add(item)
    return tmp_path / "memory"


def memory(folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["memory", *arguments, "--memory", str(folder)], env={"COLUMNS": "200"})


def said(folder: Path, *arguments: str) -> str:
    done = memory(folder, *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def ids(folder: Path, *arguments: str) -> list[str]:
    return [item["id"] for item in json.loads(said(folder, *arguments, "--json"))]


def refusal(folder: Path, *arguments: str) -> str:
    done = memory(folder, *arguments)
    assert isinstance(done.exception, InputError), (done.output, done.exception)
    return str(done.exception)


def test_a_search_shows_the_nearest_first_with_its_similarity(folder):
    found = json.loads(said(folder, "search", "labels of a source are wrong", "--json"))
    assert found[0]["id"] == "r1/e01"
    assert [item["similarity"] for item in found] == sorted((i["similarity"] for i in found), reverse=True)
    assert 0.0 < found[0]["similarity"] <= 1.0
    assert f"similarity {found[0]['similarity']:.2f}" in said(
        folder, "search", "labels of a source are wrong"
    )


def test_words_alone_search_and_nothing_lists(folder):
    assert ids(folder, "labels", "wrong")[0] == "r1/e01"
    assert ids(folder) == ["r1/e01", "r1/e02", "r2/e01"]


def test_a_search_is_narrowed_by_task_domain_and_outcome(folder):
    assert ids(folder, "search", "labels", "--task", "gsm8k") == ["r2/e01"]
    assert ids(folder, "search", "labels", "--outcome", "discarded") == ["r1/e02"]
    assert ids(folder, "search", "labels", "--domain", "finance") == []
    assert len(ids(folder, "search", "labels", "--limit", "1")) == 1
    assert ids(folder, "search", "--outcome", "kept") == ["r1/e01", "r2/e01"]  # the second by its text alone


def test_a_lesson_is_shown_whole(folder):
    shown = said(folder, "show", "r2/e01")
    for part in ("+3.0 points [+1.0, +5.0]", "underfit: loss still falls", "Shorter answers help"):
        assert part in shown
    assert "    def transform(row):\n        return row or None" in shown
    assert json.loads(said(folder, "show", "r2/e01", "--json"))["scripts"][0]["code"] == SCRIPT.code


def test_control_characters_of_a_foreign_lesson_do_not_reach_the_terminal(folder):
    LessonBook(folder).add(lesson("r9/e01", text="\x1b]0;owned\x07 [red]text[/]", settings={}))
    assert "\x1b" not in said(folder, "show", "r9/e01")
    assert "[red]text[/]" in said(folder)


def test_an_unknown_id_is_told_the_nearest(folder):
    told = refusal(folder, "show", "r1/e0")
    assert "did you mean" in told
    assert "r1/e01" in told


def test_forgetting_asks_first_and_without_anyone_there_refuses(folder):
    assert "add --yes" in refusal(folder, "forget", "r1/e01")
    assert "names no lesson" in refusal(folder, "forget", "--yes")
    assert "no lesson of this id" in refusal(folder, "forget", "r1/e01", "r1/e77", "--yes")
    assert len(ids(folder)) == 3


@pytest.mark.parametrize(("answer", "left"), [("y", 2), ("n", 3)])
def test_what_is_answered_at_the_terminal_counts(folder, monkeypatch, answer, left):
    monkeypatch.setattr("graph.cli.lessons.someone_answers", lambda: True)
    monkeypatch.setattr("graph.cli.lessons.typer.confirm", lambda _: answer == "y")
    assert "r1/e01  aime25  kept" in said(folder, "forget", "r1/e01")
    assert len(ids(folder)) == left


def test_what_is_forgotten_stays_away_from_searches_rebuilds_and_resumed_runs(folder):
    assert "r1/e01" in ids(folder, "search", "labels")
    assert "forgot 1 lessons, 2 are left" in said(folder, "forget", "r1/e01", "--yes")
    assert "r1/e01" not in ids(folder, "search", "labels")
    assert "index of 2 lessons" in said(folder, "rebuild")
    assert not LessonBook(folder).add(LESSONS[0])
    assert "r1/e01" not in ids(folder, "search", "labels")
    assert LABELS not in (folder / "lessons.jsonl").read_text("utf-8")


def test_forgetting_by_filter_forgets_what_fits_and_no_more(folder):
    said(folder, "forget", "--task", "aime25", "--outcome", "discarded", "--yes")
    assert ids(folder) == ["r1/e01", "r2/e01"]
    said(folder, "forget", "--domain", "math", "--yes")
    assert ids(folder) == []


def test_a_rebuild_sets_bad_lines_aside_and_shows_them(folder):
    book = folder / "lessons.jsonl"
    bad = b'{"id": 3}\nno json\n\xff\xfe\n'
    book.write_bytes(bad + book.read_bytes() + b'{"id": "torn')
    searched = memory(folder, "search", "labels")
    assert searched.exit_code == 0 and "3 lines of" in searched.stderr and "rebuild" in searched.stderr
    shown = said(folder, "rebuild")
    assert "index of 3 lessons" in shown
    assert "4 lines are no lessons" in shown
    assert "line 2: " in shown
    assert (folder / "lessons.bad").read_bytes() == bad + b'{"id": "torn\n'
    assert len(ids(folder, "search", "labels")) == 3
    assert json.loads(said(folder, "rebuild", "--json")) == {"lessons": 3, "set_aside": []}


def test_the_old_flag_still_rebuilds_and_says_the_new_command(folder):
    done = memory(folder, "--rebuild")
    assert "index of 3 lessons" in done.stdout
    assert done.stderr == "memory --rebuild is now called memory rebuild\n"


def test_statistics_count_by_task_and_name_contradictions(folder):
    later = lesson("r5/e02", gain=6.0, created="2026-03-01T00:00:00+00:00")
    LessonBook(folder).add(later)
    said(folder, "forget", "r2/e01", "--yes")
    told = json.loads(said(folder, "stats", "--json"))
    assert (told["lessons"], told["overtaken"], told["forgotten"]) == (3, 1, 1)
    (aime,) = told["tasks"]
    assert (aime["lessons"], aime["kept"], aime["discarded"], aime["unknown"]) == (3, 1, 1, 1)
    assert [(found["earlier"], found["later"]) for found in told["contradictions"]] == [("r1/e02", "r5/e02")]
    assert "r5/e02 (+6.0) against r1/e02 (-4.0)" in said(folder, "stats")


def test_what_later_runs_made_of_a_lesson_is_shown(folder):
    for run in ("r7", "r8"):
        LessonBook(folder).add(lesson(f"{run}/e01", settings={}, gain=0.0, contradicts=("r1/e01",)))
    LessonBook(folder).add(lesson("r9/e01", settings={}, confirms=("r2/e01",)))
    told = json.loads(said(folder, "stats", "--json"))
    assert (told["confirmed"], told["disputed"], told["refuted"]) == (1, 1, 1)
    assert "1 confirmed, 1 disputed, 1 refuted" in said(folder, "stats")
    shown = said(folder, "show", "r1/e01")
    assert "confirmed by 0 later runs, contradicted by 2; trust 0.6" in shown
    assert "a warning: more runs refute it than bear it out" in shown
    assert json.loads(said(folder, "show", "r2/e01", "--json"))["trust"]["confirmations"] == 1
    found = {item["id"]: item for item in json.loads(said(folder, "search", "wrong labels", "--json"))}
    assert found["r1/e01"]["kind"] == "warning"
    assert found["r1/e01"]["trust"]["contradictions"] == 2
    assert "contradicted by 2" in said(folder, "search", "wrong labels")


def test_exported_lessons_are_the_same_in_another_memory(folder, tmp_path):
    assert "exported 3 lessons" in said(folder, "export", str(tmp_path / "all.jsonl"))
    assert "imported 3 lessons" in said(tmp_path / "other", "import", str(tmp_path / "all.jsonl"))
    assert (tmp_path / "other" / "lessons.jsonl").read_bytes() == (folder / "lessons.jsonl").read_bytes()
    assert ids(tmp_path / "other", "search", "labels") == ids(folder, "search", "labels")
    assert "is there already" in refusal(folder, "export", str(tmp_path / "all.jsonl"))


def test_an_import_changes_nothing_and_says_what_became_of_each_line(folder, tmp_path):
    said(folder, "forget", "r2/e01", "--yes")
    file = tmp_path / "in.jsonl"
    given = [LESSONS[0], lesson("r1/e02", text="other"), LESSONS[2], lesson("r7/e01"), lesson("r7/e01")]
    lines = [item.model_dump_json() for item in given]
    file.write_text("\n".join([*lines, '{"id": "x", "more": 1}', "[]", ""]), "utf-8")
    before = (folder / "lessons.jsonl").read_bytes()
    done = json.loads(said(folder, "import", str(file), "--json"))
    assert (done["added"], done["known"], done["differing"], done["forgotten"]) == (
        1,
        2,
        ["r1/e02"],
        ["r2/e01"],
    )
    assert [item["line"] for item in done["bad"]] == [6, 7]
    assert (folder / "lessons.jsonl").read_bytes().startswith(before)
    shown = said(folder, "import", str(file), "--again")
    assert "imported 1 lessons" in shown
    assert "2 lines are no lessons" in shown
    assert ids(folder) == ["r1/e01", "r1/e02", "r7/e01", "r2/e01"]
    assert (folder / "lessons.bad").read_text("utf-8").splitlines() == ['{"id": "x", "more": 1}', "[]"]


def test_what_cannot_be_worked_on_is_one_line(folder, tmp_path):
    assert "cannot be read" in refusal(folder, "import", str(tmp_path / "absent.jsonl"))
    assert "belongs to this memory" in refusal(folder, "import", str(folder / "lessons.jsonl"))
    assert "cannot be written" in refusal(folder, "export", str(tmp_path / "absent" / "out.jsonl"))
    done = CliRunner().invoke(app, ["memory", "stats", "--memory", "off"])
    assert "name a folder" in str(done.exception)
