"""Plots of the bench: score against time by task, and what a study varies against the score, with bands.

A plot is one SVG element that follows the colours of the page it stands in, and has its own where it stands
alone. Policies keep their colour and their dash from plot to plot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph.bench.gap import Group, Interval
from graph.bench.results import Result
from tools.report.plots import FAINT, SERIES, bare_figure, inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALONE = {
    "ink": "#1c1c1c",
    "faint": "#666666",
    "line": "#dddddd",
    "paper": "#ffffff",
    "s1": "#1b6ca8",
    "s2": "#c8553d",
    "s3": "#3a7d44",
    "s4": "#8a4f9e",
    "s5": "#b8860b",
    "s6": "#3c8d93",
    "s7": "#a23b72",
    "s8": "#5c6b73",
}
"""Colours where no page gives any."""
DASHES = ("-", "--", "-.", ":")
"""Beside the colour, for readers who do not see it."""
GRID = 200
"""Points of time at which curves of several seeds are averaged."""
Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Seconds, score, and the lower and upper edge of the band."""


def time_plot(group: Group, name: str, order: Sequence[str]) -> str:
    """Validation score of the incumbent against the seconds of the budget, a line for each policy.

    The band is the 95% interval of a lone seed's score, and from the lowest to the highest of several seeds.

    Returns:
        SVG text; empty where no run has a curve.
    """
    curves = {policy: curve for policy in order if (curve := _mean_curve(group, policy)) is not None}
    if not curves:
        return ""
    figure, axes = bare_figure(3.2)
    for policy, (seconds, score, low, high) in curves.items():
        colour, dash = _look(policy, order)
        axes.fill_between(seconds, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
        axes.step(seconds, score, where="post", color=colour, linestyle=dash, linewidth=1.8, label=policy)
    axes.set_xlabel("seconds of the budget")
    axes.set_ylabel("validation score")
    _legend(axes)
    return _alone(inline_svg(figure, f"time {name}", f"{name}: validation score against time, by policy"))


def study_plot(
    points: Mapping[str, Mapping[str, Interval]], ticks: Sequence[str], x_label: str, y_label: str, title: str
) -> str:
    """A mean with its interval at each value that a study varies, a line for each policy.

    Args:
        points: by policy, by tick.
        ticks: the values, in order.
        x_label: what is varied.
        y_label: what is measured.
        title: for readers who do not see the plot.

    Returns:
        SVG text; empty where there is no point.
    """
    if not any(points.values()):
        return ""
    figure, axes = bare_figure(3.2)
    for policy, found in points.items():
        colour, dash = _look(policy, list(points))
        places = [index for index, tick in enumerate(ticks) if tick in found]
        values = [found[ticks[index]] for index in places]
        low, high = [each.low for each in values], [each.high for each in values]
        axes.fill_between(places, low, high, color=colour, alpha=0.13, linewidth=0)
        axes.vlines(places, low, high, color=colour, linewidth=1.0, alpha=0.6)
        line = [each.mean for each in values]
        axes.plot(places, line, color=colour, linestyle=dash, marker="o", markersize=4, label=policy)
    axes.set_xticks(range(len(ticks)), list(ticks))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.margins(x=0.05)
    _legend(axes)
    return _alone(inline_svg(figure, title, title))


def _mean_curve(group: Group, policy: str) -> Curve | None:
    runs = [run for run in group.runs.get(policy, {}).values() if run.curve]
    if not runs:
        return None
    end = max(max(run.seconds, run.curve[-1][0]) for run in runs)
    if len(runs) == 1:
        # To the end of the run: what it had found by then is what it had.
        columns = np.array([*runs[0].curve, (end, *runs[0].curve[-1][1:])], dtype=float).T
        return columns[0], columns[1], columns[2], columns[3]
    begin = max(run.curve[0][0] for run in runs)
    grid = np.linspace(begin, end, GRID)
    found = np.array([_at(run, grid) for run in runs])
    return grid, found.mean(axis=0), found.min(axis=0), found.max(axis=0)


def _at(run: Result, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score of a run's incumbent at each point of time."""
    seconds = np.array([point[0] for point in run.curve])
    scores = np.array([point[1] for point in run.curve], dtype=float)
    places = np.clip(np.searchsorted(seconds, grid, side="right") - 1, 0, len(scores) - 1)
    found: NDArray[np.float64] = scores[places]
    return found


def _look(policy: str, order: Sequence[str]) -> tuple[str, str]:
    place = list(order).index(policy)
    return SERIES[place % len(SERIES)], DASHES[place // 2 % len(DASHES)]


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=9, labelcolor=FAINT)


def _alone(svg: str) -> str:
    """With a colour of its own behind each of the page's."""
    return re.sub(
        r"var\(--(\w+)\)", lambda found: f"var(--{found[1]}, {ALONE.get(found[1], '#1c1c1c')})", svg
    )
