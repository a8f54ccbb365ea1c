"""Looks at sources: one short training each from the base, and which of them deserve a longer one.

Which data teaches is asked of validation, not of the data's appearance: every usable source is trained
on alone for the same number of steps with the same hyperparameters, and scored on the same items. While it
is open what to train on, the better half goes on from its own weights for twice as long, as in successive
halving (Jamieson & Talwalkar 2016, arXiv 1502.07943). Worked answers, sizes and names decide nothing but
the order.

The looks are ordinary experiments, marked by ``Plan.steps``; everything here is derived from the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memory.records import Experiment
from roles.method import method_for
from roles.time_split import LEAST_LOOK_STEPS, ONE_KIND_SHARE, look_seconds, look_steps, looks_fit
from tasks.base import Score
from tools.checks.repeated_failure import mendable
from tools.checks.source_kinds import Kind
from tools.dojo import Dojo

GOOD_LOOK = 50.0
"""In percent: where a look's whole 95% interval lies above, its source teaches, and what is left to look at
waits until training on it stalls."""
LEAST_AFTER = 2
"""Experiments that must be left after a look at each source, where their number is limited."""
MOST_ROUNDS = 3
"""Rounds of looks; one of the last is four times as long as one of the first."""


@dataclass(frozen=True)
class Look:
    """The next short training: of which source, from which weights, how long."""

    source: str
    init_from: str
    round: int
    """0 for the first, which starts from the base."""
    steps: int
    seconds: float


@dataclass(frozen=True)
class Seen:
    """What a source's latest look came to."""

    source: str
    experiment: str
    score: Score


@dataclass(frozen=True)
class Race:
    """How far the looks have come."""

    standing: tuple[Seen, ...]
    """The last finished round, best first, or as much as there is of the first; equals in the order of the
    looks."""
    waiting: tuple[str, ...]
    """Sources that the current round has not looked at."""
    round: int


def is_look(experiment: Experiment) -> bool:
    """Whether an experiment only compares sources."""
    return experiment.plan.steps > 0


def is_trial(experiment: Experiment) -> bool:
    """Whether a look is one at a mixture of sources (``roles.mixtures``), not at a source."""
    return is_look(experiment) and bool(experiment.plan.weights)


def is_source_look(experiment: Experiment) -> bool:
    """Whether an experiment is a look at a single source."""
    return is_look(experiment) and not is_trial(experiment)


def counted(looks: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """The looks that count: where a training failed of what says nothing about its data, it is made again
    once, and the failed one counts as not made."""
    spared: set[tuple[object, ...]] = set()
    found: list[Experiment] = []
    for look in looks:
        key = (look.plan.sources, tuple(sorted(look.plan.weights.items())), look.plan.steps)
        if mendable(look) and key not in spared:
            spared.add(key)
        else:
            found.append(look)
    return tuple(found)


def next_look(
    dojo: Dojo,
    history: Sequence[Experiment],
    groups: dict[Kind, tuple[str, ...]],
    stalled: bool = False,
    early: bool = True,
) -> Look | None:
    """The next look; None when the question is answered, or time does not hold one at each source.

    Args:
        dojo: the run.
        history: its experiments.
        groups: its sources by kind.
        stalled: whether training on what the looks chose brings no more; then the others are looked at.
        early: whether one that teaches well ends the looks; a benchmark may look at all.
    """
    usable = groups["chain_of_thought"] + groups["direct"]
    looks = list(filter(is_source_look, history))
    if len(usable) < 2 or (len(looks) < len(history) and not (looks and stalled)):
        return None
    if dojo.max_experiments is not None and dojo.max_experiments < len(usable) + LEAST_AFTER:
        return None
    method = method_for(dojo)
    steps = looks[0].plan.steps if looks else _first_steps(dojo, groups)
    race = _race(looks, usable, groups, dojo.validation_score("base"))
    if not steps or not race.waiting:
        return None
    source, steps = race.waiting[0], steps * 2**race.round
    if early and not race.round and _teaches(race.standing) and not stalled:
        return None
    if looks and not looks_fit(dojo, method, race.waiting[: None if race.round or stalled else 1], steps):
        return None
    latest = {seen.source: seen.experiment for seen in race.standing}
    init_from = latest[source] if race.round else "base"
    return Look(source, init_from, race.round, steps, look_seconds(dojo, method, source, steps))


def _first_steps(dojo: Dojo, groups: dict[Kind, tuple[str, ...]]) -> int:
    """Steps of a first look; 0 where the time does not hold one at each source."""
    worked, direct = groups["chain_of_thought"], groups["direct"]
    steps = look_steps(dojo, method_for(dojo), worked + direct)
    if not steps and not (worked and direct):
        steps = min(look_steps(dojo, method_for(dojo), worked + direct, ONE_KIND_SHARE), LEAST_LOOK_STEPS)
    return steps


def chosen(
    history: Sequence[Experiment], groups: dict[Kind, tuple[str, ...]], base: Score
) -> tuple[Seen, ...]:
    """The best source by the looks, and those of its kind that are not clearly worse, best first.

    Of its own kind only: direct answers mixed into chain-of-thought ones teach a model to skip its steps.
    Empty where no look was made, or none came to its end.
    """
    usable = groups["chain_of_thought"] + groups["direct"]
    standing = _race(list(filter(is_source_look, history)), usable, groups, base).standing
    if not standing:
        return ()
    alike = next(names for kind, names in groups.items() if standing[0].source in names)
    return tuple(seen for seen in _close(standing) if seen.source in alike)


def _race(
    looks: Sequence[Experiment], usable: Sequence[str], groups: dict[Kind, tuple[str, ...]], base: Score
) -> Race:
    """Play the rounds again from the journal."""
    by_source: dict[str, list[Experiment]] = {name: [] for name in usable}
    for look in counted(looks):
        by_source.setdefault(look.plan.sources[0], []).append(look)
    entrants: tuple[str, ...] = tuple(usable)
    standing: tuple[Seen, ...] = ()
    for number in range(MOST_ROUNDS):
        waiting = tuple(name for name in entrants if len(by_source[name]) <= number)
        if waiting and number:
            return Race(standing, waiting, number)
        ended = (_seen(name, by_source[name][number]) for name in entrants if name not in waiting)
        standing = tuple(sorted(filter(None, ended), key=lambda seen: -_points(seen.score)))
        if waiting:
            return Race(standing, waiting, number)
        entrants = _entrants(standing, groups, base)
        if len(entrants) < 2:
            break
    return Race(standing, (), number)


def _seen(source: str, look: Experiment) -> Seen | None:
    return Seen(source, look.id, look.evaluation.paired_score) if look.evaluation else None


def _entrants(standing: Sequence[Seen], groups: dict[Kind, tuple[str, ...]], base: Score) -> tuple[str, ...]:
    """Who runs the next round; nobody where it is known what to train on.

    One kind of data that clearly teaches is known: its sources that are about as good go together. Of two
    kinds one has to be chosen, and where nothing teaches yet, the looks were too short.
    """
    close = _close(standing)
    kinds = {kind for kind, names in groups.items() for seen in close if seen.source in names}
    if not close or (clearly_above(close[0].score, base) and len(kinds) == 1):
        return ()
    return tuple(seen.source for seen in close[: (len(standing) + 1) // 2])


def _teaches(standing: Sequence[Seen]) -> bool:
    """Whether the best look is so good that no other is needed for now."""
    return bool(standing) and standing[0].score.higher_is_better and standing[0].score.low >= GOOD_LOOK


def _close(standing: Sequence[Seen]) -> tuple[Seen, ...]:
    """The best and those that its 95% interval holds."""
    return tuple(seen for seen in standing if not clearly_above(standing[0].score, seen.score))


def clearly_above(score: Score, other: Score) -> bool:
    """Whether a score's whole 95% interval lies on the better side of another."""
    return score.low > other.value if score.higher_is_better else score.high < other.value


def _points(score: Score) -> float:
    return score.value if score.higher_is_better else -score.value
