"""Confirmation and sealed test of a run: whole in time, a part where time is short, and told either way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from graph.result import confirmation_facts
from memory.budget.clocks import Budget, Ledger
from memory.claim import claim
from memory.journal.log import BASE
from tasks.errors import ExperimentFailed
from tests.support.run_in_progress import TEST, StillDojo, make_dojo
from tools.checks.claim_tests import confirm, final_test
from tools.process.worker import Usage, Worker
from tools.verification.figures import _confirmation

BUDGET = 1000.0


@dataclass
class Machine:
    """Answers at a pace, and the clock that moves with them."""

    gold: dict[str, str]
    pace: float
    now: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)
    threads: int = 1
    limit: Callable[[], float] | None = None

    def __call__(self) -> float:
        return self.now

    def measure(
        self, function: str, payload: dict[str, Any], timeout: float, *others: Any, **more: Any
    ) -> tuple[dict[str, Any], Usage]:
        ((split, prompts),) = payload["sets"].items()
        model = "e01" if "e01" in payload["model_dir"] else BASE
        seconds = self.pace * len(prompts)
        self.now += min(seconds, timeout)
        if seconds > timeout:
            raise ExperimentFailed("evaluate", "timeout", "killed at its time limit")
        self.asked.append((model, len(prompts)))
        answers = [self.gold[p] if model == "e01" else "none" for p in prompts]
        figures: dict[str, Any] = {"answers": answers, "limits": [""] * len(prompts)}
        figures |= {"generated_tokens": 3 * len(prompts), "loading_seconds": 0.0}
        figures |= {"wall_seconds": seconds, "cpu_seconds": seconds}
        return {name: {split: value} for name, value in figures.items()} | {"known": []}, Usage(
            seconds, seconds, 0.1
        )


def at_the_end(folder: Path, left: float, pace: float) -> tuple[StillDojo, Machine]:
    """A run whose search has ended with e01, so many seconds before its budget does."""
    dojo = make_dojo(folder, 2)
    dojo.confirmation, dojo.validation = dojo.validation[20:], dojo.validation[:20]
    items = (*dojo.validation, *dojo.confirmation, *dojo.test._load())
    machine = Machine({sample.prompt: str(sample.gold) for sample in items}, pace)
    dojo.worker = cast(Worker, machine)
    dojo.ledger = Ledger(Budget(BUDGET), {"elapsed": BUDGET - left}, now=machine)
    dojo.journal.append("candidate_chosen", {"candidate": "e01"})
    return dojo, machine


UNTESTED = "the time left did not hold a test of e01 on the 20 items kept apart"


def chosen(dojo: StillDojo) -> None:
    dojo.journal.append("champion_chosen", {"champion": "e01"})


def expected_seconds(dojo: StillDojo) -> float:
    """What the run's measurements say that the reading takes."""
    return dojo.reserve.for_both(dojo.reserve.reading)


def test_in_time_every_test_item_is_read_for_both(tmp_path: Path) -> None:
    dojo, machine = at_the_end(tmp_path, left=900.0, pace=0.01)
    chosen(dojo)
    read = final_test(dojo, "e01")
    assert read is not None
    base, final, comparison = read
    assert base.score.n == final.score.n == comparison.n == TEST
    assert base.drawn_from == final.drawn_from == 0
    assert {model for model, _ in machine.asked} == {BASE, "e01"}
    assert final_test(dojo, "e01") == read  # and from the journal
    assert [event.kind for event in dojo.journal.events].count("test_opened") == 1


def test_on_a_machine_that_has_become_slow_a_random_part_is_read_in_time_and_n_is_said(
    tmp_path: Path,
) -> None:
    dojo, _ = at_the_end(tmp_path, left=200.0, pace=6.0)
    chosen(dojo)
    read = final_test(dojo, "e01")
    assert read is not None
    base, final, comparison = read
    assert 0 < comparison.n < TEST
    assert base.score.n == final.score.n == comparison.n
    assert base.drawn_from == final.drawn_from == TEST
    assert dojo.ledger.remaining_seconds >= 0
    assert f"{comparison.n} of {TEST} sealed test items were read" in " ".join(dojo.journal.notes)
    assert f"{comparison.n} of {TEST} sealed test items, drawn at random" in claim(dojo.journal)[1]
    opened = next(event for event in dojo.journal.events if event.kind == "test_opened")
    assert "sha256 of seed" in opened.data["order"]


def test_where_no_time_is_left_the_run_ends_without_a_reading_and_says_so(tmp_path: Path) -> None:
    dojo, machine = at_the_end(tmp_path, left=1.0, pace=6.0)
    chosen(dojo)
    assert final_test(dojo, "e01") is None
    assert not machine.asked
    assert "the sealed test was not read: no time was left for it" in dojo.journal.notes
    dojo.journal.append("run_ended", {"outcome": "out_of_budget", "reason": "the budget is spent"})
    assert "not read" in claim(dojo.journal)[1]


def test_the_confirmation_takes_as_many_items_as_leave_time_for_the_reading(tmp_path: Path) -> None:
    dojo, machine = at_the_end(tmp_path, left=0.0, pace=0.1)
    needed = dojo.reserve.for_both(dojo.reserve.confirming)
    assert 1.04 * needed < expected_seconds(dojo)
    left = dojo.reserve.tail_on() + 1.04 * needed
    dojo.ledger = Ledger(Budget(BUDGET), {"elapsed": BUDGET - left}, now=machine)
    found = confirm(dojo, "e01")
    assert found.looks[-1].items == 10
    assert any("the confirmation takes 10 of 20 items" in note for note in dojo.journal.notes)
    earlier = found.model_copy(update={"items": None, "of": None})
    for recorded in (found, earlier):  # what is made again takes as many
        assert _confirmation(dojo.workspace, recorded, dojo.spec, dojo.confirmation) == []


def test_a_confirmation_has_half_of_a_time_that_is_too_short_for_both(tmp_path: Path) -> None:
    dojo, machine = at_the_end(tmp_path, left=0.0, pace=0.1)
    after = 0.3 * expected_seconds(dojo)  # far under half of a reading
    dojo.ledger = Ledger(Budget(BUDGET), {"elapsed": BUDGET - dojo.reserve.tail_on() - after}, now=machine)
    assert dojo.job_seconds() == pytest.approx(0.5 * after)


def test_a_confirmation_that_is_cut_by_its_time_confirms_nothing(tmp_path: Path) -> None:
    dojo, _ = at_the_end(tmp_path, left=900.0, pace=1e6)
    found = confirm(dojo, "e01")
    assert not found.confirmed
    assert any("could not be made in the time" in note for note in dojo.journal.notes)
    assert found.text() == f"no gain could be confirmed; {UNTESTED}"
    assert _confirmation(dojo.workspace, found, dojo.spec, dojo.confirmation) == []


def test_a_confirmation_that_the_time_holds_nothing_of_is_not_said_to_lack_items(tmp_path: Path) -> None:
    dojo, machine = at_the_end(tmp_path, left=1.0, pace=6.0)
    found = confirm(dojo, "e01")
    assert not machine.asked and not found.confirmed
    assert found.text() == f"no gain could be confirmed; {UNTESTED}"
    dojo.journal.append("run_ended", {"outcome": "out_of_budget", "reason": "the budget is spent"})
    assert UNTESTED in str(confirmation_facts(dojo.journal))


def test_a_model_that_crashes_twice_still_stops_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dojo, machine = at_the_end(tmp_path, left=900.0, pace=0.01)
    chosen(dojo)

    def crash(function: str, payload: Any, *others: Sequence[Any], **more: Any) -> Any:
        raise ExperimentFailed("evaluate", "crashed", "signal 11")

    monkeypatch.setattr(machine, "measure", crash)
    with pytest.raises(ExperimentFailed, match="signal 11"):
        final_test(dojo, "e01")


def test_a_child_may_take_half_of_the_budget_first_and_then_what_the_end_leaves(tmp_path: Path) -> None:
    dojo, _ = at_the_end(tmp_path, left=500.0, pace=0.01)
    reserve, reading = dojo.reserve, expected_seconds(dojo)
    assert dojo.job_seconds() == pytest.approx(500.0 - reserve.tail_on() - 0.5 * reading)
    chosen(dojo)
    assert dojo.job_seconds() == pytest.approx(500.0 - reserve.tail_on())


@pytest.mark.parametrize(("slower", "times"), [(1.0, 1.0), (1.9, 1.0), (4.0, 2.0), (100.0, 2.0)])
def test_what_follows_the_reading_has_longer_on_a_machine_that_has_become_slow(
    tmp_path: Path, slower: float, times: float
) -> None:
    dojo, _ = at_the_end(tmp_path, left=500.0, pace=0.01)
    assert dojo.reserve.tail_on(slower) == pytest.approx(times * dojo.reserve.tail_seconds)
