"""Story of a run, told from its journal alone: what was asked, what was tried and why, what came of it.

Every sentence names in brackets the experiment whose records it rests on, ``base`` for the base model, or
``run``. Nothing is told that no record says: a run that goes on is told as far as it has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memory.budget.usage import accounts, usages
from memory.claim import claim
from memory.journal.events import Event
from memory.journal.log import BASE, Journal
from memory.records import RunInfo
from tasks.errors import HarnessFault, InputError, or_input_error
from tools.report.experiment_story import beside, chapter_of, compared, decider, scored
from tools.report.reasoning import kept_promises, where_it_ended
from tools.report.recovery import recoveries
from tools.report.sentences import Chapter, Sentence, markdown, named, resting_on
from tools.report.told_records import ToldRecords

_BETWEEN = re.compile(r"(?<=[.]) (?=[A-Z])")
"""Between two sentences of ours."""
LONG = 600
"""Characters of a text of ours that may hold foreign words."""


def story_page(journal: Journal) -> str:
    """The story as Markdown, wrapped for a terminal of 80 columns.

    Raises:
        InputError: a record cannot be read, as in the journal of a later version.
    """
    chapters = story(journal)
    return markdown(f"The story of {named(journal.info.run)}", chapters)


def story(journal: Journal) -> tuple[Chapter, ...]:
    """The chapters in order; one that has nothing to tell has no sentences.

    Raises:
        InputError: a record cannot be read, as in the journal of a later version.
    """
    path, fix = str(journal.path), "tell it with the version that wrote it"
    try:
        with or_input_error(path, "holds a record that cannot be read", fix):
            return _chapters(ToldRecords(journal))
    except HarnessFault as fault:  # records that do not belong together
        raise InputError(path, f"cannot be told ({fault})", fix) from fault


def _chapters(records: ToldRecords) -> tuple[Chapter, ...]:
    return (
        Chapter("What was asked", tuple(_asked(records))),
        Chapter("What the base could do", (*scored(records, BASE), *beside(records, BASE))),
        *(chapter_of(records, id) for id in records.ids),
        Chapter("How failures were recovered from", recoveries(records)),
        Chapter("Whether predictions held", kept_promises(records)),
        Chapter("Where causal reasoning ended", where_it_ended(records)),
        Chapter("What was confirmed", tuple(_confirmed(records))),
        Chapter("What the sealed test said", tuple(_tested(records))),
        Chapter("How the run ended", tuple(_ended(records))),
    )


def _asked(records: ToldRecords) -> Iterator[Sentence]:
    event = records.journal.events[0]
    info = RunInfo.model_validate(event.data)
    yield resting_on(
        f"Asked for: {named(info.base_model)} made better at {named(info.task)}, edition "
        f"{named(info.edition)}, in {info.budget_seconds:.0f} s with at most {info.max_rows:,} rows, seed "
        f"{info.seed}.",
        event,
    )
    memory = "off" if info.memory == "off" else "on"
    who = f"{decider(info.policy)} decides; memory of earlier runs is {memory}"
    yield resting_on(f"{who}; it began {named(info.started)}.", event)


def _confirmed(records: ToldRecords) -> Iterator[Sentence]:
    if (event := records.event("candidate_chosen")) is not None:
        why = _reason(event)
        yield resting_on(f"The search ended with {named(str(event.data.get('candidate')))}{why}.", event)
    event, found = records.event("confirmation"), records.journal.confirmation
    if event is not None and found is not None:
        yield resting_on(f"On items kept apart from the search: {named(found.text(), LONG)}.", event)
        if found.base is not None and found.score is not None:
            scores = f"{found.base.text()} for the base, {found.score.text()} for {named(found.candidate)}"
            yield resting_on(f"The scores on them: {scores}.", event)
    if (event := records.event("champion_chosen")) is not None:
        champion = str(event.data.get("champion", BASE))
        stands = "the base model stands" if champion == BASE else f"the champion is {named(champion)}"
        yield resting_on(f"With that, {stands}.", event)


def _tested(records: ToldRecords) -> Iterator[Sentence]:
    for event in (*records.of_kind("test_opened"), *records.of_kind("test_reopened")):
        again = " again" if event.kind == "test_reopened" else ""
        yield resting_on(f"The sealed test was opened{again} at {named(event.time)}.", event)
    for id in (BASE, *records.ids):
        read, found = records.event("test_evaluation", id), records.journal.test_evaluation(id)
        if read is not None and found is not None:
            yield resting_on(f"Sealed test, {named(found.score.metric)}: {found.text()}.", read)
    for event in records.of_kind("test_comparison"):
        if event.experiment == BASE:  # the base against itself says nothing
            yield resting_on("The sealed test was read for the base alone.", event)
        else:
            yield from compared(event)


def _ended(records: ToldRecords) -> Iterator[Sentence]:
    yield from beside(records, None)
    yield from _calls(records)
    last = records.journal.events[-1]
    ended = records.of_kind("run_ended")
    for event in ended:
        yield resting_on(f"The run ended as {_words(event, 'outcome')}{_reason(event)}.", event)
    if records.journal.ended is None:
        where = f" of {named(last.experiment)}" if last.experiment else ""
        yield resting_on(
            f"The run has not ended; its last record is the {last.kind.replace('_', ' ')}{where}, written "
            f"{named(last.time)}.",
            last,
        )
    chosen = records.event("champion_chosen") or (ended[-1] if ended else records.journal.events[0])
    for text in _BETWEEN.split(claim(records.journal)[1]):
        yield resting_on(named(text, LONG), chosen)


def _calls(records: ToldRecords) -> Iterator[Sentence]:
    """What a language model cost in all, by role."""
    events = records.of_kind("usage")
    for role, account in accounts(usages(records.journal), lambda usage: usage.role).items():
        rests = [event for event in events if event.data.get("role") == role]
        yield resting_on(
            f"Calls of a language model as {role.replace('_', ' ')}: {account.calls}, "
            f"{account.input_tokens:,} tokens in and {account.output_tokens:,} out, {account.usd:.4f} USD.",
            *rests,
        )


def _words(event: Event, key: str) -> str:
    return named(str(event.data.get(key) or "ended").replace("_", " "))


def _reason(event: Event) -> str:
    reason = str(event.data.get("reason") or "")
    return f": {named(reason, LONG).rstrip('.')}" if reason else ""
