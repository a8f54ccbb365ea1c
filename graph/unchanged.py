"""Unchanged: what a run rests on is recorded when it starts, and compared when it goes on.

What changed is named and the run refused; a person may accept it, and the run is marked for ever.
"""

from __future__ import annotations

from pathlib import Path

from graph.settings import RunSettings, home
from graph.task_names import on_disk
from memory.journal.evidence import ACCEPTED, subjects_on_record
from memory.journal.log import Journal
from tasks.base import TaskData, TaskSpec
from tasks.errors import InputError
from tools.dojo import Dojo
from tools.models.base_model import BaseModel
from tools.verification.file_digests import FileDigests
from tools.verification.files import changed_files
from tools.verification.foundations import Foundation, differences, foundations

PLACES = frozenset(
    {"runs_dir", "memory", "answer_cache", "data_root", "models_file", "eval_server", "base_url"}
)
"""Settings that say where something lies: a run that is moved has others."""
NAMED = ("task", "base_model")
"""Settings that may be a place; what lies there is recorded by content."""
LATER = frozenset({"budget_seconds"})
"""A fork has its own; the journal's first line names it."""
SUMMARY = "summary.json"
"""In the folder of a run that has ended."""
SHOWN = 6
"""Changes that a refusal names; the others are counted."""


def settings_facts(settings: RunSettings) -> dict[str, object]:
    """What a run was asked for, without places: of a task or a model on disk, its name."""
    plain = settings.model_dump(mode="json")
    for name in NAMED:
        if on_disk(str(plain[name])):
            plain[name] = Path(plain[name]).expanduser().resolve().name
    return {name: value for name, value in plain.items() if name not in PLACES | LATER}


def foundations_of(
    settings: RunSettings,
    spec: TaskSpec,
    data: TaskData,
    test_digest: str,
    base: BaseModel,
    *,
    whole: bool = False,
) -> list[Foundation]:
    """What a run rests on, as it is now; ``whole`` reads every byte again."""
    files = FileDigests(None if whole else home() / "digests.json")
    place = Path(settings.task).expanduser() if on_disk(settings.task) else None
    return foundations(settings_facts(settings), spec, data, test_digest, base, place, files)


def record_foundations(settings: RunSettings, spec: TaskSpec, data: TaskData, dojo: Dojo) -> None:
    """Write into the journal what the run rests on."""
    for foundation in foundations_of(settings, spec, data, dojo.test.digest, dojo.base_model):
        dojo.journal.append("evidence", foundation.data())


def refuse_changes(
    settings: RunSettings, spec: TaskSpec, data: TaskData, dojo: Dojo, accept_changes: bool
) -> None:
    """Compare what a run rests on, and what it wrote, with its journal.

    A run of an earlier version has no such record; it gets one now. A run that was cut off while its record
    was written gets the rest: nothing has been done in it yet. Of a run that is finished nothing is accepted
    any more: its figures are of what it rested on then.

    Raises:
        InputError: something changed, and nobody accepted it, or the run is finished.
    """
    journal = dojo.journal
    recorded = subjects_on_record(journal)
    now = foundations_of(settings, spec, data, dojo.test.digest, dojo.base_model)
    compared = [each for each in now if each.about in recorded] if _nothing_done(journal) else now
    changed = [*differences(recorded, compared), *changed_files(journal, dojo.workspace)] if recorded else []
    finished = journal.ended is not None and (dojo.workspace.run_dir / SUMMARY).exists()
    if changed and (finished or not accept_changes):
        more = f"; and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise InputError(
            str(dojo.workspace.run_dir),
            f"is not as it was when it stopped: {'; '.join(changed[:SHOWN])}{more}",
            "the run is finished: start a new one, or see `ftdojo verify`"
            if finished
            else "undo that, or `ftdojo resume --accept-changes` goes on and marks the run for ever",
        )
    if changed:
        told = f"gone on although {len(changed)} things had changed: {'; '.join(changed[:SHOWN])}"
        journal.append("note", {"text": told, ACCEPTED: changed})
    if changed or compared != now or not recorded:
        for foundation in now:
            if recorded.get(foundation.about) != foundation.data():
                journal.append("evidence", foundation.data())


def _nothing_done(journal: Journal) -> bool:
    """Whether the journal tells of nothing but what the run rests on."""
    return all(
        event.kind == "run_started" or (event.kind == "evidence" and "digest" in event.data)
        for event in journal.events
    )
