"""The lesson book: text that outlives every run and every index."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from memory.experience.catalogue import current, entry_of
from memory.experience.lessons import LessonBook
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


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    book = LessonBook(tmp_path)
    book.add(lesson("r1/e01"))
    book.path.write_bytes(b'{"id": 3}\n' + book.path.read_bytes())
    with pytest.raises(InputError, match=r"lessons\.jsonl:1: this line is not a lesson"):
        book.all()


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
