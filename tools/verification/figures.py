"""Figures and choices of a run, made again from its predictions: comparisons, outcomes, the champion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from memory.confirmation import Confirmation
from memory.journal.history import BASE, History
from memory.records import Comparison, Experiment
from tasks.base import Sample, TaskSpec
from tools.checks.champion import candidate_of, outcome_of
from tools.evaluation.baselines import levels_of
from tools.evaluation.confirmation import FIRST_LOOK_LEVEL, confirm
from tools.evaluation.staged import compare_shared
from tools.verification.course import course_differences
from tools.verification.finding import Finding, short
from tools.verification.predictions import Splits, items_of, score_differences
from tools.workspace import Workspace

TOLERANCE = 1e-6
ORDER = (
    "candidate_chosen",
    "champion_chosen",
    "test_opened",
    "test_evaluation",
    "test_comparison",
    "run_ended",
)
"""Events of the end, in the only order in which a run writes them."""


def check_figures(history: History, workspace: Workspace, spec: TaskSpec, splits: Splits) -> Finding:
    """Every comparison and every choice that the journal records."""
    found: list[str] = []
    search, test = splits.get("validation", ()), splits.get("test", ())
    comparisons = 0
    for event in history.events:
        if event.kind not in ("comparison", "test_comparison"):
            continue
        recorded = Comparison.model_validate(event.data)
        name = "test" if event.kind == "test_comparison" else "validation"
        samples = test if name == "test" else search
        if not samples:
            continue
        made = _compared(workspace, recorded, name, spec, samples)
        found += [
            f"{event.kind} of {event.experiment}: {line}" for line in comparison_differences(recorded, made)
        ]
        comparisons += 1
    if (confirmation := history.confirmation) is not None:
        comparisons += len(confirmation.looks)
        found += _confirmation(workspace, confirmation, spec, splits.get("confirmation", ()))
    found += _choices(history)
    if test:
        found += course_differences(history, len(test))
        found += _levels(history, workspace, spec, splits)
    return Finding("figures", f"{comparisons} comparisons and all choices made again", tuple(found))


def _compared(
    workspace: Workspace, recorded: Comparison, name: str, spec: TaskSpec, samples: Sequence[Sample]
) -> Comparison:
    """A part of the test may have been read; which items that must be is looked at with the answers."""
    mine, theirs = recorded.challenger, recorded.champion
    new, old = items_of(workspace, mine, name), items_of(workspace, theirs, name)
    return compare_shared(new, old, mine, theirs, spec, samples)


def comparison_differences(recorded: Comparison, made: Comparison) -> list[str]:
    """Which figures of two comparisons differ, a line each."""
    found = []
    for name, now in made.model_dump().items():
        was = getattr(recorded, name)
        if isinstance(now, float) and abs(now - float(was)) > TOLERANCE * max(1.0, abs(now)):
            found.append(f"{name} comes to {now:.6g}, recorded {was:.6g}")
        elif not isinstance(now, float) and now != was:
            found.append(f"{name} comes to {short(now)}, recorded {short(was)}")
    return found


def _confirmation(
    workspace: Workspace, recorded: Confirmation, spec: TaskSpec, samples: Sequence[Sample]
) -> list[str]:
    def answer(model: str, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        return items_of(workspace, model, f"confirmation-{last}")

    samples = samples[: _taken(recorded, len(samples))]
    made = confirm(recorded.candidate, samples, spec, answer, recorded.of)
    found = [f"{len(made.looks)} looks, recorded {len(recorded.looks)}"] * (
        len(made.looks) != len(recorded.looks)
    )
    for now, was in zip(made.looks, recorded.looks, strict=False):
        found += comparison_differences(was.comparison, now.comparison)
        if (now.items, now.level) != (was.items, was.level):
            found.append(
                f"a look at {now.items} items at {now.level:g}, recorded {was.items} at {was.level:g}"
            )
    for name in ("base", "score"):
        now_score, was_score = getattr(made, name), getattr(recorded, name)
        if now_score and was_score:
            found += [f"{what} of {name} {line}" for what, line in score_differences(was_score, now_score)]
        elif now_score or was_score:
            found.append(f"the score of {name} comes to {now_score}, recorded {was_score}")
    if made.confirmed != recorded.confirmed:
        found.append(f"confirmed comes to {made.confirmed}, recorded {recorded.confirmed}")
    return [f"confirmation of {recorded.candidate}: {line}" for line in found]


def _taken(recorded: Confirmation, most: int) -> int:
    """How many items the time held; in runs of earlier versions by the looks, the last of which takes all."""
    if recorded.items is not None:
        return recorded.items
    last = recorded.looks[-1] if recorded.looks else None
    return most if last and last.level == FIRST_LOOK_LEVEL else last.items if last else 0


def _levels(history: History, workspace: Workspace, spec: TaskSpec, splits: Splits) -> list[str]:
    """What no model would score on the sealed test, made again; a judge is not asked again."""
    recorded, champion = history.baselines, history.champion_id()
    if recorded is None or spec.judge is not None:
        return []
    items = items_of(workspace, champion, "test")
    read = {str(item["id"]) for item in items}
    samples = [sample for sample in splits["test"] if sample.id in read]
    known = (*splits["validation"], *splits["confirmation"])
    _, made = levels_of(spec, known, samples, champion != BASE and items)
    again = json.loads(json.dumps(made))
    return [
        f"what no model would score: {name} comes to {short(again.get(name))}, recorded {short(was)}"
        for name, was in recorded.items()
        if again.get(name) != was
    ]


def _choices(history: History) -> list[str]:
    """What the records do not lead to: outcomes, candidate, champion, and the order of the end."""
    found: list[str] = []
    experiments = history.experiments()
    for experiment in experiments:
        if (outcome := outcome_of(experiment)) != experiment.outcome:
            found.append(f"{experiment.id}: its records make it {outcome}, recorded {experiment.outcome}")
    found += _chosen(history, experiments)
    kinds = [event.kind for event in history.events]
    places = [kinds.index(kind) for kind in ORDER if kind in kinds]
    if places != sorted(places):
        found.append("the end: its events stand in another order than a run writes them")
    if "test_evaluation" in kinds and "test_opened" not in kinds:
        found.append("the sealed test: it was read, and no opening of it stands in the journal")
    if kinds.count("test_opened") > 1:
        found.append(f"the sealed test: it was opened {kinds.count('test_opened')} times")
    opened = next((event.data for event in history.events if event.kind == "test_opened"), None)
    if opened is not None and opened.get("champion") not in (None, history.champion_id()):
        found.append(
            f"the sealed test: it was opened for {opened.get('champion')}, not {history.champion_id()}"
        )
    expected = [f"e{number:02d}" for number in range(1, len(experiments) + 1)]
    if (ids := [experiment.id for experiment in experiments]) != expected:
        found.append(f"experiments: {', '.join(ids)} are finished, where {', '.join(expected)} must be")
    return found


def _chosen(history: History, experiments: Sequence[Experiment]) -> list[str]:
    found = []
    chosen = next((event.data for event in history.events if event.kind == "candidate_chosen"), None)
    if chosen is None:
        return []  # a run that has not come so far, or of an earlier version
    candidate = candidate_of(experiments)
    name = candidate.id if candidate else BASE
    if chosen.get("candidate") != name:
        found.append(f"candidate: the records lead to {name}, recorded {chosen.get('candidate')}")
    tested = history.confirmation
    if tested is not None and tested.candidate != name:
        found.append(f"confirmation: it is of {tested.candidate}, and the candidate is {name}")
    wins = name if tested is not None and tested.confirmed else BASE
    if any(event.kind == "champion_chosen" for event in history.events) and history.champion_id() != wins:
        found.append(f"champion: the records lead to {wins}, recorded {history.champion_id()}")
    return found
