"""How well decisions did: predictions, overrides of the optimiser and forecasts, scored by what happened.

Pure functions over what the journal holds, so the figures that a prompt shows are those
of the report. Nothing here is told by a model: only measured validation scores count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memory.journal.log import BASE, Journal
from memory.records import Decision, Experiment
from tasks.base import Score

LEAST_POINTS = 1.0
"""A change of the validation score below this is no change: of 300 items it is three."""
FAILED_WORTH = -1.0
"""Worth of a training that reached no score: as bad as losing as much as was left to gain."""


@dataclass(frozen=True)
class TriedPrediction:
    """One prediction, and what the experiment that put it to the test showed."""

    diagnosed: str
    """The experiment whose diagnosis predicted."""
    tested_by: str
    claim: str
    expected: float
    """Points of validation score over the diagnosed experiment; positive is better."""
    actual: float | None
    """The same, measured; None when either of the two has no score."""
    hit: bool | None
    """See ``hit``; None without a score."""


@dataclass(frozen=True)
class PredictionRecord:
    """The predictions that a later plan put to the test, oldest first."""

    tested: tuple[TriedPrediction, ...] = ()

    @property
    def scored(self) -> tuple[TriedPrediction, ...]:
        """Those whose test reached a score."""
        return tuple(item for item in self.tested if item.actual is not None)

    @property
    def n(self) -> int:
        """How many were scored."""
        return len(self.scored)

    @property
    def hits(self) -> int:
        """How many of them came true."""
        return sum(bool(item.hit) for item in self.scored)

    @property
    def mean_absolute_error(self) -> float | None:
        """Points between expected and actual, on average; None before any was scored."""
        return _mean([abs(item.expected - (item.actual or 0.0)) for item in self.scored])

    def text(self) -> str:
        """One or two lines for a prompt or a page."""
        lost = len(self.tested) - self.n
        unscored = f" {lost} more reached no score." if lost else ""
        if not self.scored:
            return f"Predictions: no record yet, none was tested to a score.{unscored}"
        expected = _mean([item.expected for item in self.scored]) or 0.0
        actual = _mean([item.actual or 0.0 for item in self.scored]) or 0.0
        return (
            f"Predictions: {self.hits} of {self.n} came true. Expected {expected:+.1f} points on average, "
            f"got {actual:+.1f}; mean error {self.mean_absolute_error:.1f} points.{unscored}"
        )


def hit(expected: float, actual: float) -> bool:
    """Whether a prediction was right about the direction.

    Up and down mean at least ``LEAST_POINTS``; less than that, predicted or measured, is
    no change. The direction alone decides, because that is what the next plan is chosen
    by, and because on some hundred validation items a gain of 4 cannot be told from one
    of 7; how far the sizes are off is told apart, as the mean error.
    """
    return _direction(expected) == _direction(actual)


def predictions(experiments: Sequence[Experiment]) -> PredictionRecord:
    """Every prediction that a later plan put to the test (``Plan.tests``), scored.

    A prediction is scored once: by the first such experiment that reached a score, so
    that trying again until it fits does not count.
    """
    tested = []
    for diagnosed in experiments:
        prediction = diagnosed.diagnosis.prediction if diagnosed.diagnosis else None
        tests = [e for e in experiments if e.number > diagnosed.number and e.plan.tests == diagnosed.id]
        if prediction is None or not tests:
            continue
        test = next((e for e in tests if _gain(diagnosed, e) is not None), tests[0])
        actual = _gain(diagnosed, test)
        tested.append(
            TriedPrediction(
                diagnosed=diagnosed.id,
                tested_by=test.id,
                claim=prediction.claim,
                expected=prediction.expected_gain,
                actual=actual,
                hit=None if actual is None else hit(prediction.expected_gain, actual),
            )
        )
    return PredictionRecord(tuple(tested))


@dataclass(frozen=True)
class Trainings:
    """What a number of trainings came to."""

    n: int = 0
    kept: int = 0
    mean_worth: float | None = None
    """Share of the remaining error that training removed, on average; None for no training."""

    def text(self) -> str:
        """``2 of 3 kept, mean worth +0.12``."""
        if self.mean_worth is None:
            return "none yet"
        return f"{self.kept} of {self.n} kept, mean worth {self.mean_worth:+.2f}"


@dataclass(frozen=True)
class OverrideRecord:
    """Trainings whose numeric hyperparameters a model set itself, against those of the optimiser."""

    overridden: Trainings = Trainings()
    followed: Trainings = Trainings()

    def text(self) -> str:
        """One or two lines for a prompt or a page."""
        own = f"With the optimiser's hyperparameters: {self.followed.text()}."
        if not self.overridden.n:
            return f"Overrides of the optimiser's hyperparameters: no record yet. {own}"
        return (
            f"Overrides of the optimiser's hyperparameters: {self.overridden.text()}. {own} "
            "(Worth: share of the remaining error that training removed; -1 for one that failed.)"
        )


def overrides(experiments: Sequence[Experiment], base_score: float) -> OverrideRecord:
    """Trainings with a ``TrainingPlan.override_reason`` against those without, by outcome and worth.

    Worth is (score - start) / (100 - start), start being the score of the weights that
    training began from, as the optimiser itself counts; a training without a score, one
    that diverged for instance, is worth ``FAILED_WORTH``.

    Args:
        experiments: finished ones.
        base_score: the base model's validation score.
    """
    scores = {e.id: e.evaluation.paired_score.value for e in experiments if e.evaluation}
    worths: dict[bool, list[float]] = {True: [], False: []}
    kept = {True: 0, False: 0}
    for experiment in experiments:
        plan = experiment.training_plan
        if plan is None:
            continue
        start, reached = scores.get(plan.init_from, base_score), scores.get(experiment.id)
        worth = FAILED_WORTH if reached is None else (reached - start) / max(100.0 - start, 1.0)
        overridden = bool(plan.override_reason)
        worths[overridden].append(worth)
        kept[overridden] += experiment.outcome == "kept"
    return OverrideRecord(
        *(Trainings(len(worths[side]), kept[side], _mean(worths[side])) for side in (True, False))
    )


@dataclass(frozen=True)
class TriedForecast:
    """A forecast beside what happened."""

    gain: float
    """Points over the weights that training began from, as forecast."""
    low: float
    high: float
    expected: float
    """What the plan itself expected."""
    actual: float
    experiment: str = ""

    @property
    def inside(self) -> bool:
        """Whether the interval held what happened."""
        return self.low <= self.actual <= self.high


@dataclass(frozen=True)
class ForecastRecord:
    """The forecasts whose experiments reached a score."""

    scored: tuple[TriedForecast, ...] = ()

    @property
    def n(self) -> int:
        """How many."""
        return len(self.scored)

    @property
    def inside(self) -> int:
        """How many gains lay inside their intervals."""
        return sum(each.inside for each in self.scored)

    @property
    def mean_absolute_error(self) -> float | None:
        """Points; None before there is any."""
        return _mean([abs(each.gain - each.actual) for each in self.scored])

    @property
    def own_error(self) -> float | None:
        """The same of what the plans expected."""
        return _mean([abs(each.expected - each.actual) for each in self.scored])

    def text(self) -> str:
        """One line for a prompt or a page; the level of the intervals is 80%."""
        if not self.scored:
            return "Forecasts from earlier experiments: none was scored yet."
        return (
            f"Forecasts from earlier experiments: {self.inside} of {self.n} gains lay inside their 80% "
            f"intervals; mean error {self.mean_absolute_error:.1f} points, of the plans' own expectations "
            f"{self.own_error:.1f}."
        )


def forecasts(experiments: Sequence[Experiment], base: Score) -> ForecastRecord:
    """Every forecast whose experiment reached a score, oldest first.

    Args:
        experiments: finished ones.
        base: the base model's validation score.
    """
    scores = {BASE: base.points} | {
        e.id: e.evaluation.paired_score.points for e in experiments if e.evaluation
    }
    return ForecastRecord(
        tuple(
            TriedForecast(
                foretold.gain,
                foretold.low,
                foretold.high,
                e.plan.expected_gain,
                scores[e.id] - scores[e.plan.init_from],
                e.id,
            )
            for e in experiments
            if (foretold := e.plan.forecast) is not None and {e.id, e.plan.init_from} <= scores.keys()
        )
    )


@dataclass(frozen=True)
class DecisionCount:
    """Who decided, over a number of decisions under a language model."""

    llm: int = 0
    playbook: int = 0
    taken_over: int = 0
    """Of the playbook's: those that the model was asked for and did not manage."""
    repaired: int = 0
    """Of the model's: those that needed a reply to go back with its error."""
    repairs: int = 0
    """Replies that went back with their error, over all decisions."""

    @property
    def n(self) -> int:
        """All of them."""
        return self.llm + self.playbook

    def text(self) -> str:
        """``llm 12, playbook 3 (taken over 2)``."""
        return f"llm {self.llm}, playbook {self.playbook} (taken over {self.taken_over})"


def decisions(journal: Journal) -> tuple[Decision, ...]:
    """Every decision made under a language model, in order."""
    return tuple(Decision.model_validate(event.data) for event in journal.events if event.kind == "decision")


def count_decisions(made: Iterable[Decision]) -> DecisionCount:
    """Decisions by who made them. The playbook took over where a model was called or something went wrong."""
    found = list(made)
    playbook = [decision for decision in found if decision.decided_by == "playbook"]
    return DecisionCount(
        llm=len(found) - len(playbook),
        playbook=len(playbook),
        taken_over=sum(bool(decision.calls or decision.problems) for decision in playbook),
        repaired=sum(decision.repairs > 0 and decision.decided_by == "llm" for decision in found),
        repairs=sum(decision.repairs for decision in found),
    )


def _gain(before: Experiment, after: Experiment) -> float | None:
    """Points of validation score, positive for better; None when either has no score."""
    if before.evaluation is None or after.evaluation is None:
        return None
    return after.evaluation.paired_score.points - before.evaluation.paired_score.points


def _direction(points: float) -> int:
    return 0 if abs(points) < LEAST_POINTS else (1 if points > 0 else -1)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
