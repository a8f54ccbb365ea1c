"""Answered items: which ones an evaluation may leave out, and whether it left out those.

All of a split is answered, but for two cases in which the items are drawn by the run's seed: a first share
after which a model was too far behind, and the part of the sealed test that the time held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from memory.journal.history import History
from memory.records import Evaluation
from tasks.base import Sample
from tools.evaluation.reading import order_of
from tools.evaluation.staged import first_share
from tools.verification.finding import short


def answered_differences(
    history: History,
    experiment: str,
    evaluation: Evaluation,
    answered: Sequence[Sample],
    splits: Mapping[str, Sequence[Sample]],
) -> Iterator[str]:
    """Items that were left out and that a run does not leave out, in a line.

    Args:
        history: of the run.
        experiment: whose answers they are.
        evaluation: what the journal says of them.
        answered: the items that have an answer, in order.
        splits: all items by split.
    """
    split, seed = splits.get(evaluation.split, ()), history.info.seed
    if not split:
        return
    allowed, stopped = set(range(len(split))), evaluation.stopped
    if stopped is not None:
        allowed = set(first_share(split, experiment, seed))
        if (stopped.answered, stopped.items) != (len(allowed), len(split)):
            told = f"{len(allowed)} of {len(split)}, recorded {stopped.answered} of {stopped.items}"
            yield f"the first share of {experiment} comes to {told}"
    elif evaluation.drawn_from:
        allowed = set(order_of(split, seed)[: len(answered)])
        if evaluation.drawn_from != len(split):
            yield f"it is a part of {len(split)} items, recorded as one of {evaluation.drawn_from}"
    wanted = [sample.id for number, sample in enumerate(split) if number in allowed]
    found = [sample.id for sample in answered]
    if wanted != found:
        missing = [name for name in wanted if name not in set(found)]
        first = f", the first of them {short(missing[0])}" if missing else ""
        yield f"{len(missing)} items that {experiment} had to answer have no answer{first}"
