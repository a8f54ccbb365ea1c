"""Ways: what lessons of all tasks say about the kind of data and the learning rate for a task at hand.

Tasks differ in how much there is to gain, so bare gains of different tasks cannot be pooled. What is pooled
are differences between trainings that are alike but for one thing: the kinds of data of one run, and the
rates at which training went on from the same weights with the same data. Whatever is the task's own cancels
there, as in a meta-analysis of randomised trials. A run that tried one kind, or one rate, says nothing about
it.

Lessons of the run at hand take part: what happens here is set against what happened elsewhere, and the advice
gives way as soon as it is contradicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import hypot, sqrt
from statistics import fmean, median
from typing import Any, Literal

from memory.experience.catalogue import Entry
from memory.experience.effect import Effect, effect_of
from memory.experience.trust import Trust, decay
from memory.lesson import Kind, Place, Tried

LIKE_LENGTH = 4.0
"""Trainings of kinds that are compared read within this factor as many rows: the longer one gets farther
whatever it reads."""
KERNEL = 0.12
"""Width, in places of the range, over which one rate speaks for its neighbours."""
GRID = 20
"""Rates that are weighed, from the lower end of the range to the upper, and one more."""
LEAST_NEAR = 0.05
START = {"base": 1.0, "trained": 0.5}
"""What the rate of a training says about one from the base, by what it started from."""
METRIC, ANSWER, KINDS, DOMAIN, EDITION, MODEL, UNKNOWN = 0.7, 0.5, 0.5, 0.8, 0.5, 0.7, 0.3
"""What is left of a lesson's weight where its task, data or model differ in this. Judgements."""


@dataclass(frozen=True)
class Situation:
    """The run that asks: its task, data and model."""

    task: str
    domain: str
    edition: str
    base_model: str
    place: Place


@dataclass(frozen=True)
class RateAdvice:
    """A learning rate that lessons favour."""

    place: float
    """Where it lies in the range for the method and width, 0.0 to 1.0 in logarithm."""
    batch_size: int
    gain: Effect
    """Percent of the remaining error that it removes beyond an average rate."""


@dataclass(frozen=True)
class _Study:
    """What a lesson measured, and how much it counts here."""

    tried: Tried
    weight: float
    run: int
    task: int
    own: bool


class Ways:
    """The lessons that measured a training, weighed for one situation.

    Args:
        entries: of the book, in any order.
        situation: who asks.
        now: ages count from here.
        trust: by lesson's id; what is refuted counts for less.
    """

    def __init__(
        self, entries: Iterable[Entry], situation: Situation, now: datetime, trust: Mapping[str, Trust]
    ) -> None:
        self.situation = situation
        runs: dict[str, int] = {}
        tasks: dict[str, int] = {}
        likeness: dict[tuple[object, ...], float] = {}
        self._studies: list[_Study] = []
        for entry in entries:
            if entry.tried is None:
                continue
            known = (entry.task, entry.domain, entry.edition, entry.base_model, id(entry.place))
            if known not in likeness:
                likeness[known] = likeness_of(entry, situation)
            self._studies.append(
                _Study(
                    entry.tried,
                    likeness[known] * decay(entry.created, now) * trust[entry.id].weight,
                    runs.setdefault(entry.run, len(runs)),
                    tasks.setdefault(entry.task, len(tasks)),
                    entry.task == situation.task,
                )
            )

    def preference(self, kind: Kind | Literal["all"]) -> Effect | None:
        """Percent of the base's error that training on this kind removes beyond the best other kind of the
        same run; None where no run on another task tried both."""
        best: dict[int, dict[str, _Study]] = {}
        for study in self._studies:
            tried = study.tried
            if tried.start == "base":
                held = best.setdefault(study.run, {})
                if tried.kind not in held or held[tried.kind].tried.removed < tried.removed:
                    held[tried.kind] = study
        contrasts = []
        for held in best.values():
            others = [study for name, study in held.items() if name != kind]
            if kind in held and others:
                rival = max(others, key=lambda study: study.tried.removed)
                if _alike(held[kind].tried.rows_read, rival.tried.rows_read):
                    contrasts.append((held[kind], rival))
        if all(one.own for one, _ in contrasts):  # what a run finds out by itself its own rules go by
            return None
        return _pool(
            [one for one, _ in contrasts],
            [one.tried.removed - other.tried.removed for one, other in contrasts],
            [hypot(one.tried.error, other.tried.error) for one, other in contrasts],
            [min(one.weight, other.weight) for one, other in contrasts],
        )

    def expected(
        self, kind: Kind | Literal["all"], elsewhere: bool = False, rows_read: float = 0.0
    ) -> Effect | None:
        """Percent of the base's error that a training on this kind from the base removes; None if unknown.

        Args:
            kind: of the data.
            elsewhere: go by other tasks alone.
            rows_read: go by trainings of about this length alone; 0.0 for all.
        """
        studies = [
            each
            for each in self._studies
            if each.tried.start == "base" and each.tried.kind == kind
            if not (elsewhere and each.own) and (not rows_read or _alike(each.tried.rows_read, rows_read))
        ]
        return _pool(
            studies,
            [each.tried.removed for each in studies],
            [each.tried.error for each in studies],
            [each.weight for each in studies],
        )

    def rate(self, method: str, usual: float) -> RateAdvice | None:
        """The learning rate to start with; None where lessons give no reason to leave the usual one.

        Args:
            method: full or LoRA.
            usual: the place of the rate that is taken without advice.
        """
        import numpy

        studies, differences = self._rates_against_average(method)
        if not studies:
            return None
        places = numpy.asarray([each.tried.rate_place for each in studies])
        weights = numpy.asarray([each.weight for each in studies])
        errors = [each.tried.error for each in studies]

        def at(place: float) -> Effect | None:
            near = numpy.exp(-0.5 * ((places - place) / KERNEL) ** 2)
            near[near < LEAST_NEAR] = 0.0
            return _pool(studies, differences, errors, weights * near)

        grid = [step / GRID for step in range(GRID + 1)]
        known = [(place, effect) for place in grid if (effect := at(place)) is not None]
        if not known:
            return None
        place, gain = max(known, key=lambda each: each[1].points - each[1].error)
        before = at(usual)
        if before is None or gain.points - gain.error <= before.points:
            return None  # what was never compared with the usual rate is no reason to leave it
        nearest = min(range(len(studies)), key=lambda i: (abs(places[i] - place), -weights[i]))
        return RateAdvice(place, studies[nearest].tried.batch_size, gain)

    def _rates_against_average(self, method: str) -> tuple[list[_Study], list[float]]:
        """Trainings at rates inside the range, and what each removed beyond the average on its footing.

        On one footing, for what is left to learn shrinks in the course of a run: a later rate would look
        worse whatever it is.
        """
        groups: dict[str, list[_Study]] = {}
        for study in self._studies:
            if study.tried.method == method and 0.0 <= study.tried.rate_place <= 1.0:
                groups.setdefault(study.tried.footing, []).append(study)
        studies: list[_Study] = []
        differences: list[float] = []
        for group in groups.values():
            usual = median(each.tried.rows_read for each in group)
            held = [each for each in group if _alike(each.tried.rows_read, usual)]
            if len({each.tried.rate_place for each in held}) < 2:
                continue
            mean = fmean(each.tried.removed for each in held)
            studies += [replace(each, weight=each.weight * START[each.tried.start]) for each in held]
            differences += [each.tried.removed - mean for each in held]
        return studies, differences


def likeness_of(entry: Entry, situation: Situation) -> float:
    """How much a lesson's task, data and model have in common with those at hand, 0.0 to 1.0."""
    place, here = entry.place, situation.place
    weight = 1.0
    if entry.task != situation.task:
        weight *= 1.0 if entry.domain == situation.domain else DOMAIN
        weight *= 1.0 if place and place.metric == here.metric else METRIC
        weight *= 1.0 if place and place.answer == here.answer else ANSWER
        weight *= 1.0 if place and set(place.kinds) & set(here.kinds) else KINDS
    if entry.edition != situation.edition:
        weight *= EDITION
    if entry.base_model != situation.base_model:
        sizes = sorted((place.hidden_size if place else 0, here.hidden_size))
        weight *= MODEL * sqrt(sizes[0] / sizes[1]) if sizes[0] else UNKNOWN
    return weight


def _pool(
    studies: Sequence[_Study], points: Sequence[float], errors: Sequence[float], weights: Any
) -> Effect | None:
    if not studies:
        return None
    return effect_of(
        points,
        errors,
        weights,
        [each.run for each in studies],
        [each.task for each in studies],
        [each.own for each in studies],
    )


def _alike(one: float, other: float) -> bool:
    return min(one, other) * LIKE_LENGTH >= max(one, other)
