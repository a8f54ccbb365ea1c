"""Report figures: matplotlib plots as inline SVG that follow the page's colours.

Each colour is drawn as a stand-in and then replaced by a CSS variable of the page, so one
plot serves the light and the dark scheme. Text stays text: it can be searched,
selected and read aloud.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from memory.records import Experiment
    from tasks.base import Score

# Stand-in -> CSS variable. The stand-ins are unlike any colour that matplotlib picks by itself.
INK, FAINT, LINE, PAPER = "#010101", "#020202", "#030303", "#040404"
COLOURS = {
    "base": "#050505",
    "kept": "#060606",
    "discarded": "#070707",
    "failed": "#080808",
    "think": "#090909",
    "data": "#0a0a0a",
    "train": "#0b0b0b",
    "evaluate": "#0c0c0c",
    "other": "#0d0d0d",
}
SERIES = tuple(f"#0e0e{number:02x}" for number in range(8))
"""For lines of equal standing, such as policies: the page's ``s1`` to ``s8``."""
_VARIABLES = {INK: "ink", FAINT: "faint", LINE: "line", PAPER: "paper"} | {c: n for n, c in COLOURS.items()}
_VARIABLES |= {colour: f"s{number}" for number, colour in enumerate(SERIES, start=1)}
CLOCKS = ("think", "data", "train", "evaluate", "other")
MARKERS = {"base": "s", "kept": "o", "discarded": "D", "failed": "X"}
"""Shape as well as colour tells an outcome, for readers who do not see the colours."""
WIDTH_INCHES = 7.6
NOT_DRAWN = "<svg></svg>\n"
"""In place of a picture that nobody looks at: to draw them takes a third of a page's time."""


def score_plot(base: Score | None, experiments: Sequence[Experiment], drawn: bool = True) -> str:
    """Validation score by experiment with 95% intervals, lines to parents, and the champion's path.

    Returns:
        SVG text; empty when nothing was scored.
    """
    places = {experiment.id: index + 1 for index, experiment in enumerate(experiments)}
    scored = [e for e in experiments if e.evaluation is not None]
    if base is None and not scored:
        return ""
    figure, axes = bare_figure(3.4)
    heights = {e.id: e.evaluation.score.value for e in scored if e.evaluation}
    if base is not None:
        heights["base"] = base.value
        _point(axes, 0, base, "base", f"{base.value:.1f}")
    floor = max(0.0, min(heights.values()) - 12)
    for experiment in experiments:
        x, parent = places[experiment.id], experiment.plan.parent or "base"
        if experiment.evaluation is None:
            axes.scatter([x], [floor], marker=MARKERS["failed"], s=46, color=COLOURS["failed"], zorder=3)
            continue
        score = experiment.evaluation.score
        if parent in heights:
            ends = [heights[parent], score.value]
            axes.plot([places.get(parent, 0), x], ends, color=FAINT, linewidth=0.9, alpha=0.45, zorder=1)
        _point(axes, x, score, experiment.outcome, experiment.evaluation.brief())
    _champion_path(axes, base, experiments)
    axes.set_xticks([0, *places.values()], ["base", *places])
    axes.set_ylabel("validation score")
    axes.margins(x=0.04)
    return inline_svg(
        figure,
        "scores",
        "Validation score of the base model and of each experiment, with 95% intervals",
        drawn,
    )


def loss_plot(experiments: Sequence[Experiment], champion: str, drawn: bool = True) -> str:
    """Training loss by step; the champion's curve in colour, the others behind it.

    Returns:
        SVG text; empty when nothing was trained.
    """
    trained = [e for e in experiments if e.training is not None and len(_finite(e.training.losses)) > 1]
    if not trained:
        return ""
    figure, axes = bare_figure(3.0)
    for experiment in sorted(trained, key=lambda e: e.id == champion):
        best = experiment.id == champion
        points = _finite(experiment.training.losses) if experiment.training else []
        axes.plot(
            *zip(*points, strict=True),
            color=COLOURS["kept"] if best else COLOURS["other"],
            linewidth=2.2 if best else 1.0,
            alpha=1.0 if best else 0.65,
        )
    _curve_names(axes, trained, champion)
    axes.set_xlabel("step")
    axes.set_ylabel("training loss")
    axes.margins(x=0.06)
    return inline_svg(figure, "losses", f"Training loss by step for {len(trained)} experiments", drawn)


def time_plot(experiments: Sequence[Experiment], drawn: bool = True) -> str:
    """Seconds of each experiment, stacked by clock.

    Returns:
        SVG text; empty when no experiment has clocks.
    """
    timed = [e for e in experiments if sum(e.clocks.values()) > 0]
    if not timed:
        return ""
    figure, axes = bare_figure(0.9 + 0.3 * len(timed))
    ends = [0.0] * len(timed)
    for clock in CLOCKS:
        widths = [max(0.0, e.clocks.get(clock, 0.0)) for e in timed]
        if sum(widths) > 0:
            bars = axes.barh(
                range(len(timed)), widths, left=ends, height=0.62, color=COLOURS[clock], label=clock
            )
            bars.set_label(clock)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    axes.set_yticks(range(len(timed)), [e.id for e in timed])
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False, fontsize=9, labelcolor=INK)
    return inline_svg(
        figure,
        "time",
        "Seconds of each experiment by clock: thinking, data, training, evaluation, other",
        drawn,
    )


def _curve_names(axes: Axes, trained: Sequence[Experiment], champion: str) -> None:
    """Each curve's name at its end, pushed up where it would cover another."""
    ends = {e.id: _finite(e.training.losses)[-1] for e in trained if e.training}
    low, high = axes.get_ylim()
    level = low
    for id, (step, loss) in sorted(ends.items(), key=lambda item: item[1][1]):
        level = max(loss, level + (high - low) * 0.055)
        axes.annotate(
            f"  {id}",
            (step, loss),
            xytext=(step, level),
            va="center",
            color=COLOURS["kept"] if id == champion else FAINT,
            fontsize=9,
            fontweight="bold" if id == champion else "normal",
        )


def _point(axes: Axes, x: int, score: Score, outcome: str, label: str) -> None:
    colour = COLOURS[outcome]
    axes.plot(
        [x, x],
        [score.low, score.high],
        color=colour,
        linewidth=2.0,
        alpha=0.55,
        solid_capstyle="butt",
        zorder=2,
    )
    axes.scatter([x], [score.value], marker=MARKERS[outcome], s=46, color=colour, zorder=3)
    axes.annotate(
        label,
        (x, score.value),
        xytext=(6, 6),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def _champion_path(axes: Axes, base: Score | None, experiments: Sequence[Experiment]) -> None:
    """The champion's score as it rose, as steps behind the points."""
    level = base.value if base is not None else None
    xs, ys = [0.0], [level]
    for index, experiment in enumerate(experiments, start=1):
        if experiment.outcome == "kept" and experiment.evaluation is not None:
            level = experiment.evaluation.score.value
        xs.append(float(index))
        ys.append(level)
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None]
    if len(points) > 1:
        axes.step(
            *zip(*points, strict=True),
            where="post",
            color=COLOURS["kept"],
            linewidth=1.2,
            alpha=0.45,
            zorder=0,
        )


def _finite(losses: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(step, loss) for step, loss in losses if loss == loss and abs(loss) != float("inf")]


def bare_figure(height_inches: float) -> tuple[Figure, Axes]:
    """A bare figure; made without pyplot, which would keep it alive and look for a screen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0.0)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(colors=FAINT, labelcolor=FAINT, length=0, labelsize=9)
    axes.xaxis.label.set_color(FAINT)
    axes.yaxis.label.set_color(FAINT)
    return figure, axes


def inline_svg(figure: Figure, name: str, title: str, drawn: bool = True) -> str:
    """The figure as an inline SVG element with a title and the page's colours; empty if not ``drawn``."""
    if not drawn:
        return NOT_DRAWN
    import matplotlib

    settings: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": "sans-serif",
        "text.color": INK,
    }
    stream = io.StringIO()
    with matplotlib.rc_context(settings):
        figure.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([^;\"]*?)'[^;\"]*", r"font: \1system-ui, sans-serif", svg)
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var(--{variable})")
    # matplotlib leaves black unsaid, and black on a dark page is invisible.
    label = html.escape(title)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" fill="currentColor" ', 1)
