"""The lesson book: text that outlives every run and every index."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest

from memory.experience.catalogue import current, entry_of
from memory.experience.lessons import LessonBook
from memory.experience.store import ExperienceStore
from tasks.errors import HarnessFault, InputError
from tests.support.run_records import lesson


def test_a_lesson_is_kept_once_and_the_first_stands(tmp_path: Path) -> None:
    book = LessonBook(tmp_path / "memory")
    assert book.all() == ()
    assert book.add(lesson("r1/e01"))
    assert not book.add(lesson("r1/e01", text="changed"))
    assert book.add(lesson("r1/e02", text="答案在最后。"))
    assert book.all() == (lesson("r1/e01"), lesson("r1/e02", text="答案在最后。"))


@pytest.mark.parametrize("cut", [1, 30])
def test_a_torn_last_line_costs_at_most_itself(tmp_path: Path, cut: int) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01"))
    book.add(lesson("r1/e02"))
    book.path.write_bytes(book.path.read_bytes()[:-cut])
    whole = {1: ["r1/e01", "r1/e02"], 30: ["r1/e01"]}[cut]
    assert [item.id for item in book.all()] == whole
    assert book.add(lesson("r1/e03"))
    assert [item.id for item in book.all()] == [*whole, "r1/e03"]
    assert book.path.with_suffix(".torn").exists() == (cut == 30)


@pytest.mark.parametrize("cut", [1, 30])
def test_a_cut_list_of_the_forgotten_costs_at_most_its_last_line(tmp_path: Path, cut: int) -> None:
    book = LessonBook(tmp_path)
    for name in ("e01", "e02", "e03", "e04"):
        book.add(lesson(f"r1/{name}"))
    book.forget(["r1/e01", "r1/e02"])
    book.forgotten_path.write_bytes(book.forgotten_path.read_bytes()[:-cut])
    known = {1: {"r1/e01", "r1/e02"}, 30: {"r1/e01"}}[cut]
    assert book.forgotten() == known
    book.forget(["r1/e03"])
    assert book.forgotten() == known | {"r1/e03"}
    assert not book.add(lesson("r1/e01"))
    assert book.forgotten_path.with_suffix(".torn").exists() == (cut == 30)


def test_taking_ids_back_leaves_the_other_lines_as_they_stand(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    for name in ("e01", "e02"):
        book.add(lesson(f"r1/{name}"))
        book.forget([f"r1/{name}"])
    lines = book.forgotten_path.read_bytes().splitlines()
    with book.lock():
        book.remember_again({"r1/e01"})
    assert book.forgotten_path.read_bytes().splitlines() == lines[1:]
    assert book.add(lesson("r1/e01"))


def test_forgetting_keeps_what_was_cut_at_the_end_of_the_book(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    for name in ("e01", "e02", "e03"):
        book.add(lesson(f"r1/{name}"))
    book.path.write_bytes(book.path.read_bytes()[:-30])
    cut = book.path.read_bytes().splitlines()[-1]
    assert book.forget(["r1/e01"]) == 1
    assert [item.id for item in book.all()] == ["r1/e02"]
    assert book.path.with_suffix(".torn").read_bytes() == cut + b"\n"


def test_lines_set_aside_stay_apart_where_an_editor_took_the_last_newline(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01"))
    book.bad_path.write_bytes(b"an earlier one")
    book.path.write_bytes(b"no lesson\n" + book.path.read_bytes())
    assert [item.number for item in book.set_bad_lines_aside()] == [1]
    assert book.bad_path.read_bytes().splitlines() == [b"an earlier one", b"no lesson"]


@pytest.mark.parametrize("bad", [b'{"id": 3}', b"no json", b"\xff\xfe", b"[" * 100_000, b'{"id": "\\ud800"}'])
def test_a_bad_line_costs_itself_wherever_it_stands(tmp_path: Path, bad: bytes) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01"))
    good = book.path.read_bytes()
    book.path.write_bytes(bad + b"\n" + good)
    assert [item.id for item in book.all()] == ["r1/e01"]
    assert [(item.number, item.line) for item in book.bad] == [(1, bad)]
    with book.path.open("ab") as file:  # another writer, while this one is open
        file.write(bad + b"\n")
    assert book.add(lesson("r1/e02"))
    assert [item.id for item in book.all()] == ["r1/e01", "r1/e02"]
    assert [item.number for item in book.bad] == [1, 3]


def test_a_bad_line_is_kept_aside_when_the_book_is_written_anew(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    for name in ("e01", "e02"):
        book.add(lesson(f"r1/{name}"))
    book.path.write_bytes(b"no lesson\n" + book.path.read_bytes())
    assert book.forget(["r1/e01"]) == 1
    assert book.bad_path.read_bytes() == b"no lesson\n"
    assert [item.id for item in book.all()] == ["r1/e02"] and book.bad == ()


def test_a_bad_line_among_the_forgotten_stays_and_stops_nothing(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01"))
    book.forget(["r1/e01"])
    book.forgotten_path.write_bytes(b"[]\n" + book.forgotten_path.read_bytes())
    assert book.forgotten() == {"r1/e01"}
    assert not book.add(lesson("r1/e01"))
    with book.lock():
        book.remember_again({"r1/e01"})
    assert book.forgotten_path.read_bytes() == b"[]\n"


def test_what_is_left_out_of_a_memory_is_counted_in_a_sentence(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path)
    assert store.left_out() == ""
    store.book.path.write_bytes(b"no lesson\n[]\n")
    assert re.match(r"2 lines of .*lessons\.jsonl are no lessons .*line 1: .*rebuild", store.left_out())


def test_odd_numbers_do_not_spoil_the_book(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01", gain=float("nan"), text="half \ud83d"))
    book.add(lesson("r1/e02"))
    assert [item.id for item in book.all()] == ["r1/e01", "r1/e02"]


def test_a_full_disk_keeps_the_earlier_lessons(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (book.path.stat().st_size + 20, hard))
    try:
        with pytest.raises(HarnessFault):
            book.add(lesson("r1/e02"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert book.path.read_bytes().endswith(b"\n")
    assert [item.id for item in book.all()] == ["r1/e01"]


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        LessonBook(tmp_path / "file" / "memory").add(lesson())


def test_a_later_lesson_on_the_same_settings_overtakes_the_earlier() -> None:
    early = lesson("r1/e01", gain=10.0, created="2026-01-01T00:00:00+00:00")
    late = lesson("r2/e01", gain=-2.0, created="2026-02-01T00:00:00+00:00")
    other = lesson("r1/e02", settings={"learning_rate": 0.01})
    bare = [lesson(f"r1/e0{number}", settings={}) for number in (3, 4)]
    assert set(current(map(entry_of, (late, early, other, *bare)))) == {
        "r2/e01",
        "r1/e02",
        "r1/e03",
        "r1/e04",
    }
