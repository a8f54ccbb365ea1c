"""Lost child: answering is asked for once more where its process was lost or ran out of memory, and the
journal says so.

A training that is lost is an experiment that failed. An answer that is lost may cost more than itself: the
training before it, or the run's only reading of the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from memory.journal.log import Journal
from tasks.errors import ExperimentFailed

R = TypeVar("R")


SMALL_BATCH = 8
"""Rows that are answered together after memory has run out."""


def once_more(
    journal: Journal, what: str, answer: Callable[[], R], smaller: Callable[[], R] | None = None
) -> R:
    """What ``answer`` returns, at the second attempt where the first one's process crashed or hung.

    Args:
        journal: told of the second attempt.
        what: is done, in words.
        answer: does it.
        smaller: does it in smaller batches, after memory ran out; without it that is not tried again, for it
            would run out again.

    Raises:
        ExperimentFailed: any other failure, and that of the second attempt.
    """
    try:
        return answer()
    except ExperimentFailed as failed:
        again = smaller if failed.code == "out_of_memory" else answer
        if failed.code not in ("crashed", "out_of_memory") or again is None:
            raise
        how = " in smaller batches" if again is smaller else ""
        journal.note(f"{what} was lost and is done once more{how}: {failed.message}", lost=failed.log_tail)
        return again()
