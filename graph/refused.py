"""Refused runs: one that is refused before anything was measured leaves no folder behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memory.journal.log import BASE
from tasks.errors import InputError

if TYPE_CHECKING:
    from graph.session import Session


@contextmanager
def removing(run_dir: Path) -> Iterator[None]:
    """Around the opening of a new run: refused, its folder is removed."""
    try:
        yield
    except InputError:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise


@contextmanager
def leaving_no_trace(session: Session) -> Iterator[None]:
    """Around the steps of a new run: refused, it is closed and its folder removed.

    The folder stays where it says more than the refusal does: something was measured in it, paid for, or
    failed there, with a log.
    """
    try:
        yield
    except InputError as refused:
        journal = session.dojo.journal
        paid = any(event.kind == "usage" for event in journal.events)
        if not (refused.__cause__ or paid or journal.ended or journal.evaluation(BASE)):
            session.close()
            shutil.rmtree(session.run_dir, ignore_errors=True)
        raise
