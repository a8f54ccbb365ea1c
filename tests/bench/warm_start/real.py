"""Real runs on minis, cold and warm; what a folder holds already is not run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ftdojo
from memory.experience.lessons import LessonBook
from memory.experience.store import ExperienceStore
from memory.journal.log import Journal
from tests.bench.warm_start.spoiled import spoiled
from tests.bench.warm_start.table import MEMORIES, REACHED, Pair, table


def real_table(tasks: Sequence[str], budget: str, out: Path, wrong: float, seed: int) -> Iterator[str]:
    """Leave one task out, over real tasks; a line as each run ends, then the table."""
    pairs: dict[str, list[Pair]] = {name: [] for name in MEMORIES[1:]}
    colds = {}
    for task in tasks:
        colds[task] = _run(task, budget, out, "cold", out / "cold" / task, seed)
        yield f"cold {task}: {_told(colds[task])}"
    for task in tasks:
        books = {each: list(LessonBook(out / "cold" / each).all()) for each in tasks}
        others = [lesson for each in tasks if each != task for lesson in books[each]]
        memories = (others, spoiled(others, wrong, seed), [*others, *books[task]])
        for name, lessons in zip(pairs, memories, strict=True):
            folder = out / name.replace(", ", "-").replace(" ", "-") / task
            if not folder.exists():
                store = ExperienceStore(folder)
                with store.book.lock():
                    store.book.append(lessons)
            warm = _run(task, budget, out, folder.parent.name, folder, seed + 1)
            yield f"{name}, {task}: {_told(warm)}"
            pairs[name].append(_pair(colds[task], warm))
    yield ""
    yield from table(pairs)


def _run(task: str, budget: str, out: Path, kind: str, memory: Path, seed: int) -> Journal:
    """The journal of one run, made where there is none."""
    made = out / f"{kind}-{task}.json"
    if not made.exists():
        result: dict[str, Any] = ftdojo.run(
            task, runs_dir=str(out / "runs"), memory=str(memory), budget=budget, seed=seed
        )
        made.write_text(json.dumps({"run": result["run"]}), "utf-8")
    return ftdojo.journal(out / "runs" / str(json.loads(made.read_text("utf-8"))["run"]))


def _track(journal: Journal) -> list[tuple[int, float, float]]:
    """After each experiment: how many, seconds since the run began to work, and the incumbent's score."""
    assert journal.base_evaluation is not None
    value, found = journal.base_evaluation.paired_score.value, []
    for event in journal.events:
        if event.kind == "finished":
            experiment = journal.experiment(str(event.experiment))
            if experiment and experiment.outcome == "kept" and experiment.evaluation:
                value = experiment.evaluation.paired_score.value
            found.append((len(found) + 1, float((event.clocks or {}).get("elapsed", 0.0)), value))
    return found


def _pair(cold: Journal, warm: Journal) -> Pair:
    first, second = _track(cold), _track(warm)
    assert cold.base_evaluation is not None and first
    start, final = cold.base_evaluation.paired_score.value, first[-1][2]
    target = start + REACHED * (final - start)
    reached = [next(((n, s) for n, s, v in each if v >= target), None) for each in (first, second)]
    last = second[-1] if second else (0, 0.0, start)
    assert reached[0] is not None
    return Pair(reached[0], reached[1] or (last[0] + 1, last[1]), reached[1] is not None, last[2] - final)


def _told(journal: Journal) -> str:
    return ", ".join(f"{value:.1f} ({seconds:.0f} s)" for _, seconds, value in _track(journal))
