"""Course of a run: whether its journal holds what a run writes, once each, and in an order that it can have.

A chain fixes the lines that are there. It does not tell lines that a run never writes: a record of an
experiment that was not planned, a second verdict, answers to the test before it was opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import get_args

from memory.journal.events import KINDS, ONCE, STAGES, StageKind
from memory.journal.evidence import ACCEPTED
from memory.journal.history import BASE, History
from tools.evaluation.reading import ORDER as READING_ORDER
from tools.verification.finding import short

STAGE_ORDER = tuple(kind for kind in get_args(StageKind) if kind not in ("estimate", "failure", "lesson"))
"""Of one experiment; an estimate may be made again, a failure may come at any step, and an agent from outside
draws its lesson when the experiment is finished."""
PLAIN_NOTE = frozenset({"text", "torn", "stranger"})
"""What a note that comes after the end may hold: nothing that the run's figures are read from."""
TEST = "test"


def course_differences(history: History, test_items: int) -> list[str]:
    """What a run would not have written, a line each.

    Args:
        history: of the run.
        test_items: of the sealed test.
    """
    return [
        *_kinds(history),
        *_order(history),
        *_sealed(history, test_items),
        *_ending(history),
        *_marks(history),
        *_after_the_end(history),
        *_clocks(history),
    ]


def _kinds(history: History) -> Iterator[str]:
    planned = {BASE, *(str(event.experiment) for event in history.events if event.kind == "plan")}
    counts: Counter[tuple[str, str | None]] = Counter()
    for number, event in enumerate(history.events, start=1):
        if event.kind not in KINDS:
            yield f"line {number}: {short(event.kind)} is no kind of event"
        if event.kind in STAGES and event.experiment not in planned:
            yield f"line {number}: {event.kind} of {event.experiment}, which was never planned"
        counts[event.kind, event.experiment] += 1
    for (kind, experiment), count in counts.items():
        if count > 1 and kind in STAGES | ONCE - {"run_ended"} and kind != "estimate":
            whose = f" of {experiment}" if experiment else ""
            yield f"{kind}{whose}: stands {count} times, and a run writes it once"
    for event in [event for event in history.events if event.kind == "run_ended"][:-1]:
        if event.data.get("outcome") != "harness_fault":
            yield "run_ended: stands more than once, and only a fault of the harness lets a run go on"


def _order(history: History) -> Iterator[str]:
    """Of each experiment the stages in the order in which they happen; no experiment before the one ahead."""
    stages: dict[str, list[str]] = {}
    for event in history.events:
        if event.kind in STAGE_ORDER:
            stages.setdefault(str(event.experiment), []).append(event.kind)
    for experiment, kinds in stages.items():
        places = [STAGE_ORDER.index(kind) for kind in kinds]
        for before, after in pairwise(places):
            if after < before:
                yield f"{experiment}: its {STAGE_ORDER[after]} stands behind its {STAGE_ORDER[before]}"
    plans = [str(event.experiment) for event in history.events if event.kind == "plan"]
    if plans != sorted(plans):
        yield f"experiments: they are planned in the order {', '.join(plans)}"
    for experiment in plans:
        plan, trained = history.plan(experiment), history.training_plan(experiment)
        if plan and trained and plan.init_from != trained.init_from:
            yield f"{experiment}: planned from {plan.init_from}, and trained from {trained.init_from}"
        recipe, card = history.recipe(experiment), history.card(experiment)
        # What was refused of a recipe ended its experiment before it had rows.
        if plan and recipe and card and set(recipe.sources) != set(plan.sources):
            planned, taken = (short(", ".join(sorted(set(each.sources)))) for each in (plan, recipe))
            yield f"{experiment}: planned on {planned}, and its recipe takes {taken}"
        if plan and plan.parent not in (None, BASE) and plan.parent not in plans[: plans.index(experiment)]:
            yield f"{experiment}: builds on {plan.parent}, which was not planned before it"


def _sealed(history: History, test_items: int) -> Iterator[str]:
    """What the openings say of the test, and whether anything answered it before."""
    opened = False
    for event in history.events:
        if event.kind in ("test_opened", "test_reopened"):
            opened = True
            facts = {"digest": history.info.test_digest, "n": test_items, "order": READING_ORDER}
            for name, expected in facts.items():
                if (was := event.data.get(name, expected)) != expected:
                    yield f"{event.kind}: its {name} is {short(was)}, and that of the test {short(expected)}"
        elif not opened and any(_answers_the_test(name) for name in event.data.get("files") or ()):
            yield "the sealed test: answers to it were recorded before it was opened"


def _answers_the_test(name: str) -> bool:
    file = Path(name)
    return file.parts[0] == "experiments" and file.stem.partition("-")[0] == TEST


def _ending(history: History) -> Iterator[str]:
    ended, tested = history.ended, history.confirmation
    if ended and ended.get("outcome") == "solved" and not (tested and tested.confirmed):
        yield "the end: it is called solved, and no gain was confirmed"


def _marks(history: History) -> Iterator[str]:
    """What a run rests on is recorded a second time only where a person accepted the change."""
    digests: dict[str, str] = {}
    marked = False
    for event in history.events:
        if event.kind == "note" and ACCEPTED in event.data:
            marked = True
        elif event.kind == "evidence" and "digest" in event.data:
            about, now = str(event.data.get("about")), str(event.data["digest"])
            if digests.setdefault(about, now) != now and not marked:
                yield f"{about}: recorded again as something else, and nobody accepted a change"
            digests[about] = now


def _after_the_end(history: History) -> Iterator[str]:
    if history.ended is None:
        return
    ends = [place for place, event in enumerate(history.events) if event.kind == "run_ended"]
    for event in history.events[ends[-1] + 1 :]:
        more = sorted(event.data.keys() - PLAIN_NOTE) if event.kind == "note" else []
        if more:
            yield f"a note behind the end holds {', '.join(more)}, which a run notes before it"


def _clocks(history: History) -> Iterator[str]:
    """Times are times, and what was spent is not given back."""
    before: dict[str, float] = {}
    for number, event in enumerate(history.events, start=1):
        try:
            datetime.fromisoformat(event.time)
        except ValueError:
            yield f"line {number}: {short(event.time)} is no time"
        for clock, seconds in (event.clocks or {}).items():
            if seconds < before.get(clock, 0.0):
                yield f"line {number}: the clock {clock} goes back from {before[clock]:g} to {seconds:g} s"
        before = event.clocks or before
