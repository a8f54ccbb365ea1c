"""Answering time: what answers cost by a run's own measurements, and whether asking for a share first pays.

An evaluation that was stopped early (``tools.evaluation.staged``) took less than the next one may take: what
is planned by it counts with all items.
"""

from __future__ import annotations

from collections.abc import Mapping

from memory.journal.log import BASE, Journal
from memory.records import Evaluation

FINISH_SECONDS = 4.0
"""Export, report and the last journal records."""
MARGIN = 1.2
"""Of the reserve for the last answers: measured seconds are not the same twice."""
STOPPED_SHARE = 0.25
"""Of the experiments, those that a first look is counted on to stop when its worth is estimated. A
judgement."""
LEAST_SAVED = 0.05
"""Of an experiment's time, what a first look must be expected to save. Where a second call costs nothing,
it does from answering taking a little over a quarter of the time. A judgement."""


def full_seconds(evaluation: Evaluation) -> float:
    """Wall-clock of an evaluation if all of its items had been answered."""
    stopped = evaluation.stopped
    if stopped is None:
        return evaluation.wall_seconds
    growing = evaluation.wall_seconds - evaluation.fixed_seconds
    return evaluation.fixed_seconds + growing * stopped.items / stopped.answered


def finishing_seconds(journal: Journal, items: int, last_items: int) -> float:
    """The reserve for the end: the last items answered by the base, and by a champion as slow as the slowest
    experiment so far. A model that has not learnt to end its answers takes longer than one that has.

    Args:
        journal: of the run.
        items: search items.
        last_items: confirmation and test items together.
    """
    base = journal.evaluation(BASE)
    if base is None:
        return FINISH_SECONDS
    trained = [e.evaluation for e in journal.experiments() if e.evaluation is not None]
    last = seconds_for(base, last_items / max(items, 1))
    champion = max((seconds_for(each, last_items / max(items, 1)) for each in trained), default=last)
    return MARGIN * (last + champion) + FINISH_SECONDS


def seconds_for(evaluation: Evaluation, times: float) -> float:
    """Wall-clock of answers to so many times all items of an evaluation, by the same model."""
    fixed = evaluation.fixed_seconds
    return fixed + (full_seconds(evaluation) - fixed) * times


def overhead_seconds(journal: Journal) -> float:
    """What an experiment costs besides its training steps: data, probe, all answers, process start."""
    base = journal.evaluation(BASE)
    seconds = []
    for experiment in journal.experiments():
        if experiment.evaluation and "evaluate" in experiment.clocks:
            spared = full_seconds(experiment.evaluation) - experiment.evaluation.wall_seconds
            seconds.append(experiment.clocks["data"] + experiment.clocks["evaluate"] + spared)
    known = max(seconds[-3:]) if seconds else (2 * base.wall_seconds if base else 10.0)
    return 1.1 * known + 1.0


def look_pays(journal: Journal, totals: Mapping[str, float], first_share: float) -> bool:
    """Whether to answer a share of the items first is expected to save time in the experiment under way.

    What is counted on: answering takes as long as in the latest evaluation, one experiment in four is
    stopped, and the others pay for a second call.

    Args:
        journal: of the run.
        totals: the ledger's, now.
        first_share: of the items, 0.0 to 1.0.
    """
    base = journal.evaluation(BASE)
    if base is None:
        return False
    latest = [base, *(e.evaluation for e in journal.experiments() if e.evaluation is not None)][-1]
    fixed = latest.fixed_seconds
    answering = full_seconds(latest) - fixed
    saved = STOPPED_SHARE * (1 - first_share) * answering - (1 - STOPPED_SHARE) * fixed
    before = sum(journal.clocks_under_way(totals).values())
    return saved >= LEAST_SAVED * (before + fixed + answering)
