"""A second run that shares the first one's past: its journal up to a point, its data, its weights.

What was measured is not measured again, and what came after the point is not known to the new
run. Nothing of the sealed test and of the confirmation is carried over: neither readings nor predictions.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph.session import SETTINGS_FILE, read_settings
from memory.journal.chain import Chain
from memory.journal.events import Event, encode
from memory.journal.log import BASE, Journal
from memory.records import RunInfo
from tasks.errors import HarnessFault, InputError, did_you_mean
from tools.workspace import Workspace

SEALED_KINDS = frozenset(
    {
        "candidate_chosen",
        "confirmation",
        "champion_chosen",
        "test_opened",
        "test_reopened",
        "test_evaluation",
        "test_comparison",
        "run_ended",
    }
)
"""Never part of a fork: the end of the first run."""
SEALED_FILES = ("test.", "test-", "confirmation-")
"""How the names of files begin that tell of the sealed test and the confirmation: predictions, log, cost."""
TEACHER_FOLDER = "teacher"
"""Cached replies of the teacher: paid for once."""


def fork(run_dir: Path, experiment: str, runs_dir: Path, budget_seconds: float | None = None) -> Path:
    """A new run with everything up to the end of one experiment; go on with ``graph.run.resume``.

    Args:
        run_dir: the run to share.
        experiment: a finished experiment of it, or ``base`` for the state before the first one.
        runs_dir: where the new run's folder is made, ``<run>-fork-1``, ``-2``...
        budget_seconds: the new run's whole budget; what the shared past took counts as spent.

    Returns:
        The new run's folder.

    Raises:
        InputError: not a run, or the experiment is not finished in it.
    """
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    last = ("evaluation", BASE) if experiment == BASE else ("finished", experiment)
    ends = [event.seq + 1 for event in journal.events if (event.kind, event.experiment) == last]
    if not ends:
        known = [done.id for done in journal.experiments()] + [BASE] * (journal.base_evaluation is not None)
        raise InputError(
            f"--at {experiment}", f"is not finished in {run_dir.name}", did_you_mean(experiment, known)
        )
    return fork_at(journal, ends[0], runs_dir, f"after {experiment}", budget_seconds)


def fork_at(
    journal: Journal, events: int, runs_dir: Path, where: str, budget_seconds: float | None = None
) -> Path:
    """A new run that shares the first ``events`` lines of a journal; ``where`` says it in words.

    The folder becomes a run with its last file, so that a kill leaves no half run.
    """
    parent = journal.path.parent
    settings = read_settings(parent)
    if budget_seconds is not None:
        settings = settings.model_copy(update={"budget_seconds": budget_seconds})
    settings = settings.model_copy(update={"runs_dir": str(runs_dir)})
    kept = [event for event in journal.events[:events] if event.kind not in SEALED_KINDS]
    workspace = Workspace.create(runs_dir, _free_name(runs_dir, journal.info.run))
    for file in _files(parent, kept):
        _carry(file, workspace.inside(file.relative_to(parent)))
    info = journal.info.model_copy(
        update={
            "run": workspace.run_dir.name,
            "budget_seconds": settings.budget_seconds,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    note = {
        "text": f"forked from {journal.info.run} {where}",
        "parent": journal.info.run,
        "parent_events": events,
        "parent_test_reads": journal.test_reads,
        "parent_confirmed": journal.confirmation is not None,
    }
    workspace.write_text(workspace.journal_path, _tape(kept, info, note))
    workspace.write_text(workspace.run_dir / SETTINGS_FILE, settings.model_dump_json(indent=2) + "\n")
    return workspace.run_dir


def _free_name(runs_dir: Path, run: str) -> str:
    """``<run>-fork-N``; a fork of a fork is counted with the first run's."""
    stem = re.sub(r"-fork-\d+$", "", run)
    number = 1
    while (runs_dir / f"{stem}-fork-{number}").exists():
        number += 1
    return f"{stem}-fork-{number}"


def _tape(kept: Sequence[Event], info: RunInfo, note: dict[str, Any]) -> str:
    """The new journal: the same lines with their times and clocks, counted anew, and a note at the end."""
    clocks = next((event.clocks for event in reversed(kept) if event.clocks is not None), None)
    first = replace(kept[0], data=info.model_dump(mode="json"))
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    last = Event(len(kept), now, "note", None, note, clocks)
    chain, lines = Chain(), []
    for seq, event in enumerate([first, *kept[1:], last]):
        linked = replace(event, seq=seq, prev=chain.head)
        lines.append(encode(linked))
        chain.add(lines[-1], linked.prev)
    return b"".join(lines).decode("utf-8")


def _files(parent: Path, kept: Sequence[Event]) -> Iterator[Path]:
    """The files that the kept records speak of; of an experiment under way, once it is trained."""
    for event in kept:
        if event.kind == "card":
            stem = Path(str(event.data["path"])).name.removesuffix(".jsonl")
            yield from sorted((parent / "data").glob(f"{stem}.*"))
    trained = [str(event.experiment) for event in kept if event.kind in ("training", "finished")]
    folders = [parent / "experiments" / name for name in dict.fromkeys([BASE, *trained])]
    for folder in (*folders, parent / TEACHER_FOLDER):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith(SEALED_FILES):
                yield path


def _carry(source: Path, target: Path) -> None:
    """The same file under a second name, or a copy where the file system cannot: no file is rewritten
    in place, they are replaced.

    Raises:
        HarnessFault: it cannot be read or written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
    except OSError as error:
        raise HarnessFault(f"{target}: cannot be written ({error.strerror or error})") from error
