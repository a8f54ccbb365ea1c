"""Trust in a lesson: how often what it says came true again, and how often it did not.

A lesson is confirmed and contradicted by lessons on the same subject (task, base model, settings and data)
and by those that name it: the plan of their experiment followed it, and the outcome bore it out or refuted
it. Each run has one vote, split by how likely its effect has the lesson's sign, and a vote halves with age.
Votes make a beta distribution (Jøsang & Ismail 2002, "The beta reputation system"); its mean, over that of a
lesson of which nothing more is known, is the trust.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memory.experience.catalogue import Entry
from memory.experience.effect import LEAST_ERROR, above_zero

HALF_LIFE_DAYS = 180.0
"""After half a year a lesson counts for half: libraries, models and data move on. A judgement."""
UNKNOWN_AGE_DAYS = 2 * HALF_LIFE_DAYS
"""Of a lesson that brings no date."""
REFUTED = 0.75
"""Trust below which a lesson that gained something is no advice: more votes are against it than for it."""
_ALONE = 2.0 / 3.0
"""Mean of the beta distribution with one vote for, none against, and one of each for nothing known."""
_DECIDED = 0.5
"""A vote is counted as a confirmation above it, as a contradiction below."""


@dataclass(frozen=True)
class Trust:
    """What became of a lesson since it was written."""

    weight: float = 1.0
    """1.0 for what is new, sure and undisputed; 0.75 where as much speaks for it as against it, or nothing
    any more; towards 0.0 the more speaks against it."""
    confirmations: int = 0
    """Runs that bear it out, its own left out."""
    contradictions: int = 0


UNCHALLENGED = Trust()


def decay(created: str, now: datetime) -> float:
    """Weight by age, 0.0 to 1.0; a date to come is today's."""
    return float(0.5 ** (age_days(created, now) / HALF_LIFE_DAYS))


def age_days(created: str, now: datetime) -> float:
    """Days since an ISO 8601 time; lessons may bring any text."""
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return UNKNOWN_AGE_DAYS
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max((now - then).total_seconds() / 86_400.0, 0.0)


def trust_in(entries: Iterable[Entry], now: datetime) -> dict[str, Trust]:
    """The trust in every lesson, by id.

    Args:
        entries: the whole book.
        now: ages count from here.
    """
    held = tuple(entries)
    known = {entry.id: entry for entry in held}
    alike: dict[str, list[Entry]] = {}
    for entry in held:
        alike.setdefault(entry.subject, []).append(entry)
    named: dict[str, list[tuple[Entry, float]]] = {}
    for entry in held:
        for ids, vote in ((entry.confirms, 1.0), (entry.contradicts, 0.0)):
            for id in ids:
                if id in known and known[id].run != entry.run:
                    named.setdefault(id, []).append((entry, vote))
    return {
        entry.id: _trust(entry, alike[entry.subject], named.get(entry.id, ()), now)
        if len(alike[entry.subject]) > 1 or entry.id in named
        else Trust(_mean(((_vote(entry, entry), decay(entry.created, now)),)))
        for entry in held
    }


def _mean(votes: Iterable[tuple[float, float]]) -> float:
    """Of the beta distribution that votes with their weights make, over that of one fresh vote in favour."""
    gained, cast = 1.0, 2.0
    for vote, weight in votes:
        gained += vote * weight
        cast += weight
    return min(1.0, gained / cast / _ALONE)


def _trust(
    entry: Entry, alike: Sequence[Entry], named: Sequence[tuple[Entry, float]], now: datetime
) -> Trust:
    votes = {entry.run: (_vote(entry, entry), decay(entry.created, now))}
    for other in alike:
        if other.run != entry.run:
            votes[other.run] = (_vote(entry, other), decay(other.created, now))
    for other, vote in named:  # who followed it knows best
        votes[other.run] = (vote, decay(other.created, now))
    others = [vote for run, (vote, _) in votes.items() if run != entry.run]
    return Trust(
        _mean(votes.values()),
        sum(vote > _DECIDED for vote in others),
        sum(vote < _DECIDED for vote in others),
    )


def _vote(entry: Entry, other: Entry) -> float:
    """How likely the other's effect has the sign of what this lesson says, 0.0 to 1.0."""
    up = above_zero(other.effect, max(other.effect_error, LEAST_ERROR)) if other.effect_error else None
    if up is None:  # it does not say how sure it is
        return float((entry.gain > 0) == (other.gain > 0))
    return up if entry.gain > 0 else 1.0 - up
