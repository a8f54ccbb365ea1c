"""The resident child is killed, hangs or runs out of memory: the run loses the step in hand, and goes on.

Slow: `make test-slow`. ``python -m tests.bench.lost_child`` goes through all phases.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.journal.log import BASE
from tests.support.lost_child import PHASES, Blow, Ending, injured_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, blow: Blow) -> Ending:
    found = injured_run(tmp_path, PHASES[phase], blow, monkeypatch)
    assert found.struck
    assert found.journal.ended is not None
    assert len(found.journal.experiments()) == 2
    assert found.journal.test_evaluation(BASE) is not None
    return found


@pytest.mark.parametrize(
    ("phase", "blow", "code"),
    [
        ("training", "kill", "crashed"),
        ("saving", "hang", "crashed"),
        ("probe", "out_of_memory", "does_not_fit"),
    ],
)
def test_a_training_that_is_lost_is_a_failed_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, blow: Blow, code: str
) -> None:
    found = ending(tmp_path, monkeypatch, phase, blow)
    first, second = found.journal.experiments()
    assert first.failure is not None
    assert first.failure.code == code
    assert second.failure is None
    assert found.told == ""


@pytest.mark.parametrize(
    ("phase", "blow"),
    [("answering an experiment", "kill"), ("sealed test", "hang"), ("confirmation", "kill")],
)
def test_an_answer_that_is_lost_is_given_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, blow: Blow
) -> None:
    found = ending(tmp_path, monkeypatch, phase, blow)
    assert [each.failure for each in found.journal.experiments()] == [None, None]
    assert sum("done once more" in note for note in found.journal.notes) == 1
    assert found.told == ""
    assert found.journal.test_reads == 1


@pytest.mark.parametrize("phase", ["answering the base", "sealed test"])
def test_where_memory_runs_out_before_and_after_the_search_smaller_batches_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    found = ending(tmp_path, monkeypatch, phase, "out_of_memory")
    assert found.told == ""
    assert sum("in smaller batches" in note for note in found.journal.notes) == 1
