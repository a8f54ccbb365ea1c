"""Studies: one thing is varied at a time, all else equal, and the score is told for each of its values.

A study is a list of cells of the bench, so it is resumed as a bench is, and cells that two studies share are
played once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from graph.bench.ablations import TRAININGS
from graph.bench.gap import Interval, mean_score
from graph.bench.plots import study_plot
from graph.bench.results import MEMORY, WITHOUT, Cell, Result
from graph.bench.table import markdown
from tasks.errors import InputError, did_you_mean

V = TypeVar("V")
ROWS = (100, 300, 1000)
"""Of the study of data, before all rows."""
BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Times the budget that was asked for."""
FAILING = (0.0, 0.2, 0.4)
"""Shares of the trainings that are made to fail."""
IN_PLACE = {
    "whole": "playbook",
    "planner: random": "planner=random",
    "data_curator: all rows": "data_curator=all-data",
    "training_engineer: defaults": "training_engineer=all-data",
    "diagnostician: silent": "diagnostician=silent",
    "evaluator: silent": "evaluator=silent",
    "sources not valued": f"playbook{WITHOUT}valuation",
    "no steps tried first": f"playbook{WITHOUT}gates",
}
"""By what is shown: the playbook with one role, or one part, taken out."""


@dataclass(frozen=True)
class Asked:
    """What a study is made of."""

    tasks: Sequence[str]
    seeds: Sequence[int]
    budget_seconds: float
    base_models: Sequence[str]
    max_rows: int
    policies: Sequence[str] = ()
    """In place of the study's own."""

    def cell(self, task: str, seed: int, policy: str, **changes: object) -> Cell:
        """A cell as asked for, but for the changes."""
        usual = {
            "base_model": self.base_models[0],
            "budget_seconds": self.budget_seconds,
            "max_rows": self.max_rows,
        }
        return Cell.model_validate({"task": task, "seed": seed, "policy": policy, **usual, **changes})


@dataclass(frozen=True)
class Point:
    """One run of a study, and where its plot has it."""

    tick: str
    line: str
    cell: Cell


@dataclass(frozen=True)
class Study:
    """One of the studies."""

    varies: str
    """Under the axis."""
    what: str
    """In a line."""
    points: Callable[[Asked], list[Point]]


def study(name: str) -> Study:
    """A study by name.

    Raises:
        InputError: there is none.
    """
    if name not in STUDIES:
        raise InputError(f"study {name}", "there is no such study", did_you_mean(name, STUDIES))
    return STUDIES[name]


def document(name: str, points: Sequence[Point], results: Sequence[Result]) -> tuple[str, str]:
    """What a study came to: (Markdown with a table, SVG of the plot, empty where there is none)."""
    about = study(name)
    by_cell = {result.cell: result for result in results}
    found: dict[str, dict[str, Interval]] = {}
    ticks = list(dict.fromkeys(point.tick for point in points))
    for line in dict.fromkeys(point.line for point in points):
        for tick in ticks:
            mine = [p.cell for p in points if (p.line, p.tick) == (line, tick) and p.cell in by_cell]
            mean = mean_score([by_cell[cell] for cell in mine])
            if mean is not None:
                found.setdefault(line, {})[tick] = mean
    rows = [(line, *(_text(of.get(tick)) for tick in ticks)) for line, of in found.items()]
    tasks = len({point.cell.task for point in points if point.cell in by_cell})
    runs = sum(point.cell in by_cell for point in points)
    note = (
        f"Mean score on the sealed test over {tasks} {'task' if tasks == 1 else 'tasks'}, {runs} of "
        f"{len(points)} runs, with its 95% interval (a bootstrap over tasks, each score drawn from its own)."
    )
    plot = study_plot(found, ticks, about.varies, "score on the sealed test", f"{name}: {about.what}")
    return "\n\n".join((f"# {name}: {about.what}", markdown((about.varies, *ticks), rows), note)) + "\n", plot


def write(name: str, points: Sequence[Point], results: Sequence[Result], out: Path) -> tuple[str, list[Path]]:
    """Write a study's table and plot beside the results; the Markdown, and the files."""
    text, plot = document(name, points, results)
    files = [out / f"study-{name}.md"]
    if plot:
        files.append(out / f"study-{name}.svg")
        files[1].write_text(_standing_alone(plot), encoding="utf-8")
        text += f"\n![{name}](study-{name}.svg)\n"
    files[0].write_text(text, encoding="utf-8")
    return text, files


def _standing_alone(svg: str) -> str:
    return svg if "xmlns=" in svg else svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _text(found: Interval | None) -> str:
    return "not run" if found is None else found.text()


def _backbones(asked: Asked) -> list[Point]:
    names = asked.policies or ("base", "all-data", "random", "playbook")
    return [
        Point(Path(model).name, policy, asked.cell(task, seed, policy, base_model=model))
        for task, seed, model, policy in _product(asked, asked.base_models, names)
    ]


def _data(asked: Asked) -> list[Point]:
    names = asked.policies or ("all-data", "playbook", "oracle-source")
    rows = [*(count for count in ROWS if count < asked.max_rows), asked.max_rows]
    return [
        Point(f"{count:,}", policy, asked.cell(task, seed, policy, max_rows=count))
        for task, seed, count, policy in _product(asked, rows, names)
    ]


def _budget(asked: Asked) -> list[Point]:
    names = asked.policies or ("all-data", "random", "playbook")
    budgets = [factor * asked.budget_seconds for factor in BUDGETS]
    return [
        Point(f"{seconds:g} s", policy, asked.cell(task, seed, policy, budget_seconds=seconds))
        for task, seed, seconds, policy in _product(asked, budgets, names)
    ]


def _roles(asked: Asked) -> list[Point]:
    return [
        Point(shown, "playbook", asked.cell(task, seed, policy))
        for task, seed, (shown, policy), _ in _product(asked, list(IN_PLACE.items()), ("",))
    ]


def _memory(asked: Asked) -> list[Point]:
    """In the order in which the runs are made: the n-th of them has the lessons of those before."""
    found = []
    for policy in asked.policies or ("playbook",):
        order = [(seed, task) for seed in asked.seeds for task in asked.tasks]
        for place, (seed, task) in enumerate(order, start=1):
            for name in (policy, policy + MEMORY):
                found.append(Point(f"run {place}", name, asked.cell(task, seed, name)))
    return found


def _recovery(asked: Asked) -> list[Point]:
    names = asked.policies or ("random", "playbook")
    return [
        Point(
            f"{share:.0%}",
            policy,
            asked.cell(task, seed, f"{policy}{WITHOUT}{TRAININGS}{share:g}" if share else policy),
        )
        for task, seed, share, policy in _product(asked, FAILING, names)
    ]


def _product(asked: Asked, values: Sequence[V], names: Sequence[str]) -> list[tuple[str, int, V, str]]:
    return [
        (task, seed, value, name)
        for task in asked.tasks
        for seed in asked.seeds
        for value in values
        for name in names
    ]


STUDIES = {
    "backbones": Study("base model", "how much the base model decides", _backbones),
    "data": Study("most training rows", "how scores grow with rows", _data),
    "budget": Study("budget", "how scores grow with time", _budget),
    "roles": Study("what is taken out", "what each role is worth", _roles),
    "memory": Study("run", "what lessons of earlier runs are worth", _memory),
    "recovery": Study("trainings that fail", "how well a policy gets over failures", _recovery),
}
"""By name."""
