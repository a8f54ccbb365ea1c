"""Answering time: what answers cost by a run's own measurements, and whether asking for a share first pays.

An evaluation that was stopped early (``tools.evaluation.staged``) took less than the next one may take: what
is planned by it counts with all items.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from memory.journal.log import BASE, Journal
from memory.records import Evaluation
from tools.evaluation.workload import Workload, answer_tokens, pace

FINISH_SECONDS = 4.0
"""Export, report and the last journal records."""
LATEST = 2
"""Evaluations by whose pace the reserve goes."""
CHAMPION = "champion"
"""Whoever that will be."""
MARGIN = 1.2
"""Of the reserve for the last answers: measured seconds are not the same twice."""
TAUGHT_ROOM = 1.5
"""Times the answers that are taught, what a trained model's may take. A judgement."""
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


@dataclass(frozen=True)
class LastAnswers:
    """What is answered before the end by base and champion, held against what every experiment answers."""

    search: Workload
    """The search items, on which paces are measured."""
    last: tuple[Workload, ...]
    """Confirmation items, test items, or both."""
    taught_tokens: float = math.inf
    """Of one answer that the rows to train on give, the mean of the source with the longest."""

    def seconds(self, journal: Journal, experiment: str = BASE) -> float:
        """Wall-clock of one model's answers to all of them, at the latest pace.

        Args:
            journal: of the run.
            experiment: ``base``; any other is taken to be as slow as the slowest so far. A model that has
                not learnt to end its answers takes longer than one that has. Before the first is
                answered, half as long again as what is taught counts, if the base's answers are longer.
        """
        base = journal.evaluation(BASE)
        if base is None:
            return 0.0
        now = latest_pace(journal, self.search)

        def needed(by: Evaluation, most_tokens: float = math.inf) -> float:
            tokens = min(answer_tokens(by), most_tokens)
            answering = now * sum(load.work(tokens) for load in self.last)
            return by.fixed_seconds + answering + judging_each(by) * sum(load.items for load in self.last)

        if experiment == BASE:
            return needed(base)
        trained = [e.evaluation for e in journal.experiments() if e.evaluation is not None]
        return max(map(needed, trained), default=needed(base, TAUGHT_ROOM * self.taught_tokens))


def judging_each(evaluation: Evaluation) -> float:
    """Seconds that one answer took to be scored, the mean."""
    answered = evaluation.stopped.answered if evaluation.stopped else evaluation.score.n
    return evaluation.judging_seconds / max(answered, 1)


def latest_pace(journal: Journal, search: Workload) -> float:
    """Seconds for a unit of work by the slower one of the two latest evaluations: a machine that others
    have begun to use is slower than it was, and stays so."""
    return max(_paces(journal, search)[-LATEST:], default=0.0)


def slowness(journal: Journal, search: Workload) -> float:
    """By how many times the latest answers took longer than the quickest of the run, 1.0 at least."""
    quickest = min(_paces(journal, search), default=0.0)
    return max(1.0, latest_pace(journal, search) / quickest) if quickest > 0.0 else 1.0


def _paces(journal: Journal, search: Workload) -> list[float]:
    base = journal.evaluation(BASE)
    trained = [e.evaluation for e in journal.experiments() if e.evaluation is not None]
    return [pace(each, search) for each in (base, *trained) if each is not None]


def finishing_seconds(journal: Journal, last: LastAnswers, tail_seconds: float = FINISH_SECONDS) -> float:
    """The reserve for the end: the last items answered by the base and by a champion, export and report.

    Args:
        journal: of the run.
        last: confirmation and test items together.
        tail_seconds: of export and report.
    """
    if journal.evaluation(BASE) is None:
        return tail_seconds
    return MARGIN * (last.seconds(journal) + last.seconds(journal, CHAMPION)) + tail_seconds


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
            wall = experiment.evaluation.wall_seconds
            spared = full_seconds(experiment.evaluation) - wall
            # What was answered ahead beside another experiment took longer than was waited for it.
            evaluating = max(experiment.clocks["evaluate"], wall)
            seconds.append(experiment.clocks["data"] + evaluating + spared)
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
