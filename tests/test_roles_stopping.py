"""When a run ends, and what its end is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roles import stopping
from tests.support.run_in_progress import StillDojo, make_dojo


@pytest.fixture
def dojo(tmp_path: Path) -> Iterator[StillDojo]:
    """A run of three finished experiments."""
    made = make_dojo(tmp_path / "run", 3)
    yield made
    made.journal.close()


def test_a_run_with_time_goes_on(dojo: StillDojo) -> None:
    assert stopping.ending(dojo) is None
    assert stopping.ending(dojo, max_experiments=4) is None


def test_as_many_experiments_as_were_asked_for_are_no_lack_of_budget(dojo: StillDojo) -> None:
    assert stopping.ending(dojo, max_experiments=3) == (
        "max_experiments",
        "3 experiments were asked for, and are done",
    )


def test_without_time_the_budget_is_out(dojo: StillDojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dojo, "remaining_budget_seconds", lambda: 2.0)
    found = stopping.ending(dojo)
    assert found is not None and found[0] == "out_of_budget"


def test_a_target_that_is_reached_is_solved(dojo: StillDojo) -> None:
    found = stopping.ending(dojo, target=1.0)
    assert found is not None and found[0] == "solved"
