"""The sealed test is read once, and the journal shows it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from memory.journal.log import Journal
from tasks.base import Sample
from tasks.errors import HarnessFault
from tests.support.run_records import run_info
from tools.contamination.check import Decontaminator
from tools.sealed_test import SealedTest, digest_of

ROWS = tuple(
    Sample(f"t{n}", "v", f"A sealed question about {n} pens?", str(n), {"k": n}) for n in range(20, 30)
)


class Shelf:
    """A task's test split that counts how often it is taken down."""

    def __init__(self, rows: tuple[Sample, ...] = ROWS) -> None:
        self.rows, self.reads = rows, 0

    def __call__(self) -> tuple[Sample, ...]:
        self.reads += 1
        return self.rows


@pytest.fixture
def journal(tmp_path: Path):
    with Journal.create(tmp_path / "run" / "journal.jsonl", run_info()) as journal:
        yield journal


def kinds(journal: Journal) -> list[str]:
    return [event.kind for event in journal.events if event.kind.startswith("test_")]


def test_the_digest_depends_on_every_field_and_on_the_order():
    base = digest_of(ROWS)
    assert digest_of(tuple(ROWS)) == base
    assert digest_of(ROWS[::-1]) != base
    changed = Sample("t20", "v", ROWS[0].prompt, "21", {"k": 20})
    assert digest_of((changed, *ROWS[1:])) != base


def test_the_rows_are_used_once_and_dropped():
    test = SealedTest.seal(Shelf())
    assert test.use(len) == test.n == len(ROWS)
    with pytest.raises(HarnessFault, match="used already"):
        test.use(len)
    held = [part for part in gc.get_referents(test.__dict__) if isinstance(part, tuple)]
    assert ROWS not in held


def test_the_audit_line_is_on_the_disk_before_the_rows_are_read(journal: Journal):
    seen: list[str] = []

    class Watching(Shelf):
        def __call__(self) -> tuple[Sample, ...]:
            seen.append(journal.path.read_text(encoding="utf-8"))
            return super().__call__()

    shelf = Watching()
    test = SealedTest.seal(shelf)
    assert "test_opened" not in seen[0]
    assert test.open(journal, "e03") == ROWS
    assert "test_opened" in seen[1]
    assert test.digest in seen[1]
    assert "e03" in seen[1]


def test_a_second_opening_is_refused(journal: Journal):
    test = SealedTest.seal(Shelf())
    test.open(journal)
    with pytest.raises(HarnessFault, match="read once"):
        test.open(journal)
    assert kinds(journal) == ["test_opened"]


def test_a_killed_reading_goes_on_for_the_same_champion_only(journal: Journal):
    SealedTest.seal(Shelf()).open(journal, "e02")
    with pytest.raises(HarnessFault, match="opened for e02, not e05"):
        SealedTest.seal(Shelf()).open(journal, "e05")
    assert SealedTest.seal(Shelf()).open(journal, "e02") == ROWS
    assert kinds(journal) == ["test_opened", "test_reopened"]


def test_the_champion_is_the_one_that_the_journal_chose(journal: Journal):
    journal.append("champion_chosen", {"champion": "e04", "outcome": "solved", "reason": "best"})
    SealedTest.seal(Shelf()).open(journal)
    opened = next(event for event in journal.events if event.kind == "test_opened")
    assert opened.data["champion"] == "e04"
    assert opened.data["n"] == len(ROWS)


def test_an_ended_run_opens_nothing(journal: Journal):
    journal.append("run_ended", {"outcome": "solved"})
    shelf = Shelf()
    test = SealedTest.seal(shelf)
    with pytest.raises(HarnessFault, match="has ended"):
        test.open(journal)
    assert shelf.reads == 1


def test_rows_that_changed_since_the_start_are_refused(journal: Journal):
    shelf = Shelf()
    test = SealedTest.seal(shelf)
    shelf.rows = ROWS[1:]
    with pytest.raises(HarnessFault, match="changed during the run"):
        test.open(journal)


def test_the_decontaminator_is_built_from_the_test_rows_and_holds_no_text():
    test = SealedTest.seal(Shelf())
    decontaminator = Decontaminator.build([Sample("v1", "v", "A validation question on 5 cups?", "5")], test)
    found = decontaminator.check("a sealed question about 23 pens")
    assert found is not None
    assert found.item.startswith("test:")
    assert not strings_within(decontaminator, "sealed question")


def strings_within(root: object, needle: str) -> list[str]:
    """Every string that can be reached from an object's own data and that holds ``needle``."""
    found, seen, stack = [], set(), [vars(root)]
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, type) or callable(thing):
            continue
        seen.add(id(thing))
        if isinstance(thing, str):
            found += [thing] if needle in thing else []
        else:
            stack += gc.get_referents(thing)
    return found
