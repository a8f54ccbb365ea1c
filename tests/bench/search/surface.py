"""A response surface: what a training makes of a model's skills, and what validation sees of them.

A model is four skills between 0 and 1, one for each topic of the task; its true score is their mean. A
source teaches some topics, with right or wrong labels, in worked or bare answers. A training moves each
skill towards the ceiling of its data, by an exponential law in the rows read, as well as its learning rate
suits the world; it diverges above a rate. Restarts at a high rate undo a part, much repetition lowers the
ceiling, bare answers have a lower one. The laws are made up: they have the shapes that the literature
describes (saturating gains, one best rate, label noise, over-training), drawn anew for each world, and no
world is one of the mini editions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

TOPICS = 4
BEST_RATES = (8e-4, 2.5e-3)
WIDTH = 0.8
"""Of the bell of learning rates, in logarithm: a factor of 2.2 off leaves 61% of the speed."""
ROWS_TO_LEARN = (2500.0, 12_000.0)
"""Rows of a topic after which 63% of its way is made, by world."""
CEILING_OF_BARE = (0.45, 0.95)
EPOCHS_UNHARMED = 4.0
NOISE = 0.015
"""Standard deviation of a training's ceiling by its seed."""


@dataclass(frozen=True)
class MadeSource:
    """One source of a made-up task."""

    name: str
    rows: int
    right: float
    """Share of right labels; the wrong ones are wrong in one way, which can be learnt."""
    topics: tuple[float, ...]
    """Shares of its rows by topic."""
    worked: bool


@dataclass(frozen=True)
class Surface:
    """The laws of one world."""

    sources: Mapping[str, MadeSource]
    best_rate: float
    diverges_at: float
    rows_to_learn: float
    bare_ceiling: float
    thresholds: tuple[float, ...]
    """Of the validation items: an item is right where its topic's skill reaches it."""

    def trained(
        self,
        skills: tuple[float, ...],
        weights: Mapping[str, float],
        rows: int,
        rows_read: float,
        rate: float,
        restarted: bool,
        draws: random.Random,
    ) -> tuple[float, ...]:
        """Skills after a training.

        Args:
            skills: before it.
            weights: shares of the sources in the data.
            rows: of the data.
            rows_read: in all steps, a repeated row counted again.
            rate: the learning rate.
            restarted: whether training goes on from trained weights.
            draws: the training's own luck.
        """
        best = self.best_rate * (0.6 if restarted else 1.0)
        speed = math.exp(-(math.log(rate / best) ** 2) / (2 * WIDTH**2))
        if restarted and rate > 2.0 * best:
            lost = min(0.5, 0.15 * (rate / best - 2.0))
            skills = tuple(skill * (1 - lost) for skill in skills)
        kinds = {self.sources[name].worked for name in weights}
        slow = 0.6 if True in kinds else 1.0
        most = (1.0 if kinds == {True} else self.bare_ceiling) * (0.85 if len(kinds) > 1 else 1.0)
        most -= 0.02 * max(0.0, rows_read / max(rows, 1) - EPOCHS_UNHARMED)
        luck = draws.gauss(0.0, NOISE)
        after = []
        for topic, skill in enumerate(skills):
            shares = {name: share * self.sources[name].topics[topic] for name, share in weights.items()}
            share = sum(shares.values())
            if share < 0.01:
                after.append(skill * 0.95)
                continue
            right = sum(self.sources[name].right * each for name, each in shares.items()) / share
            ceiling = max(0.0, most * (1.0 - ((1.0 - right) / 0.5) ** 1.5) + luck) if right > 0.5 else 0.0
            way = 1.0 - math.exp(-speed * slow * share * TOPICS * rows_read / self.rows_to_learn)
            after.append(min(1.0, max(0.0, skill + (ceiling - skill) * way)))
        return tuple(after)

    def answers(self, skills: tuple[float, ...], draws: random.Random) -> tuple[bool, ...]:
        """Which validation items are right; items near a skill may fall either way."""
        return tuple(
            skills[n % TOPICS] + draws.gauss(0.0, 0.05) > threshold
            for n, threshold in enumerate(self.thresholds)
        )


def made_surface(seed: int, items: int) -> Surface:
    """A world: four to six sources, at least one of which is right, and its laws."""
    draws = random.Random(f"surface {seed}")
    kinds = [
        "clean",
        *draws.choices(["clean", "small", "swapped", "noisy", "partial"], k=draws.randint(3, 5)),
    ]
    sources = {}
    for number, kind in enumerate(kinds):
        topics = [draws.uniform(0.3, 1.0) for _ in range(TOPICS)]
        if kind == "partial":
            topics[draws.randrange(TOPICS)] = topics[draws.randrange(TOPICS)] = 0.0
        total = sum(topics) or 1.0
        sources[f"source-{number}"] = MadeSource(
            name=f"source-{number}",
            rows=draws.randint(150, 400) if kind == "small" else draws.randint(600, 2000),
            right={"swapped": 0.1, "noisy": draws.uniform(0.6, 0.8)}.get(kind, draws.uniform(0.95, 1.0)),
            topics=tuple(topic / total for topic in topics),
            worked=draws.random() < 0.4,
        )
    best = math.exp(draws.uniform(*map(math.log, BEST_RATES)))
    return Surface(
        sources=sources,
        best_rate=best,
        diverges_at=best * draws.uniform(2.5, 6.0),
        rows_to_learn=draws.uniform(*ROWS_TO_LEARN),
        bare_ceiling=draws.uniform(*CEILING_OF_BARE),
        thresholds=tuple(draws.random() for _ in range(items)),
    )
