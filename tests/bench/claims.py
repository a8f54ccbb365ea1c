"""Claims by simulation: how often a run ends with a false champion, and which true gains it confirms.

    python -m tests.bench.claims [--runs 1000] [--write FILE]

The rule is the product's own: ``outcome_of`` and ``candidate_of`` search, ``decide`` confirms, with the
paired test of ``tools.evaluation.paired_test``. What is simulated is only who answers which item right.
Items differ in difficulty (Beta, mean 0.4), and every model meets the same ones. A candidate that is better
by some points answers each item right more often, in proportion to how often it is missed.

Rules beside it, on the same answers: the rule before (the incumbent on all items is the champion), Bonferroni
over all candidates on all items, Holm over the two best candidates on the items kept apart, and an e-process
there that bets on the differing items (a uniform mixture over the chance that the candidate is the one
that is right; Shafer 2021, JRSS A 184:407; Waudby-Smith and Ramdas 2024, JRSS B 86:1) with a look
at every item. The best possible: one candidate, known beforehand, tested once on all items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from memory.records import Comparison, Experiment
from tasks.base import Sample
from tests.support.run_records import comparison, plan
from tools.checks.champion import candidate_of, outcome_of
from tools.evaluation.confirmation import CONFIRMATION_SHARE, LEAST_ITEMS, LEVEL, decide
from tools.evaluation.paired_test import mcnemar, proportions
from tools.evaluation.staged import LEAST_FIRST, cannot_win, first_share

Answers = NDArray[np.bool_]
"""(items,): which items a model gets right."""
CANDIDATES = 20
SIZES = (100, 300, 1000)
GAINS = (0.03, 0.05, 0.10)
RIGHT = 0.4
"""Mean share of right answers of the base."""
SPREAD = 1.2
"""Of the Beta distribution of difficulties: most items are either easy or hard."""


@dataclass(frozen=True)
class World:
    """Who answers what right in one run."""

    base: Answers
    candidates: tuple[Answers, ...]


Make = Callable[[np.random.Generator, int], World]
"""A world with so many validation items."""


def world(
    random: np.random.Generator, n: int, gains: Sequence[float] = (0.0,) * CANDIDATES, shared: float = 0.0
) -> World:
    """Candidates with these true gains (or losses); a share of their luck is the same for all of them."""
    difficulty = random.beta(RIGHT * SPREAD, (1 - RIGHT) * SPREAD, n)
    common = random.random(n)
    candidates = []
    for gain in gains:
        luck = np.where(random.random(n) < shared, common, random.random(n))
        moved = (1 - difficulty) * gain / (1 - RIGHT) if gain > 0 else difficulty * gain / RIGHT
        candidates.append(luck < difficulty + moved)
    return World(random.random(n) < difficulty, tuple(candidates))


def lineage(random: np.random.Generator, n: int) -> World:
    """Equal candidates of which each repeats seven in ten answers of the one before it."""
    difficulty = random.beta(RIGHT * SPREAD, (1 - RIGHT) * SPREAD, n)
    base = random.random(n) < difficulty
    line = [base]
    for _ in range(CANDIDATES):
        line.append(np.where(random.random(n) < 0.7, line[-1], random.random(n) < difficulty))
    return World(base, tuple(line[1:]))


def memorised(random: np.random.Generator, n: int) -> World:
    """Equal candidates that have learned a third of the search items by heart."""
    plain = world(random, n)
    known = (random.random((CANDIDATES, n)) < 1 / 3) & (np.arange(n) < n - kept_apart(n))
    return World(plain.base, tuple(c | k for c, k in zip(plain.candidates, known, strict=True)))


def kept_apart(n: int, share: float = CONFIRMATION_SHARE) -> int:
    """Confirmation items of ``n``: the last ones here, for the items are exchangeable."""
    return min(n - 1, max(LEAST_ITEMS, round(share * n)))


# ---- the product's rule


def compared(new: Answers, old: Answers, challenger: str, champion: str) -> Comparison:
    """The paired test of the product on right-or-wrong items."""
    low, high, p_value = proportions(new, old)
    fixed, broken = int((new & ~old).sum()), int((old & ~new).sum())
    delta = 100.0 * (fixed - broken) / len(new)
    return comparison(
        challenger,
        champion,
        delta,
        low=low,
        high=high,
        p_value=p_value,
        fixed=fixed,
        broken=broken,
        n=len(new),
    )


_plan = cache(plan)


@dataclass(frozen=True)
class Search:
    """What became of the candidates, in the order in which they were tried."""

    experiments: tuple[Experiment, ...]
    """Those that answered every search item."""
    answered: Mapping[int, float]
    """By candidate, its share of the search items."""
    above: frozenset[int]
    """Candidates that come out above the incumbent of their time on all search items, asked or not."""


def search(models: World, items: slice, staged: bool = False, stops: bool = False) -> Search:
    """The product's search over all candidates on some items.

    Args:
        models: who answers what right.
        items: the search items.
        staged: look at a share first, by the product's draw and rule, as if answering were dear.
        stops: stop the run as soon as a candidate looks significantly better than the base.
    """
    done: list[Experiment] = []
    answered: dict[int, float] = {}
    above: set[int] = set()
    incumbent, best = "base", models.base[items]
    for number, candidate in enumerate(models.candidates, 1):
        mine, id = candidate[items], f"e{number:02d}"
        if mine.sum() > best.sum():
            above.add(number)
        first = _first(id, len(best))
        if staged and LEAST_FIRST <= len(first) < len(best):
            answered[number] = len(first) / len(best)
            if cannot_win(compared(mine[first], best[first], id, incumbent)):
                continue
        answered[number] = 1.0
        comparison = compared(mine, best, id, incumbent)
        experiment = Experiment(id=id, number=number, plan=_plan(id), comparison=comparison)
        outcome = outcome_of(experiment)
        done.append(experiment.model_copy(update={"outcome": outcome}))
        if outcome == "kept":
            incumbent, best = id, mine
        if stops and outcome == "kept" and compared(mine, models.base[items], id, "base").p_value <= LEVEL:
            break
    return Search(tuple(done), answered, frozenset(above))


@cache
def _first(id: str, n: int) -> NDArray[np.int64]:
    """The product's draw of the first share; the items are exchangeable, so one draw serves all worlds."""
    return np.array(first_share([Sample(str(k), "", str(k), "") for k in range(n)], id, 0))


def shipped(
    models: World, staged: bool = False, share: float = CONFIRMATION_SHARE, stops: bool = False
) -> int | None:
    """The champion of a run by the product's rule: a candidate's number from 1; None for the base."""
    n = len(models.base)
    apart = kept_apart(n, share)
    candidate = candidate_of(search(models, slice(0, n - apart), staged, stops).experiments)
    if candidate is None:
        return None
    new, old = models.candidates[candidate.number - 1][n - apart :], models.base[n - apart :]
    found = decide(
        candidate.id, apart, lambda items: compared(new[:items], old[:items], candidate.id, "base")
    )
    return candidate.number if found.confirmed else None


def in_stages(models: World) -> int | None:
    """The same where answering is dear: each candidate answers a share of the search items first."""
    return shipped(models, staged=True)


def stopping_at_will(models: World) -> int | None:
    """The same with a search that also stops when it likes."""
    return shipped(models, staged=True, stops=True)


# ---- other rules


def before(models: World) -> int | None:
    """The rule until now: the incumbent of a search on all items is the champion."""
    kept = [e for e in search(models, slice(None)).experiments if e.outcome == "kept"]
    return kept[-1].number if kept else None


def bonferroni(models: World) -> int | None:
    """The best candidate on all items, tested on them at a twentieth of the level."""
    number = _best(models, slice(None))
    p_value = _one_sided(models.candidates[number - 1], models.base)
    return number if p_value <= LEVEL / len(models.candidates) else None


def holm(models: World) -> int | None:
    """The two best on the search items, each tested at half the level on those kept apart."""
    n = len(models.base)
    apart = kept_apart(n)
    first = [c[: n - apart].sum() for c in models.candidates]
    for number in np.argsort(first)[::-1][:2]:
        if _one_sided(models.candidates[number][n - apart :], models.base[n - apart :]) <= LEVEL / 2:
            return int(number) + 1
    return None


def e_process(models: World) -> int | None:
    """The best on the search items, bet on at every item kept apart until the evidence is 20 to 1."""
    n = len(models.base)
    apart = kept_apart(n)
    number = _best(models, slice(0, n - apart))
    new, old = models.candidates[number - 1][n - apart :], models.base[n - apart :]
    fixed, broken = np.cumsum(new & ~old), np.cumsum(old & ~new)
    evidence = (_evidence(int(f), int(b)) for f, b in zip(fixed, broken, strict=True))
    return number if any(found >= 1 / LEVEL for found in evidence) else None


@cache
def _evidence(fixed: int, broken: int) -> float:
    """Bayes factor of a uniform chance in (1/2, 1) against 1/2: an e-value at every time."""
    from scipy.special import betainc, betaln

    above = 1.0 - betainc(fixed + 1, broken + 1, 0.5)
    return float(2.0 * above * np.exp((fixed + broken) * np.log(2.0) + betaln(fixed + 1, broken + 1)))


def one_known(models: World) -> int | None:
    """The best possible: the last candidate alone, tested once on all items."""
    return len(models.candidates) if _one_sided(models.candidates[-1], models.base) <= LEVEL else None


def _best(models: World, items: slice) -> int:
    return int(np.argmax([candidate[items].sum() for candidate in models.candidates])) + 1


def _one_sided(new: Answers, old: Answers) -> float:
    fixed, broken = int((new & ~old).sum()), int((old & ~new).sum())
    return mcnemar(fixed, broken) / 2 if fixed > broken else 1.0


# ---- the tables

RULES: dict[str, Callable[[World], int | None]] = {
    "shipped": shipped,
    "shipped, staged": in_stages,
    "shipped, staged, stopping at will": stopping_at_will,
    "before: paired test at 0.2 on all items": before,
    "Bonferroni over 20 on all items": bonferroni,
    "Holm over two, kept apart": holm,
    "e-process, kept apart": e_process,
    "best possible: one known candidate": one_known,
}
NULL_WORLDS: dict[str, Make] = {
    "independent": world,
    "half of the luck shared": lambda random, n: world(random, n, shared=0.5),
    "each repeats 70% of the last": lineage,
    "search items learned by heart": memorised,
}


def share(rule: Callable[[World], int | None], make: Make, n: int, runs: int) -> float:
    """Percent of runs that end with a champion other than the base."""
    found = [rule(make(np.random.default_rng([n, run]), n)) is not None for run in range(runs)]
    return 100.0 * sum(found) / runs


def better(gain: float, how_many: int) -> Make:
    """A world in which so many of the candidates, spread over the run, are better by ``gain``."""
    step = CANDIDATES // how_many
    gains = [gain if number % step == 0 else 0.0 for number in range(CANDIDATES, 0, -1)][::-1]
    return lambda random, n: world(random, n, gains, shared=0.5)


def null_table(runs: int) -> list[str]:
    """False champions by rule, world and size, in percent of runs."""
    sizes = " | ".join(str(n) for n in SIZES)
    lines = [f"| rule | twenty equal candidates | {sizes} |", "|---|---|" + "---|" * len(SIZES)]
    for rule in list(RULES)[:-1]:
        for name, make in NULL_WORLDS.items():
            cells = [f"{share(RULES[rule], make, n, runs):.1f}" for n in SIZES]
            lines.append(f"| {rule} | {name} | {' | '.join(cells)} |")
    return lines


def power_table(runs: int) -> list[str]:
    """Confirmed gains by rule and size, in percent of runs: one candidate of 20 is better / all are."""
    head = [f"{n}: +{100 * gain:.0f}" for n in SIZES for gain in GAINS]
    lines = [f"| rule | {' | '.join(head)} |", "|---|" + "---|" * len(head)]
    for name, rule in RULES.items():
        if rule is before:
            continue
        cells = []
        for n in SIZES:
            for gain in GAINS:
                one, every = (share(rule, better(gain, many), n, runs) for many in (1, CANDIDATES))
                cells.append(f"{one:.0f} / {every:.0f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def climb(random: np.random.Generator, n: int, apart_share: float, steps: int = 12) -> tuple[bool, float]:
    """A search that builds on its incumbent: each step changes the model for better or worse.

    Returns:
        Whether its last model was confirmed, and the true gain of what is claimed, in points.
    """
    difficulty = random.beta(RIGHT * SPREAD, (1 - RIGHT) * SPREAD, n).clip(1e-6, 1 - 1e-6)
    logit = np.log(difficulty / (1 - difficulty))
    base, luck, shift = random.random(n) < difficulty, random.random(n), 0.0
    apart = kept_apart(n, apart_share)
    known, incumbent = {"base": (base, 0.0)}, "base"
    done: list[Experiment] = []
    for number in range(1, steps + 1):
        tried = shift + random.normal(0.05, 0.3)
        mine_luck = np.where(random.random(n) < 0.5, luck, random.random(n))
        mine = mine_luck < 1 / (1 + np.exp(-logit - tried))
        id = f"e{number:02d}"
        comparison = compared(mine[: n - apart], known[incumbent][0][: n - apart], id, incumbent)
        experiment = Experiment(id=id, number=number, plan=_plan(id), comparison=comparison)
        outcome = outcome_of(experiment)
        done.append(experiment.model_copy(update={"outcome": outcome}))
        known[id] = mine, tried
        if outcome == "kept":
            incumbent, luck, shift = id, mine_luck, tried
    candidate = candidate_of(done)
    if candidate is None:
        return False, 0.0
    mine, tried = known[candidate.id]
    new, old = mine[n - apart :], base[n - apart :]
    found = decide(
        candidate.id, apart, lambda items: compared(new[:items], old[:items], candidate.id, "base")
    )
    true_gain = 100.0 * float((1 / (1 + np.exp(-logit - tried))).mean() - difficulty.mean())
    return found.confirmed, true_gain if found.confirmed else 0.0


def cut_table(runs: int) -> list[str]:
    """What share of validation to keep apart: confirmed runs in percent, and the mean true gain claimed."""
    shares = (1 / 3, CONFIRMATION_SHARE, 2 / 3)
    head = " | ".join(f"{part:.0%} kept apart" for part in shares)
    lines = [f"| validation items | {head} |", "|---|---|---|---|"]
    for n in SIZES:
        cells = []
        for apart_share in shares:
            ends = [climb(np.random.default_rng([n, run]), n, apart_share) for run in range(runs)]
            confirmed = 100.0 * sum(end[0] for end in ends) / runs
            cells.append(f"{confirmed:.0f}%, {sum(end[1] for end in ends) / runs:+.1f}")
        lines.append(f"| {n} | {' | '.join(cells)} |")
    return lines


def main(
    runs: Annotated[int, typer.Option(help="Simulated runs per cell.")] = 1000,
    write: Annotated[Path | None, typer.Option(help="Also write the tables into this Markdown file.")] = None,
) -> None:
    """Print the tables as Markdown."""
    parts: list[tuple[str, Callable[[int], list[str]]]] = [
        ("Runs with a false champion, in percent, by validation items", null_table),
        ("Runs that confirm a gain, in percent: one candidate of 20 is better / all are", power_table),
        ("Share of validation kept apart: runs confirmed, mean true gain claimed", cut_table),
    ]
    text = ""
    for title, table in parts:
        part = "\n".join([f"## {title} ({runs} runs a cell)", "", *table(runs), ""])
        typer.echo(part)
        text += part + "\n"
    if write is not None:
        write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
