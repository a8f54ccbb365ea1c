"""Table of warm against cold: a line for each memory, ratios over all runs with bootstrap intervals."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from memory.records import Lesson
from tests.bench.warm_start.simulated import ListedMemory, SimulatedRun
from tests.bench.warm_start.spoiled import spoiled
from tests.bench.warm_start.surfaces import Surface, draw

REACHED = 0.9
"""Share of the way from the base's score to the cold run's final one."""
RESAMPLES = 1000
MEMORIES = ("none, another seed", "other tasks", "other tasks, some wrong", "own and other tasks")
"""The first is no memory: how far two cold runs of one task lie apart by chance."""


@dataclass(frozen=True)
class Pair:
    """One task, cold and warm."""

    cold: tuple[int, float]
    """Experiments and seconds to the target."""
    warm: tuple[int, float]
    """The same; those of the whole run where it never got there."""
    reached: bool
    gained: float
    """Points of the warm run's final score over the cold one's."""


def simulated_table(families: int, size: int, seed: int, wrong: float) -> Iterator[str]:
    """Leave one task out, over families of simulated tasks."""
    pairs: dict[str, list[Pair]] = {name: [] for name in MEMORIES}
    for family in range(families):
        surfaces = [draw(number, seed * 1000 + family) for number in range(size)]
        colds = [cold_run(surface, family) for surface in surfaces]
        for surface, cold in zip(surfaces, colds, strict=True):
            others = [lesson for each in colds if each is not cold for lesson in each.memory.lessons]
            own = list(cold.memory.lessons)
            memories: tuple[list[Lesson], ...] = ([], others, spoiled(others, wrong, family), [*others, *own])
            for name, lessons in zip(MEMORIES, memories, strict=True):
                warm = SimulatedRun(surface, f"warm-{surface.name}", ListedMemory(lessons), family + 1).run()
                pairs[name].append(pair_of(cold, warm))
    runs = families * size
    yield f"{runs} tasks in {families} families of {size}, seed {seed}; where some are wrong, {wrong:.0%} are"
    yield ""
    yield from table(pairs)


def cold_run(surface: Surface, seed: int) -> SimulatedRun:
    """A run without lessons of others."""
    return SimulatedRun(surface, f"cold-{surface.name}", ListedMemory(), seed).run()


def pair_of(cold: SimulatedRun, warm: SimulatedRun) -> Pair:
    """How two runs of one task compare."""
    start = cold.surface.score(0.0)
    target = start + REACHED * (cold.final - start)
    first, second = cold.to_reach(target), warm.to_reach(target)
    assert first is not None
    whole = (len(warm.history) + 1, warm.seconds)
    return Pair(first, second or whole, second is not None, warm.final - cold.final)


def table(pairs: dict[str, list[Pair]]) -> Iterator[str]:
    """Markdown, one line for each memory."""
    yield (
        "| memory | runs | experiments to 90%, cold / warm | fewer by | seconds to 90%, cold / warm | "
        "fewer by | never got there | final score, warm less cold |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name, held in pairs.items():
        counts = [(pair.cold[0], pair.warm[0]) for pair in held]
        spent = [(pair.cold[1], pair.warm[1]) for pair in held]
        finals = [(pair.gained, 1.0) for pair in held]
        yield (
            f"| {name} | {len(held)} | {_means(counts)} | {_ratio(counts)} "
            f"| {_means(spent)} | {_ratio(spent)} | "
            f"{sum(not pair.reached for pair in held)} | {_mean(finals)}, median "
            f"{median(pair.gained for pair in held):+.1f} |"
        )


def _means(values: Sequence[tuple[float, float]]) -> str:
    return f"{fmean(cold for cold, _ in values):.1f} / {fmean(warm for _, warm in values):.1f}"


def _ratio(values: Sequence[tuple[float, float]]) -> str:
    """Total of the cold over total of the warm, with a 95% bootstrap interval over runs."""
    return "{:.2f}x [{:.2f}, {:.2f}]".format(*_bootstrapped(values))


def _mean(values: Sequence[tuple[float, float]]) -> str:
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*_bootstrapped(values))


def _bootstrapped(values: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """First total over second, and its 95% interval."""
    rng = random.Random(0)

    def ratio(drawn: Sequence[tuple[float, float]]) -> float:
        return sum(first for first, _ in drawn) / sum(second for _, second in drawn)

    found = sorted(ratio(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return ratio(values), found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES)]
