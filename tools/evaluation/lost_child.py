"""Lost child: answering is asked for once more where its process was lost, and the journal says so.

A training that is lost is an experiment that failed. An answer that is lost may cost more than itself: the
training before it, or the run's only reading of the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from memory.journal.log import Journal
from tasks.errors import ExperimentFailed

R = TypeVar("R")


def once_more(journal: Journal, what: str, answer: Callable[[], R]) -> R:
    """What ``answer`` returns, at the second attempt where the first one's process crashed or hung.

    Out of memory is not tried again: it would run out again.

    Raises:
        ExperimentFailed: any other failure, and that of the second attempt.
    """
    try:
        return answer()
    except ExperimentFailed as failed:
        if failed.code != "crashed":
            raise
        journal.note(f"{what} was lost and is done once more: {failed.message}", lost=failed.log_tail)
        return answer()
