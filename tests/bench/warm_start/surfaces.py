"""Tasks as response surfaces: what training on some sources at some rate brings, as a formula.

A surface has what the lessons are about: sources of two kinds, some with wrong labels, a best learning rate,
a speed of learning. Kinds and rates have a common trend over tasks and scatter about it, so that lessons of
other tasks are worth something and never all. The figures were set so that a cold run looks like the recorded
ones on the bundled model (looks of 10 to 45 points, 60 to 75 in the end), before any warm run was compared.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

METRICS = ("right", "right", "classes", "overlap")
ANSWERS = ("number", "letter", "class", "phrase", "text")
DOMAINS = ("math", "tables", "chemistry", "law")
WORKED_LEAD, LEAD_SPREAD = 0.25, 0.25
"""By how much sources with written steps teach more, in shares of what can be learned; how tasks differ."""
BEST_PLACE, PLACE_SPREAD, WIDTH = 0.4, 0.12, 0.35
"""Where in its range the best rate lies, how tasks differ in that, and how wide the good rates are."""
WRONG_LABELS = 0.3
"""Share of the sources whose labels teach next to nothing."""
UNDONE = 0.5
"""How fast a training on worse data undoes what was learned, against how fast it teaches."""


@dataclass(frozen=True)
class Surface:
    """One task."""

    name: str
    domain: str
    metric: str
    answer: str
    base: float
    """The base model's score, in percent."""
    ceiling: float
    """Score of all that the best data can teach."""
    quality: Mapping[str, float]
    """By source, the share of it that the source teaches."""
    worked: frozenset[str]
    """Sources with written steps."""
    rows: Mapping[str, int]
    best_place: float
    rows_to_learn: float
    """Rows after which 63% is learned, at the best rate."""

    def score(self, skill: float) -> float:
        """Validation score of a skill, without noise."""
        return self.base + (self.ceiling - self.base) * skill

    def trained(self, skill: float, shares: Mapping[str, float], place: float, rows_read: float) -> float:
        """The skill, 0.0 to 1.0, after training on a mixture from weights of some skill."""
        teaches = sum(share * self.quality[name] for name, share in shares.items()) / sum(shares.values())
        pace = exp(-(((place - self.best_place) / WIDTH) ** 2))
        if place > self.best_place + 2.0 * WIDTH:  # it forgets more than it learns
            skill *= 0.5
        learned = 1.0 - exp(-rows_read * pace / self.rows_to_learn)
        return skill + (teaches - skill) * learned * (1.0 if teaches > skill else UNDONE)


def draw(number: int, seed: int) -> Surface:
    """One task of a family, by its number and the family's seed."""
    rng = random.Random(f"{seed}/{number}")
    lead = rng.gauss(WORKED_LEAD, LEAD_SPREAD)
    quality, worked, rows = {}, set(), {}
    for kind, count in (("steps", rng.choice((1, 1, 2))), ("bare", rng.choice((1, 2, 3)))):
        for index in range(count):
            name = f"{kind}_{index}"
            good = rng.uniform(0.55, 0.75) + (lead if kind == "steps" else -lead) / 2
            wrong = index > 0 and rng.random() < WRONG_LABELS / (1 - 1 / count if count > 1 else 1.0)
            quality[name] = min(max(good * (0.1 if wrong else 1.0), 0.02), 1.0)
            rows[name] = rng.randrange(300, 2000)
            worked |= {name} if kind == "steps" else set()
    base = rng.uniform(2.0, 25.0)
    return Surface(
        name=f"task_{number:02d}",
        domain=rng.choice(DOMAINS),
        metric=rng.choice(METRICS),
        answer=rng.choice(ANSWERS),
        base=base,
        ceiling=rng.uniform(base + 40.0, 98.0),
        quality=quality,
        worked=frozenset(worked),
        rows=rows,
        best_place=min(max(rng.gauss(BEST_PLACE, PLACE_SPREAD), 0.05), 0.95),
        rows_to_learn=rng.uniform(600.0, 2500.0),
    )
