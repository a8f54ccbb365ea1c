"""Forecasts of held-out runs: how they rank, if intervals hold, what is saved.

    python -m tests.bench.forecast [--runs DIR]... [--compare] [--simulated 60] [--draws 3]

Each run is held out in turn: its experiments are forecast from those of other runs, of which 0, 5, 10, 25, 50
or all are taken (whole runs in a drawn order, the last one cut), and from the run's own finished ones before
it. Spearman's rank correlation is over all forecasts of held-out experiments, and within runs, which is what
a planner needs; its interval is from runs drawn with replacement. Coverage is of the 80% intervals. A
held-out experiment is saved where a near repeat of it in another run excluded a gain; wrongly where it gained
all the same.

Journals on this machine are few and alike. A simulated family (tasks with a difficulty, sources with a
quality, rates with an optimum that moves with the model's width, noise of 150 items) says how the same code
does with more; its figures stand apart and say nothing of real tasks.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy
import typer
from scipy.stats import spearmanr

from graph.settings import default_runs_dir
from memory.forecast.model import Moment, learn, learns_from, measured_scale, room, usable
from memory.forecast.past import PastExperiment, read_past
from memory.forecast.repeats import excludes_a_gain, together
from tests.bench.forecast_family import family

SIZES = (0, 5, 10, 25, 50, 0)
"""Past experiments that a forecast is learned from; the last 0 stands for all."""
RESAMPLES = 1000
LEAST_IN_RUN = 4
"""Experiments of a run under which no rank within it is told."""


@dataclass(frozen=True)
class Held:
    """One held-out experiment."""

    run: str
    gain: float
    expected: float
    """By its plan."""
    forecast: float
    low: float
    high: float


def held_out(
    experiments: Sequence[PastExperiment], moment: Moment, size: int | None, draws: int, seed: int = 0
) -> list[Held]:
    """Forecasts of every run from ``size`` experiments of the others (None for all) and its own before."""
    rng, found = random.Random(seed), []
    runs = sorted({e.run for e in experiments})
    for _ in range(draws if size is not None else 1):
        for run in runs:
            others = drawn(experiments, run, size, rng)
            own = [e for e in experiments if e.run == run]
            if learns_from(others):
                scale = measured_scale(others, moment)
                found += list(of_run(others, own, moment, scale))
    return found


def drawn(
    experiments: Sequence[PastExperiment], run: str, size: int | None, rng: random.Random
) -> list[PastExperiment]:
    """``size`` experiments of other runs: whole runs in a drawn order."""
    others = [e for e in experiments if e.run != run]
    if size is None:
        return others
    order = sorted({e.run for e in others})
    rng.shuffle(order)
    return [e for name in order for e in others if e.run == name][:size]


def of_run(
    others: Sequence[PastExperiment], own: Sequence[PastExperiment], moment: Moment, scale: float
) -> Iterator[Held]:
    """The experiments of one run in order, each forecast before it is known."""
    for number, each in enumerate(own):
        model = learn([*others, *own[:number]], moment, scale)
        features = getattr(each, moment)
        foreseen = model.foresee(features)
        assert each.gain is not None
        yield Held(each.run, each.gain, each.expected, foreseen.gain, foreseen.low, foreseen.high)


# ---- figures


def rank(held: Sequence[Held], of: Callable[[Held], float]) -> float:
    """Spearman's correlation; NaN where one side is constant."""
    a, b = [of(h) for h in held], [h.gain for h in held]
    if len(set(a)) < 2 or len(set(b)) < 2:
        return math.nan
    return float(spearmanr(a, b).statistic)


def within(held: Sequence[Held], of: Callable[[Held], float]) -> float:
    """The mean correlation inside runs."""
    by: dict[str, list[Held]] = {}
    for h in held:
        by.setdefault(h.run, []).append(h)
    found = [rank(each, of) for each in by.values() if len(each) >= LEAST_IN_RUN]
    found = [each for each in found if not math.isnan(each)]
    return float(numpy.mean(found)) if found else math.nan


def interval(held: Sequence[Held], figure: Callable[[Sequence[Held]], float], seed: int = 0) -> str:
    """``0.61 [0.45, 0.72]``: 95%, runs drawn with replacement."""
    rng = random.Random(seed)
    by: dict[str, list[Held]] = {}
    for h in held:
        by.setdefault(h.run, []).append(h)
    runs = sorted(by)
    drawn_figures = []
    for _ in range(RESAMPLES):
        resampled = [
            replace(h, run=f"{number}")
            for number, name in enumerate(rng.choices(runs, k=len(runs)))
            for h in by[name]
        ]
        value = figure(resampled)
        if not math.isnan(value):
            drawn_figures.append(value)
    if not drawn_figures:
        return "-"
    low, high = numpy.percentile(drawn_figures, [2.5, 97.5])
    return f"{figure(held):.2f} [{low:.2f}, {high:.2f}]"


def coverage(held: Sequence[Held]) -> float:
    """Share of gains inside their intervals."""
    return sum(h.low <= h.gain <= h.high for h in held) / len(held)


def saved(experiments: Sequence[PastExperiment]) -> tuple[int, int, float]:
    """(held-out experiments that a repeat in another run would have spared, of these those that gained, and
    the seconds that they took)."""
    spared = wrong = 0
    seconds = 0.0
    for e in experiments:
        done = [
            other
            for other in experiments
            if other.run != e.run
            and (other.base_model, other.data) == (e.base_model, e.data)
            and e.data
            and (e.setup.repeats(other.setup) or _plan_repeats(e, other))
        ]
        tried = together(done)
        if tried is not None and excludes_a_gain(tried):
            spared += 1
            seconds += e.seconds
            wrong += (e.gain or 0.0) >= 1.0
    return spared, wrong, seconds


def _plan_repeats(e: PastExperiment, other: PastExperiment) -> bool:
    return replace(e.setup, training={}).repeats(other.setup)


def print_curve(title: str, experiments: Sequence[PastExperiment], moment: Moment, draws: int) -> None:
    """A line for each number of past experiments."""
    known = usable(experiments, moment)
    typer.echo(
        f"\n{title}, {moment}: {len(known)} experiments of {len({e.run for e in known})} runs, "
        f"{len({e.task for e in known})} tasks"
    )
    typer.echo(
        "past  forecasts  rank (all)           rank (in runs)       80% holds  half width  error  plans'"
    )
    for position, size in enumerate(SIZES):
        every = position == len(SIZES) - 1
        if not every and size >= len(known):
            continue
        held = held_out(known, moment, None if every else size, draws)
        name = "all" if every else str(size)
        if not held:
            typer.echo(f"{name:<5} none: too little to learn from")
            continue
        widths = [(h.high - h.low) / 2 for h in held]
        error = numpy.mean([abs(h.forecast - h.gain) for h in held])
        own = numpy.mean([abs(h.expected - h.gain) for h in held])
        typer.echo(
            f"{name:<5} {len(held):<10} {interval(held, lambda h: rank(h, lambda x: x.forecast)):<20} "
            f"{interval(held, lambda h: within(h, lambda x: x.forecast)):<20} "
            f"{coverage(held):<10.0%} {numpy.median(widths):<11.1f} {error:<6.1f} {own:.1f}"
        )
    plans = [Held(e.run, e.gain or 0.0, e.expected, e.expected, 0, 0) for e in known]
    typer.echo(
        f"the plans' own expectations: rank {interval(plans, lambda h: rank(h, lambda x: x.expected))}, "
        f"in runs {interval(plans, lambda h: within(h, lambda x: x.expected))}, "
        f"off by {math.sqrt(numpy.mean([(h.expected - h.gain) ** 2 for h in plans])):.1f} "
        "(root of the mean square)"
    )


# ---- which model


def estimators() -> dict[str, Callable[[], Any]]:
    """What was compared, each with the same features and folds."""
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def scaled(last: Any) -> Any:
        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        return make_pipeline(filled, StandardScaler(), last)

    kernel = ConstantKernel(1.0) * Matern(length_scale=8.0, nu=1.5) + WhiteKernel(0.3)
    return {
        "mean": lambda: scaled(DummyRegressor()),
        "ridge": lambda: scaled(RidgeCV(numpy.logspace(0, 4, 9))),
        "5 neighbours": lambda: scaled(KNeighborsRegressor(5, weights="distance")),
        "Gaussian process": lambda: scaled(GaussianProcessRegressor(kernel, normalize_y=True)),
        "boosted trees": lambda: HistGradientBoostingRegressor(
            max_iter=60, learning_rate=0.06, min_samples_leaf=5, max_leaf_nodes=8, random_state=0
        ),
        "random forest": lambda: RandomForestRegressor(
            60, min_samples_leaf=2, max_features=0.5, random_state=0
        ),
        "extra trees": lambda: ExtraTreesRegressor(60, min_samples_leaf=2, max_features=0.5, random_state=0),
    }


def print_comparison(experiments: Sequence[PastExperiment], moment: Moment) -> None:
    """Leave-one-run-out errors of each model, learned as points and as the share of what was left to gain."""
    import warnings

    known = usable(experiments, moment)
    names = tuple(getattr(known[0], moment))
    x = numpy.asarray([[getattr(e, moment).get(name, math.nan) for name in names] for e in known])
    y = numpy.asarray([e.gain for e in known])
    rooms = numpy.asarray([room(getattr(e, moment)) for e in known])
    runs = numpy.asarray([e.run for e in known])
    typer.echo(f"\nleave one run out, {moment}: {len(known)} experiments of {len(set(runs))} runs")
    typer.echo("model             target  rank  in runs  mean error  root mean square  CPU s")
    for name, make in estimators().items():
        for target in ("points", "share"):
            unit = rooms if target == "share" else numpy.ones_like(rooms)
            began, out = time.process_time(), numpy.zeros_like(y)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of optimisers that stop at a bound
                for run in sorted(set(runs)):
                    those = runs == run
                    fitted = make().fit(x[~those], (y / unit)[~those])
                    out[those] = fitted.predict(x[those]) * unit[those]
            held = [Held(r, g, 0, f, 0, 0) for r, g, f in zip(runs, y, out, strict=True)]
            typer.echo(
                f"{name:<17} {target:<7} {rank(held, lambda h: h.forecast):<5.2f} "
                f"{within(held, lambda h: h.forecast):<8.2f} {numpy.abs(out - y).mean():<11.2f} "
                f"{math.sqrt(((out - y) ** 2).mean()):<17.2f} {time.process_time() - began:.1f}"
            )


def main(
    runs: Annotated[list[Path] | None, typer.Option(help="Folders of runs.")] = None,
    only_models: Annotated[str, typer.Option(help="Base models, with commas; all when empty.")] = "",
    compare: Annotated[bool, typer.Option(help="Also which model errs least.")] = False,
    simulated: Annotated[int, typer.Option(help="Runs of the simulated family; 0 for none.")] = 0,
    draws: Annotated[
        int, typer.Option(help="Orders of past runs for each number of experiments; 0: no curve.")
    ] = 3,
    moment: Annotated[str, typer.Option(help="planned or drafted.")] = "planned",
) -> None:
    """Print the figures."""
    when: Moment = "drafted" if moment == "drafted" else "planned"
    found: list[PastExperiment] = []
    for folder in runs if runs is not None else [Path(default_runs_dir())]:
        past = read_past(folder, None)
        found += past.scored
        typer.echo(
            f"{folder}: {len(past.scored)} scored experiments of {past.runs} runs, {past.set_aside} set aside"
        )
    wanted = set(filter(None, only_models.split(",")))
    found = [e for e in found if not wanted or e.base_model in wanted]
    for title, experiments in (
        ("journals", found),
        ("simulated family", family(simulated) if simulated else []),
    ):
        if not usable(experiments, when):
            continue
        if compare:
            print_comparison(experiments, when)
        if draws:
            print_curve(title, experiments, when, draws)
        spared, wrong, seconds = saved(experiments)
        typer.echo(
            f"repeats that another run showed to be in vain: {spared} of {len(experiments)} experiments "
            f"({seconds:.0f} s), of which {wrong} gained a point or more"
        )


if __name__ == "__main__":
    typer.run(main)
