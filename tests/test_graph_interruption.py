"""A signal ends the step under way, is told with the way to go on, and leaves the handlers as they were."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from graph.interruption import SIGNALS, Interruption, interruptible
from tasks.errors import ExperimentFailed, Interrupted


def _killed_while_training() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    raise ExperimentFailed("train", "crashed", "the process ended by signal 9")


def _killed_between_steps() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    pytest.fail("went on")


def test_in_a_step_a_signal_ends_its_children_and_whatever_it_fails_with_is_the_interrupt(
    tmp_path: Path,
) -> None:
    run_dir = tmp_path / "my run"
    run_dir.mkdir()
    (run_dir / "journal.jsonl").write_text("{}\n")
    ended = []

    def step() -> None:
        with interruptible() as interruption:
            interruption.run_dir = run_dir
            with interruption.in_steps(lambda: ended.append(True)):
                _killed_while_training()

    with pytest.raises(Interrupted) as caught:
        step()
    assert ended == [True]
    assert caught.value.code == 143
    assert f"ftdojo resume '{run_dir}'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_between_steps_a_signal_is_raised_at_once() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        with pytest.raises(Interrupted, match="before the run began") as caught, interruptible():
            _killed_between_steps()
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value.code == 130


def test_a_run_whose_first_line_is_not_whole_has_not_begun(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"kind": "run_st')
    interruption = Interruption()
    interruption.begins(tmp_path)
    assert "before the run began" in interruption.text()


def test_the_handlers_are_as_they_were_afterwards() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with interruptible():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_without_a_signal_errors_pass_unchanged() -> None:
    with pytest.raises(ExperimentFailed), interruptible():
        raise ExperimentFailed("train", "crashed", "really")
