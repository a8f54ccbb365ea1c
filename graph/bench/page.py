"""Leaderboard page: one HTML file with tables and plots inside, which a phone reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph.bench.gap import Start, grouped, policies
from graph.bench.plots import time_plot
from graph.bench.results import Result
from graph.bench.table import ALL_HEADS, MARK, TASK_HEADS, name_of, tables

TEMPLATES = Path(__file__).parent / "templates"


def page(results: Sequence[Result], command: str, start: Start = "base") -> str:
    """The page.

    Args:
        results: as read from a file.
        command: what plays them again.
        start: from where the gap to the oracle goes.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    found, groups = tables(results, start), grouped(results)
    order = policies(groups)
    tasks: list[dict[str, Any]] = []
    for group in groups:
        name = name_of(group, groups)
        rows = [row[1:] for row in found.by_task if row[0] == name]
        tasks.append({"name": name, "rows": rows, "plot": Markup(time_plot(group, name, order))})
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("leaderboard.html.j2").render(
        heads=ALL_HEADS,
        overall=found.overall,
        said=found.ranking.text(),
        task_heads=TASK_HEADS[1:],
        tasks=tasks,
        notes=[note.replace("\\*", MARK.strip()) for note in found.notes],
        command=command,
        versions=_versions(results),
    )


def _versions(results: Sequence[Result]) -> str:
    """Of the libraries, each with every version that a run had."""
    found: dict[str, set[str]] = {}
    for run in results:
        for name, version in run.versions.items():
            found.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {' and '.join(sorted(of))}" for name, of in found.items()) or "not said"
