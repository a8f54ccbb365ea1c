"""An answer whose process was lost is asked for once more, and the journal says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.journal.log import Journal
from tasks.errors import Code, ExperimentFailed
from tests.support.run_records import run_info
from tools.evaluation.lost_child import once_more


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path / "journal.jsonl", run_info())
    yield journal
    journal.close()


class Answer:
    """Fails with these codes, one after the other, and then answers."""

    def __init__(self, *codes: Code) -> None:
        self.codes, self.asked = list(codes), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.codes:
            raise ExperimentFailed("evaluate", self.codes.pop(0), "the child is gone", "the end of its log")
        return "answered"


def test_a_lost_answer_is_asked_for_once_more_and_noted(journal: Journal) -> None:
    answer = Answer("crashed")
    assert once_more(journal, "answering test with e01", answer) == "answered"
    assert journal.notes == ("answering test with e01 was lost and is done once more: the child is gone",)


def test_an_answer_that_is_lost_twice_fails(journal: Journal) -> None:
    answer = Answer("crashed", "crashed")
    with pytest.raises(ExperimentFailed):
        once_more(journal, "answering test with e01", answer)
    assert answer.asked == 2


@pytest.mark.parametrize("code", ["out_of_memory", "timeout", "empty_data"])
def test_what_would_fail_again_is_not_asked_again(journal: Journal, code: Code) -> None:
    answer = Answer(code)
    with pytest.raises(ExperimentFailed):
        once_more(journal, "answering test with e01", answer)
    assert answer.asked == 1
    assert not journal.notes


def test_what_ran_out_of_memory_is_done_once_more_in_smaller_batches(journal: Journal) -> None:
    answer, smaller = Answer("out_of_memory"), Answer()
    assert once_more(journal, "answering test with e01", answer, smaller) == "answered"
    assert (answer.asked, smaller.asked) == (1, 1)
    assert "in smaller batches" in journal.notes[0]


def test_memory_that_runs_out_again_fails_the_answer(journal: Journal) -> None:
    answer, smaller = Answer("out_of_memory"), Answer("out_of_memory")
    with pytest.raises(ExperimentFailed):
        once_more(journal, "answering test with e01", answer, smaller)
    assert smaller.asked == 1
