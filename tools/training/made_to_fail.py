"""Trainings that are made to fail: a bench asks for a share of them, to see how a policy recovers.

What fails looks like a process that died, the most common accident; which trainings are hit follows from the
run's seed and the experiment, so that a resumed run meets the same. The journal says beforehand that the
bench has asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from tasks.errors import ExperimentFailed

TRAININGS = "trainings:"
"""Begins the name of the part that a run goes without."""


def share_of(part: str) -> float | None:
    """The share (0.0 to 1.0, neither included) that a part's name asks for; None for another part."""
    if not part.startswith(TRAININGS):
        return None
    try:
        share = float(part.removeprefix(TRAININGS))
    except ValueError:
        return None
    return share if 0.0 < share < 1.0 else None


def is_hit(share: float, seed: int, experiment: str) -> bool:
    """Whether this training is among the share."""
    drawn = int.from_bytes(sha256(f"{seed} {experiment}".encode()).digest()[:4], "big") / 2**32
    return drawn < share


def fail_where_asked(without: Iterable[str], seed: int, experiment: str) -> None:
    """Fail a training that is hit.

    Raises:
        ExperimentFailed: ``crashed``.
    """
    for part in without:
        share = share_of(part)
        if share is not None and is_hit(share, seed, experiment):
            raise ExperimentFailed("train", "crashed", "the training process died (signal 9)")
