"""Reserve of time for the end of a run: what the last answers, the export and the report will take.

It is measured anew whenever it is asked for, by the lengths of what is to be answered and the run's latest
pace (``tools.evaluation.answering_time``). From it follows how long any child may take now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memory.journal.log import BASE, Journal
from tasks.base import Sample
from tools.evaluation.answering_time import (
    CHAMPION,
    FINISH_SECONDS,
    MARGIN,
    LastAnswers,
    finishing_seconds,
    slowness,
)
from tools.evaluation.workload import Workload, lengths_of, span_of
from tools.models.base_model import BaseModel
from tools.sealed_test import SealedTest

COPY_SECONDS_PER_GIB = 5.0
"""Of the export: weights are read and written once."""
FIRST_JOB_SHARE = 0.5
"""Of the budget, the most that the base's answers to the search items may take: the test has to be read for
two models, and something trained."""
CALM_TAIL_SHARE, MOST_SLOWER = 0.5, 4.0
"""Of the tail, what is taken on a calm machine; and so many times that, at most, on one that others use."""
LEAST_READ_SHARE = 0.5
"""Of the sealed test's reading, what the confirmation leaves time for; of the time left, if that is less. A
test that is read for an unconfirmed model is read for the base alone."""


@dataclass(frozen=True)
class Reserve:
    """What is to be answered in a run, by the lengths of the prompts."""

    journal: Journal
    search: Workload
    confirmation: Workload
    test: Workload
    """Of the sealed test no more than the lengths is known."""
    tail_seconds: float
    """Of the end, what follows the last answer: export, report, the last records."""
    taught_tokens: Callable[[], float] = lambda: math.inf
    """Of one answer that is taught, as far as the rows are known by now; see ``LastAnswers``."""

    @classmethod
    def of(
        cls,
        journal: Journal,
        search: Sequence[Sample],
        confirmation: Sequence[Sample],
        test: SealedTest,
        count_tokens: Callable[[str], int],
        model: BaseModel,
        taught_tokens: Callable[[], float] = lambda: math.inf,
    ) -> Reserve:
        """The reserve of a run on these items with this base model."""
        span = span_of(model)

        def load(samples: Sequence[Sample]) -> Workload:
            return Workload(lengths_of([each.prompt for each in samples], count_tokens), len(samples), span)

        known = load(search)
        # A test whose lengths nobody counted is taken to be like the search items.
        sealed = Workload(test.prompt_tokens or known.prompts, test.n, span)
        tail_seconds = FINISH_SECONDS + COPY_SECONDS_PER_GIB * model.size_gib
        return cls(journal, known, load(confirmation), sealed, tail_seconds, taught_tokens)

    @property
    def reading(self) -> LastAnswers:
        """Of the sealed test."""
        return self._last(self.test)

    @property
    def confirming(self) -> LastAnswers:
        """Of the confirmation items."""
        return self._last(self.confirmation)

    def _last(self, *answered: Workload) -> LastAnswers:
        return LastAnswers(self.search, answered, self.taught_tokens())

    def finishing_seconds(self) -> float:
        """The end of the run, with a margin: measured seconds are not the same twice."""
        last = self._last(self.confirmation, self.test)
        return finishing_seconds(self.journal, last, self.tail_on())

    def tail_on(self, slower: float = 1.0) -> float:
        """The tail on a machine that others use by now.

        Args:
            slower: so many times slower than at the run's latest evaluation.
        """
        slow = min(slower * slowness(self.journal, self.search), MOST_SLOWER)
        return self.tail_seconds * max(1.0, CALM_TAIL_SHARE * slow)

    def for_both(self, last: LastAnswers) -> float:
        """Answers of the base and of a champion."""
        return last.seconds(self.journal, BASE) + last.seconds(self.journal, CHAMPION)

    def job_seconds(self, left: float) -> float:
        """Seconds that a child may take from now on: what is left once all that comes after it is paid for.

        The reserve without its margin: a job that takes a little longer than planned need not be lost. The
        first model that may be better than the base may also take from the test's reading: without it there
        is nothing worth reading the test for.

        Args:
            left: of the budget.
        """
        kinds = {event.kind for event in self.journal.events}
        if self.journal.evaluation(BASE) is None:
            return FIRST_JOB_SHARE * left
        if "champion_chosen" in kinds:
            return left - self.tail_on()
        if "candidate_chosen" in kinds:
            after = left - self.tail_on()
            return after - LEAST_READ_SHARE * min(self.for_both(self.reading), max(after, 0.0))
        after = self.finishing_seconds() / MARGIN
        experiment = self.journal.unfinished()
        if experiment is None:
            return left - after
        if self.journal.training(experiment) is not None and self.journal.incumbent_id() == BASE:
            shared = self.tail_on() + self.for_both(self.confirming)
            after = min(after, shared + LEAST_READ_SHARE * self.for_both(self.reading))
        return left - after - self.measuring_seconds(experiment)

    def measuring_seconds(self, experiment: str) -> float:
        """What an experiment's model is still to be asked once the job in hand is done: the search items, and
        then what it may have forgotten."""
        if self.journal.evaluation(experiment) is not None:
            return 0.0
        general = self.journal.general
        asked = general.candidate_seconds * slowness(self.journal, self.search) if general else 0.0
        if self.journal.training(experiment) is not None:
            return asked
        return asked + self._last(self.search).seconds(self.journal, CHAMPION)
