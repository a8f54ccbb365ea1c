"""Harness around plotting code: runs it headless and writes down what it drew.

This file is never imported by the project. ``tasks.tablebench.charts.compare`` takes its text, adds one
call of ``main`` with a model's code, and the whole runs in the sandbox, where it may
import the standard library, matplotlib and what the code asks for.

``result.json`` holds, under ``own``, every series of every figure, read from the
artists on the axes, so that it does not matter by which function they were drawn;
and under ``released`` what the released evaluator would have recorded: the second
positional argument of ``plt.bar``, ``plt.plot`` and ``plt.scatter``.

Not covered: code that forges ``result.json``. It gains nothing, as the reference is
not in the sandbox and a forged series must be as right as a drawn one.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

MOST_SERIES = 400
MOST_VALUES = 20_000
"""Per script; what is drawn beyond is not written down."""
MOST_CHARACTERS = 400_000
"""Of the released record; no reference comes near, so that a longer one is as wrong as none."""

Series = dict[str, Any]
"""``{"kind": str, "values": list of float, None where a point is missing}``; of a pie, the shares."""


def main(own: str | None, released: str | None) -> None:
    """Run the code that our reading finds, and the released one's where that is another."""
    out = os.path.abspath("result.json")
    report: dict[str, Any] = {"own": None, "released": None}
    if own is not None:
        report["own"], report["released"] = run(own)
    if released != own:
        report["released"] = None if released is None else run(released)[1]
    with open(out, "w", encoding="utf-8") as file:
        json.dump(report, file)


def run(code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What one piece of code drew: by its artists, and by the calls that the released evaluator sees."""
    import matplotlib

    matplotlib.use("Agg", force=True)
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    seen: dict[int, tuple[Any, list[Series]]] = {}
    calls: list[Any] = []

    def look(*_: Any, **__: Any) -> None:
        """Stands in for show and savefig: notes what every open figure holds by now."""
        numbers = plt.get_fignums()
        current = plt.gcf() if numbers else None
        for figure in [plt.figure(number) for number in numbers]:
            drawn = [series for axes in figure.axes for series in on_axes(axes)]
            if drawn:
                seen[id(figure)] = (figure, drawn)
        if current is not None:
            plt.figure(current)

    real = {name: getattr(plt, name) for name in ("bar", "plot", "scatter")}
    for name, function in real.items():
        setattr(plt, name, _recorded(function, calls))
    plt.show = plt.savefig = Figure.show = Figure.savefig = look  # type: ignore[method-assign]
    matplotlib.use = look
    started = time.monotonic()
    error, left = _execute(code)
    look()
    for name, function in real.items():
        setattr(plt, name, function)
    plt.close("all")
    drawn = [series for _, found in seen.values() for series in found][:MOST_SERIES]
    seconds = time.monotonic() - started
    own = {"error": error, "series": _bounded(drawn), "seconds": seconds}
    return own, _released(calls, bool(error) or left, seconds)


def _execute(code: str) -> tuple[str, bool]:
    """The error that ended the code, if any, and whether it left by SystemExit."""
    try:
        exec(compile(code, "answer.py", "exec"), {"__name__": "__main__"})
    except SystemExit:
        return "", True
    except Exception as error:  # whatever a model's code raises is that code's failure
        return f"{type(error).__name__}: {error}"[:300], False
    return "", False


def _recorded(function: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 1:
            calls.append(list(args[1]) if isinstance(args[1], Iterable) else [args[1]])
        return function(*args, **kwargs)

    return wrapper


def _released(calls: list[Any], failed: bool, seconds: float) -> dict[str, Any]:
    """An integer of NumPy is not serialisable, and the released run fails on it; a float of NumPy is."""
    try:
        text = json.dumps(calls)
    except (TypeError, ValueError):
        failed, text = True, "[]"
    series = json.loads(text) if len(text) <= MOST_CHARACTERS else []
    return {"executed": not failed, "series": series, "seconds": seconds}


def on_axes(axes: Any) -> list[Series]:
    """The series on one axes, in the order of drawing within each kind."""
    from matplotlib.container import BarContainer, ErrorbarContainer, StemContainer

    polar = axes.name == "polar"
    found: list[Series] = []
    aside: set[int] = set()
    """Lines that carry no series: the baseline of a stem plot, the caps of error bars."""
    for container in axes.containers:
        if isinstance(container, BarContainer) and container.datavalues is not None:
            found.append(_series("bar", container.datavalues))
        elif isinstance(container, StemContainer):
            aside.add(id(container.baseline))
        elif isinstance(container, ErrorbarContainer):
            aside.update(id(line) for line in container.lines[1])
    found += [_line(line, polar) for line in axes.lines if id(line) not in aside and _is_series(line, axes)]
    return found + _collections(axes, polar) + _patches(axes, polar)


def _is_series(line: Any, axes: Any) -> bool:
    """False for a line across the whole axes (not in data coordinates), and for one without points."""
    in_data = line.get_transform().contains_branch_seperately(axes.transData)
    return all(in_data) and line.get_visible() and len(line.get_ydata(orig=False)) > 0


def _line(line: Any, polar: bool) -> Series:
    unlinked = str(line.get_linestyle()).strip().lower() in ("none", "")
    kind = "scatter" if unlinked and not polar else "radar" if polar else "line"
    return _series(kind, line.get_ydata(orig=False))


def _collections(axes: Any, polar: bool) -> list[Series]:
    import numpy as np
    from matplotlib.collections import FillBetweenPolyCollection, PathCollection

    found = []
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            offsets: Any = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan)
            if len(offsets):
                found.append(_series("scatter", offsets[:, 1]))
        elif isinstance(collection, FillBetweenPolyCollection) and _is_upright(collection):
            heights = [y for path in collection.get_paths() for y in _heights(path.vertices)]
            found.append(_series("radar" if polar else "area", heights))
    return found


def _heights(vertices: Any) -> Any:
    """One filled region: a corner, n points of one edge, a corner, n of the other backwards, the end.

    Either edge may be the upper one: ``fill_between`` of one series has zero second, ``stackplot`` first.
    """
    n = (len(vertices) - 3) // 2
    first, second = vertices[1 : n + 1, 1], vertices[n + 2 : 2 * n + 2, 1][::-1]
    return second - first if second.any() and second.sum() > first.sum() else first - second


def _is_upright(collection: Any) -> bool:
    return bool(collection.t_direction == "x")


def _patches(axes: Any, polar: bool) -> list[Series]:
    from matplotlib.patches import Polygon, Wedge

    pies: dict[Any, list[float]] = {}
    found = []
    for patch in axes.patches:
        if isinstance(patch, Wedge):
            ring = (tuple(round(float(x)) for x in patch.center), round(float(patch.r), 6))
            pies.setdefault(ring, []).append((patch.theta2 - patch.theta1) / 360)
        elif isinstance(patch, Polygon) and polar:
            found.append(_series("radar", patch.get_xy()[:, 1]))
    return found + [_series("pie", shares) for shares in pies.values()]


def _series(kind: str, values: Any) -> Series:
    import numpy as np

    try:
        numbers: Any = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan).ravel()
    except (TypeError, ValueError):
        return {"kind": kind, "values": []}
    return {"kind": kind, "values": [float(x) if math.isfinite(x) else None for x in numbers]}


def _bounded(drawn: list[Series]) -> list[Series]:
    """The first ``MOST_VALUES`` values."""
    left, kept = MOST_VALUES, []
    for series in drawn:
        kept.append(series | {"values": series["values"][:left]})
        left -= len(kept[-1]["values"])
    return kept
