"""Errors, in one place.

    FtDojoError
    |-- InputError            the user's input is wrong: one line, exit code 2, nothing lost
    |-- ExperimentFailed      one experiment failed: recorded as data, the run goes on
    |-- InvalidDecision       what was decided does not fit the run: told to whoever decided, who may mend it
    |-- CapReached            no more money or tokens may be spent: the run ends in order
    `-- HarnessFault          the harness itself cannot go on: the run ends as `harness_fault`
        `-- MachineFault      because of the machine (no memory): the user mends that and resumes
            `-- DiskFull      no space is left, wherever that was found: no experiment failed

    KeyboardInterrupt
    `-- Interrupted           someone asked the run to stop: no error of anybody's, and nothing is lost

An ``InputError`` names the input, says what is wrong and how to mend it, in one
line that a person reads without a traceback. An ``ExperimentFailed`` carries the
stage and a short code, so that a role can act on it; it never stops a run. Only a
``HarnessFault`` stops a run, and the journal keeps everything up to it.

The module stands in ``tasks`` because every other folder may import from there.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

Stage = Literal["plan", "data", "probe", "train", "evaluate", "diagnose"]

Code = Literal[
    "empty_data",
    "contaminated",
    "bad_recipe",
    "does_not_fit",
    "diverged",
    "no_progress",
    "timeout",
    "out_of_memory",
    "crashed",
    "bad_output",
    "bad_script",
    "teacher_failed",
    "judge_failed",
    "cap_reached",
    "rejected",
    "repeated",
]


class FtDojoError(RuntimeError):
    """Every error that FT-Dojo raises on purpose.

    A ``RuntimeError``: LangGraph's server passes on the sentence of those, and masks errors of other kinds.
    """


class InputError(FtDojoError):
    """The user's input is wrong.

    Args:
        what: the input, as the user wrote it (a path, a flag, a task id).
        wrong: what is wrong with it.
        fix: what to do about it.
    """

    def __init__(self, what: str, wrong: str, fix: str) -> None:
        self.what, self.wrong, self.fix = (_on_one_line(part) for part in (what, wrong, fix))
        super().__init__(f"{self.what}: {self.wrong}; {self.fix}")


def _on_one_line(text: str) -> str:
    """The text, what stands on several lines (a library's words, a name with a line end) on one."""
    parts = text.splitlines()
    return " ".join(filter(None, map(str.strip, parts))) if len(parts) > 1 or text.endswith("\n") else text


class ExperimentFailed(FtDojoError):
    """One experiment cannot go on. Becomes a ``Failure`` record, not a crash."""

    def __init__(self, stage: Stage, code: Code, message: str, log_tail: str = "") -> None:
        self.stage, self.code, self.message, self.log_tail = stage, code, message, log_tail
        self.tried: dict[str, Any] = {}
        """The settings of a training of which a few steps failed, JSON-plain; else empty."""
        super().__init__(f"{stage}: {code}: {message}")


class InvalidDecision(FtDojoError):
    """A decision that does not fit the run, whoever made it; the text says what would."""


class CapReached(FtDojoError):
    """The cap on money or tokens leaves no room for another call of a language model."""


class HarnessFault(FtDojoError):
    """The harness cannot go on: a broken installation, a bug of ours."""


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop, by Ctrl-C or a signal; the text says how to go on with it.

    Args:
        text: one line.
        code: the process's exit code, 128 and the signal's number.
    """

    def __init__(self, text: str = "interrupted", code: int = 130) -> None:
        self.code = code
        super().__init__(text)


class MachineFault(HarnessFault):
    """The machine cannot go on, and its user can mend that: nothing is lost, and the run can be resumed."""


class DiskFull(MachineFault):
    """No space is left on a disk of the run, in this process or in a child."""


FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers with which the system says that no space is left."""
MENDS = {
    errno.EMFILE: "raise `ulimit -n` or end other programs",
    errno.ENFILE: "end other programs",
    errno.EROFS: "make it writable",
    errno.EIO: "look after the disk",
    errno.ENOMEM: "free some memory",
}
"""What else the machine's user can mend, by the system's number."""
SQLITE = {13: errno.ENOSPC, 8: errno.EROFS, 10: errno.EIO, 7: errno.ENOMEM}
"""Primary result codes of SQLite (sqlite.org/rescode.html) -> the system's numbers."""
CANNOT_OPEN = 14
"""SQLite's code for what may be the folder's fault or the limit of open files."""
OPEN_FILE = "see that its folder is there and writable, and `ulimit -n` not used up"
_RUST = re.compile(r"\(os error (\d+)\)\)*$|\bOs \{ code: (\d+),[^{}]*\}\)*$")
"""How errors end in which Rust's libraries (safetensors, tokenizers) pass on what the system said."""
RAISED_BY_RUST = (Exception, RuntimeError)
"""Kinds of Python's own that such libraries use, beside kinds of theirs."""
FULL_DISK = ("no space left on device", "disk quota exceeded", "database or disk is full")
"""How it is said where words are all there is: in the last lines of a process that has ended."""
MOST_CAUSES = 10
"""Of one error, those that are looked at."""
COMPARED_CHARACTERS = 80
"""Of a name that is none: comparing takes the square of its length."""
LONGEST_REASON = 300
"""Characters of a foreign message that are quoted."""


@contextmanager
def boundary(stage: Stage, what: str) -> Iterator[None]:
    """The only place where foreign exceptions become ``ExperimentFailed``.

    Our own errors pass through unchanged. A full disk and a missing package are
    faults of the machine and of the harness rather than of the experiment.
    """
    try:
        yield
    except FtDojoError:
        raise
    except (ImportError, OSError) as error:
        raise fault_of(what, error) from error
    except MemoryError as error:
        raise ExperimentFailed(stage, "out_of_memory", f"{what}: out of memory") from error
    except Exception as error:
        if (number := system_number(error)) is not None and number != errno.ENOMEM:
            raise fault_of(what, error) from error
        raise ExperimentFailed(stage, "crashed", f"{what}: {reason_of(error)}") from error


@contextmanager
def or_fault(what: str) -> Iterator[None]:
    """Outside experiments: what is not ours becomes a ``HarnessFault``, in one line."""
    try:
        yield
    except FtDojoError:
        raise
    except Exception as error:
        raise fault_of(what, error) from error


@contextmanager
def or_input_error(what: str, wrong: str, fix: str) -> Iterator[None]:
    """Around the reading of a user's input: what a library makes of it becomes an ``InputError``.

    Args:
        what: the input, as the user wrote it.
        wrong: what was attempted and failed (``its tokenizer cannot be loaded``).
        fix: what to do about it.
    """
    try:
        yield
    except FtDojoError:
        raise
    except ImportError:
        raise  # a missing package is said by its name
    except Exception as error:
        if system_number(error) in FULL:
            raise fault_of(what, error) from error
        raise InputError(what, f"{wrong} ({reason_of(error)})", fix) from error


def fault_of(what: str, error: Exception) -> HarnessFault:
    """A foreign exception as a fault: what went wrong, and what can be done about it."""
    number = system_number(error)
    if number in FULL:
        return DiskFull(f"{what}: the disk is full; nothing is lost: free some space, then `ftdojo resume`")
    if fix := OPEN_FILE if _sqlite_code(error) == CANNOT_OPEN else MENDS.get(number or 0, ""):
        return MachineFault(f"{what}: {reason_of(error)}; nothing is lost: {fix}, then `ftdojo resume`")
    if isinstance(error, MemoryError):
        return MachineFault(f"{what}: out of memory; nothing is lost: free some memory, then `ftdojo resume`")
    if isinstance(error, PermissionError):
        return MachineFault(f"{what}: {reason_of(error)}; make it writable, then `ftdojo resume`")
    if isinstance(error, ImportError):
        return HarnessFault(f"{what}: {error}; install it with `pip install ft-dojo[all]`")
    return HarnessFault(f"{what}: {reason_of(error)}")


def system_number(error: BaseException) -> int | None:
    """The system's number for what lies behind an error and the machine's user can mend; None for nothing.

    Found by the kinds of the error and of its causes. What an error says decides nothing, unless its kind is
    of those that have no other way to tell: it may quote a script's output, a row or a model's answer.
    """
    for each in _causes(error):
        if isinstance(each, FtDojoError):
            continue
        number = _number_of(each)
        if number in FULL or number in MENDS:
            return number
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came of, the last first."""
    found: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if found is None:
            return
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _number_of(error: BaseException) -> int | None:
    """The number that one error tells: its own, SQLite's, or the one that its library wrote behind it."""
    if isinstance(error, OSError):
        # A copied folder's error (shutil) is a list of such errors as text.
        return error.errno if error.errno is not None else _named_in(str(error))
    if (code := _sqlite_code(error)) is not None:
        return SQLITE.get(code)
    if type(error).__module__ == "builtins" and type(error) not in RAISED_BY_RUST:
        return None
    told = _RUST.search(str(error).strip())
    return int(told[1] or told[2]) if told else None


def _sqlite_code(error: BaseException) -> int | None:
    """The primary result code of an error of SQLite; None for any other."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _named_in(text: str) -> int | None:
    """The number that Python writes in front of an error of the system: ``[Errno 28] ...``."""
    numbers = map(int, re.findall(r"\[Errno (\d{1,5})\]", text))
    return next((number for number in numbers if number in FULL or number in MENDS), None)


def disk_is_full(words: str) -> bool:
    """Whether the last words of a process say that no space is left: it told nothing else of its end."""
    return any(said in words.lower() for said in FULL_DISK)


def reason_of(error: BaseException) -> str:
    """An exception as part of one line."""
    text = " ".join(str(error).split())[:LONGEST_REASON]
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}".strip(": ")


def did_you_mean(name: str, known: Iterable[str], every: bool = False, otherwise: str = "") -> str:
    """A fix line that offers the nearest known names, and all of them where none is near.

    Args:
        name: what was asked for; of a longer one the beginning is compared.
        known: what there is.
        every: list all names in any case, in their order, for a reader who may know none of them.
        otherwise: said in place of all names where none is near.
    """
    known = list(known)
    near = difflib.get_close_matches(name[:COMPARED_CHARACTERS], sorted(known), n=3, cutoff=0.4)
    meant = "did you mean " + " or ".join(near) + "?" if near else ""
    if every:
        return f"{meant} there are {', '.join(known)}".strip()
    return meant or otherwise or "known: " + ", ".join(sorted(known))
