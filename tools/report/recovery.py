"""Recovery from failures: what failed, what was changed next, and whether that worked."""

from __future__ import annotations

from collections.abc import Iterator

from memory.journal.events import Event
from memory.records import Diagnosis, Plan, TrainingPlan
from tools.report.experiment_story import CHANGED
from tools.report.sentences import Sentence, listed, named, resting_on
from tools.report.told_records import ToldRecords

SETTINGS = (
    "method",
    "init_from",
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "load_in_4bit",
    "num_train_epochs",
    "max_steps",
    "max_length",
)
"""Of a training plan, what may be changed after a failure."""


def recoveries(records: ToldRecords) -> tuple[Sentence, ...]:
    """Each failure with what followed it, in order; then what was mended within an experiment."""
    told = [sentence for failed in records.of_kind("failure") for sentence in _followed(records, failed)]
    return (*told, *_within(records))


def _followed(records: ToldRecords, failed: Event) -> Iterator[Sentence]:
    id = str(failed.experiment)
    yield _failed(records, failed, id)
    plan = _answer(records, failed, id)
    if plan is None:
        yield resting_on(f"No experiment followed the failure of {named(id)}.", failed)
    else:
        yield from _changed(records, failed, plan)
        yield _worked(records, failed, str(plan.experiment))
    again = [event for event in _alike(records, failed) if event.seq > failed.seq]
    if again:
        ids = listed(named(str(event.experiment)) for event in again)
        yield resting_on(f"The failure of {named(id)} came again in {ids}.", failed, *again)


def _failed(records: ToldRecords, failed: Event, id: str) -> Sentence:
    what = f"{named(id)} failed at the stage {_how(failed)}"
    event = records.event("diagnosis", id)
    if event is None:
        return resting_on(f"{what}, and no diagnosis was made.", failed)
    found = Diagnosis.model_validate(event.data)
    move = found.next_move.replace("_", " ")
    return resting_on(f"{what}; the diagnosis named {found.cause} and asked for: {move}.", failed, event)


def _how(failed: Event) -> str:
    return f"{named(str(failed.data.get('stage')))} ({named(str(failed.data.get('code')))})"


def _alike(records: ToldRecords, failed: Event) -> list[Event]:
    """Every failure at the same stage with the same code."""
    key = (failed.data.get("stage"), failed.data.get("code"))
    return [e for e in records.of_kind("failure") if (e.data.get("stage"), e.data.get("code")) == key]


def _answer(records: ToldRecords, failed: Event, id: str) -> Event | None:
    """The plan that puts the failure's diagnosis to the test; else the one that came next."""
    later = [event for event in records.of_kind("plan") if event.seq > failed.seq]
    return next((event for event in later if event.data.get("tests") == id), later[0] if later else None)


def _changed(records: ToldRecords, failed: Event, plan: Event) -> Iterator[Sentence]:
    before, after = str(failed.experiment), str(plan.experiment)
    found = Plan.model_validate(plan.data)
    aim = f", to test the diagnosis of {named(before)}" if found.tests == before else ""
    yield resting_on(f"Then came {named(after)}, in which {CHANGED[found.change]}{aim}.", plan)
    differences = list(_differences(records, before, after))
    if differences:
        events = [
            event
            for id in (before, after)
            for kind in ("plan", "training_plan")
            if (event := records.event(kind, id)) is not None
        ]
        yield resting_on(f"Before and after: {'; '.join(differences)}.", *events)


def _differences(records: ToldRecords, before: str, after: str) -> Iterator[str]:
    old_plan, new_plan = records.journal.plan(before), records.journal.plan(after)
    if old_plan and new_plan and set(old_plan.sources) != set(new_plan.sources):
        yield f"sources {listed(map(named, old_plan.sources))}, then {listed(map(named, new_plan.sources))}"
    old, new = records.journal.training_plan(before), records.journal.training_plan(after)
    if old is None or new is None:
        return
    for name in SETTINGS:
        was, now = _shown(old, name), _shown(new, name)
        if was != now:
            yield f"{name.replace('_', ' ')} {was}, then {now}"


def _shown(plan: TrainingPlan, name: str) -> str:
    value = getattr(plan, name)
    return f"{value:.3g}" if isinstance(value, float) else named(str(value))


def _worked(records: ToldRecords, failed: Event, after: str) -> Sentence:
    """Whether the experiment after a failure got further than it."""
    told = named(after)
    if (again := records.event("failure", after)) is not None:
        same = again.data.get("code") == failed.data.get("code")
        way = "in the same way" if same else "in another way"
        return resting_on(f"That did not work: {told} failed {way}, at the stage {_how(again)}.", again)
    event, found = records.event("evaluation", after), records.journal.evaluation(after)
    if event is None or found is None:
        last = [event for event in records.journal.events if event.experiment == after][-1]
        return resting_on(f"Whether that works is open: {told} has no score yet.", last)
    closed = records.event("finished", after)
    outcome = f" and was {named(str(closed.data['outcome']))}" if closed else ""
    events = (event, closed) if closed else (event,)
    return resting_on(f"That worked: {told} reached a score, {found.text()}{outcome}.", *events)


def _within(records: ToldRecords) -> Iterator[Sentence]:
    """Trainings that went on in a smaller form, and work of a lost process that was done once more."""
    for event in records.of_kind("note"):
        smaller, lost = "instead" in event.data, "lost" in event.data
        if smaller or lost:
            told = named(str(event.data.get("text", "")), 400).rstrip(".")
            yield resting_on(f"Mended on the way: {told}.", event)
        trained = records.event("training", event.experiment) if smaller else None
        if trained is not None:
            yield resting_on(f"That worked: {named(str(event.experiment))} was trained.", trained)
