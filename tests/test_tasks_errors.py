"""Errors of the machine are told by their kinds and numbers, and never by words that something may quote."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tasks.errors import (
    DiskFull,
    ExperimentFailed,
    HarnessFault,
    InputError,
    MachineFault,
    boundary,
    or_fault,
    or_input_error,
    system_number,
)

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EIO)


class SafetensorError(Exception):
    """As a library in Rust has them: what the system said, in an error of its own."""


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "model.tmp")


def wrapped(number: int) -> Exception:
    """An error of a library that met one of the system."""
    try:
        try:
            raise system(number)
        except OSError as error:
            raise RuntimeError("the file could not be saved") from error
    except RuntimeError as error:
        return error


def handled(number: int) -> Exception:
    """The same where the library says nothing of the cause."""
    try:
        try:
            raise system(number)
        except OSError:
            raise KeyError("saved")  # noqa: B904
    except KeyError as error:
        return error


def in_rust(number: int) -> Exception:
    return SafetensorError(f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})")


def in_old_rust(number: int) -> Exception:
    told = f'Os {{ code: {number}, kind: StorageFull, message: "{os.strerror(number)}" }}'
    return SafetensorError(f"Error while serializing: IoError({told})")


def in_a_copy(number: int) -> Exception:
    return shutil.Error([("a", "b", f"[Errno {number}] {os.strerror(number)}: 'b'")])


MADE: tuple[Callable[[int], Exception], ...] = (system, wrapped, handled, in_rust, in_old_rust, in_a_copy)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("make", MADE)
def test_what_the_system_said_is_found_behind_whatever_a_library_made_of_it(
    make: Callable[[int], Exception], number: int
) -> None:
    fault = DiskFull if number in (errno.ENOSPC, errno.EDQUOT) else MachineFault
    for within in (boundary("train", "training"), or_fault("the report")):
        with pytest.raises(fault, match="ftdojo resume"), within:
            raise make(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_words_that_are_only_quoted_are_no_fault_of_the_machine(number: int) -> None:
    """A scorer, a parser or a policy of the user's names what it could not read: a script's output, a row."""
    said = f"no label in the reply '[Errno {number}] {os.strerror(number)}' (os error {number})"
    for error in (ValueError(said), RuntimeError(f"{said}: database or disk is full"), KeyError(said)):
        assert system_number(error) is None
        with pytest.raises(ExperimentFailed) as failed, boundary("evaluate", "scoring"):
            raise error
        assert failed.value.code == "crashed"
        with pytest.raises(HarnessFault) as fault, or_fault("the report"):
            raise error
        assert not isinstance(fault.value, MachineFault)
        with pytest.raises(InputError, match="cannot be read"), or_input_error("rows", "cannot be read", "x"):
            raise error


def test_a_failed_experiment_tells_of_the_system_by_its_cause_and_not_by_its_message() -> None:
    told = ExperimentFailed("train", "crashed", f"it printed {os.strerror(errno.EROFS)} (os error 30)")
    assert system_number(told) is None
    told.__cause__ = system(errno.EROFS)
    assert system_number(told) == errno.EROFS


def test_a_data_base_that_cannot_be_written_or_opened_is_the_machines(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.execute("create table t (a)")
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as read_only,
        pytest.raises(MachineFault, match="make it writable"),
        or_fault("the run"),
    ):
        read_only.execute("insert into t values (1)")
    with pytest.raises(MachineFault, match="see that its folder is there"), or_fault("the run"):
        sqlite3.connect(tmp_path / "no" / "such" / "file.sqlite")
    with (
        closing(sqlite3.connect(":memory:")) as wrong,
        pytest.raises(HarnessFault) as caught,
        or_fault("the run"),
    ):
        wrong.execute("no such statement")
    assert not isinstance(caught.value, MachineFault)
