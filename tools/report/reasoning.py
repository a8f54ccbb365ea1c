"""Reasoning of a run: whether what was expected came true, and where no test stands behind a cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memory.calibration import LEAST_POINTS, hit, predictions
from memory.claim import SIGNIFICANT
from memory.journal.events import Event
from memory.journal.log import BASE
from memory.records import Comparison, Diagnosis, Plan
from tools.report.experiment_story import points, spread
from tools.report.sentences import Sentence, listed, named, quoted, resting_on
from tools.report.told_records import ToldRecords

HELD, FAILED = "that held", "that failed"


@dataclass(frozen=True)
class Expected:
    """What was expected of an experiment, beside what was measured of it."""

    held: bool
    """Whether the direction is right, see ``memory.calibration.hit``."""
    measured: str
    verdict: str
    events: tuple[Event, ...]


def kept_promises(records: ToldRecords) -> tuple[Sentence, ...]:
    """Every expectation of a plan, and every prediction of a diagnosis, that a score can be held against."""
    told = []
    for plan, found in _plans(records):
        over = named(plan.parent or BASE)
        told.append(
            resting_on(
                f"Its plan expected {points(plan.expected_gain)} points over {over}, measured is "
                f"{found.measured}: {found.verdict}.",
                *found.events,
            )
        )
    return (*told, *_predicted(records))


def _plans(records: ToldRecords) -> Iterator[tuple[Plan, Expected]]:
    for event in records.of_kind("plan"):
        plan, id = Plan.model_validate(event.data), str(event.experiment)
        found = _held_against(records, plan.parent or BASE, id, plan.expected_gain)
        if found is not None:
            yield plan, Expected(found.held, found.measured, found.verdict, (event, *found.events))


def _held_against(records: ToldRecords, before: str, after: str, expected: float) -> Expected | None:
    """The paired test of the two where there is one, else their two scores; None without these."""
    paired, event = records.journal.comparison(after), records.event("comparison", after)
    if paired is not None and event is not None and paired.champion == before:
        held = hit(expected, paired.delta)
        return Expected(held, spread(paired), _paired_verdict(paired, expected, held), (event,))
    events = (records.event("evaluation", before), records.event("evaluation", after))
    was, now = records.journal.evaluation(before), records.journal.evaluation(after)
    if was is None or now is None or events[1] is None:
        return None
    sign = 1.0 if now.score.higher_is_better else -1.0
    held = hit(expected, sign * (now.paired_score.value - was.paired_score.value))
    verdict = f"{'the direction is right' if held else FAILED}, and no paired test compares the two"
    measured = f"{was.brief()} for {named(before)} and {now.brief()} for {named(after)}"
    return Expected(held, measured, verdict, (events[1],))


def _paired_verdict(paired: Comparison, expected: float, held: bool) -> str:
    """``that held`` or ``that failed``, with what chance leaves open."""
    if not held:
        open_ = paired.low <= expected <= paired.high
        return FAILED + (", though the interval does not rule it out" if open_ else "")
    if paired.p_value >= SIGNIFICANT and abs(expected) >= LEAST_POINTS:
        return "the direction is right, and chance can explain it as well"
    return HELD


def _predicted(records: ToldRecords) -> Iterator[Sentence]:
    """Predictions of diagnoses that an experiment put to the test; a failed one is told as such."""
    for tried in predictions(records.finished()).tested:
        made, test = records.event("diagnosis", tried.diagnosed), records.event("plan", tried.tested_by)
        assert made is not None and test is not None
        said = (
            f"{named(tried.diagnosed)} predicted {points(tried.expected)} points, {quoted(tried.claim)}, and "
            f"{named(tried.tested_by)} tested it"
        )
        found = _held_against(records, tried.diagnosed, tried.tested_by, tried.expected)
        if tried.hit is None or found is None:
            yield resting_on(f"{said}; one of the two has no score, so nothing is known of it.", made, test)
            continue
        # The report's count of predictions stands: two scores, also where a paired test lies the other way.
        verdict = found.verdict if found.held == tried.hit else (HELD if tried.hit else FAILED)
        yield resting_on(f"{said}; measured is {found.measured}: {verdict}.", made, test, *found.events)


def where_it_ended(records: ToldRecords) -> tuple[Sentence, ...]:
    """Expectations that failed, predictions that nothing tested, and causes named without a test."""
    return (*_failed(records), *_untested(records), *_without_a_test(records), *_undiagnosed(records))


def _failed(records: ToldRecords) -> Iterator[Sentence]:
    for tried in predictions(records.finished()).tested:
        if tried.hit is not False:
            continue
        made, test = records.event("diagnosis", tried.diagnosed), records.event("plan", tried.tested_by)
        assert made is not None and test is not None
        cause = made.data.get("cause")
        yield resting_on(
            f"The cause {cause}, named for {named(tried.diagnosed)}, did not carry its prediction: "
            f"{named(tried.tested_by)} came out otherwise.",
            made,
            test,
        )
    missed = [found.events[0] for _, found in _plans(records) if not found.held]
    if missed:
        ids = listed(named(str(event.experiment)) for event in missed)
        yield resting_on(f"What their plans expected did not come: {ids}.", *missed)


def _untested(records: ToldRecords) -> Iterator[Sentence]:
    tested = _named_in_plans(records)
    for event, found in _diagnoses(records):
        if found.prediction is not None and event.experiment not in tested:
            yield resting_on(
                f"No experiment tested what was predicted for {named(str(event.experiment))}, cause "
                f"{found.cause}: {quoted(found.prediction.claim)}.",
                event,
            )


def _without_a_test(records: ToldRecords) -> Iterator[Sentence]:
    """By cause, the diagnoses that predict nothing and that no plan names."""
    tested = _named_in_plans(records)
    causes: dict[str, list[Event]] = {}
    for event, found in _diagnoses(records):
        if found.prediction is None and found.cause != "none" and event.experiment not in tested:
            causes.setdefault(found.cause, []).append(event)
    for cause, events in causes.items():
        ids = listed(named(str(event.experiment)) for event in events)
        yield resting_on(f"The cause {cause} was named without a prediction or a test: {ids}.", *events)


def _undiagnosed(records: ToldRecords) -> Iterator[Sentence]:
    for event in records.of_kind("failure"):
        if records.event("diagnosis", event.experiment) is None:
            yield resting_on(f"The failure of {named(str(event.experiment))} has no diagnosis.", event)


def _diagnoses(records: ToldRecords) -> list[tuple[Event, Diagnosis]]:
    found = (records.event("diagnosis", id) for id in records.ids)
    return [(event, Diagnosis.model_validate(event.data)) for event in found if event is not None]


def _named_in_plans(records: ToldRecords) -> set[str]:
    """The experiments whose diagnosis any plan puts to the test."""
    return {str(event.data.get("tests")) for event in records.of_kind("plan") if event.data.get("tests")}
