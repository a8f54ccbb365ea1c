"""One cell of the bench, played: a run of the graph, begun or gone on with, and the result line it comes to.

The run lies in a folder that its cell names. Where a kill has left an unfinished run there, that run goes on
with the time it has left, so a killed bench loses what a killed run loses: the step under way.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph.bench.ablations import check_parts, failing_share
from graph.bench.injected_failures import FaultPlan, inject
from graph.bench.program import LOG_FILE, play_program, submit
from graph.bench.results import Cell, Result
from graph.policy_names import COMMAND, kind_of, knows
from graph.run import resume, run
from graph.session import SETTINGS_FILE
from graph.settings import RunSettings, make_settings
from graph.unchanged import SUMMARY
from memory.journal.log import BASE, Journal
from tasks.errors import HarnessFault, InputError
from tools.process.machine import machine

RUNS, MEMORY = "runs", "memory"
"""Folders beside the results file."""
JOURNAL = "journal.jsonl"
OnEvent = Callable[[dict[str, Any]], None]


def settings_of(cell: Cell, out: Path) -> RunSettings:
    """The settings of a cell's run; a cell that does not remember has no memory, whatever the machine holds.

    Raises:
        InputError: a part of the cell names nothing.
    """
    check_parts(cell.without)
    return make_settings(
        task=cell.task,
        seed=cell.seed,
        policy=cell.plays if kind_of(cell.plays) != "command" else "playbook",
        base_model=cell.base_model,
        budget_seconds=cell.budget_seconds,
        max_rows=cell.max_rows,
        edition=cell.edition,
        search=cell.search,
        workers=cell.workers,
        memory=str(out / MEMORY / cell.memory) if cell.remembers else "off",
        runs_dir=str(out / RUNS / cell.folder),
    )


def play(
    cell: Cell, out: Path, on_event: OnEvent | None = None, settings: RunSettings | None = None
) -> Result:
    """Run a cell to its end.

    Args:
        cell: what to run.
        out: the folder of the results file, absolute.
        on_event: as of ``graph.run.run``.
        settings: in place of the cell's own, for what a cell does not say.

    Raises:
        InputError: it cannot be run here.
        HarnessFault: it broke off, and goes on where the cell is played again.
    """
    began = time.monotonic()
    settings = settings or settings_of(cell, out)
    folder = Path(settings.runs_dir)
    lessons = _lessons(settings.memory)
    share = next(filter(None, map(failing_share, cell.without)), None)
    if share is not None and (cut_off := unfinished(folder)) is not None:
        shutil.rmtree(cut_off)  # which trainings fail is counted in the process that was killed
    run_dir = unfinished(folder) or _finished(folder)
    # A finished run is one that a kill parted from its line.
    if run_dir is None or not (run_dir / SUMMARY).exists():
        if kind_of(cell.plays) == "command":
            run_dir = _by_program(cell, settings, run_dir)
        elif run_dir is None:
            opened = None if share is None else inject(FaultPlan(cell.seed, share))
            run_dir = folder / str(run(settings, on_event, without=cell.without, opened=opened)["run"])
        else:
            resume(run_dir, on_event)
    told = result_of(cell, Journal.open(run_dir / JOURNAL, write=False), out)
    return told.model_copy(update={"wall_seconds": round(time.monotonic() - began, 1), "lessons": lessons})


def _by_program(cell: Cell, settings: RunSettings, run_dir: Path | None) -> Path:
    """Let the program behind ``mcp:`` play; a run that it leaves is submitted as it stands."""
    folder, journal = Path(settings.runs_dir), _journal_of(run_dir)
    if journal is None or not journal.over:  # else a kill came between its end and its summary
        play_program(cell.plays.removeprefix(COMMAND), settings, run_dir)
    left = unfinished(folder)
    if left is not None:
        submit(left)
    found = left or _finished(folder)
    if found is None:
        why = f"no run came of it; see {folder / LOG_FILE}"
        raise HarnessFault(f"{cell.plays}: {_why_refused(folder) or why}")
    return found


def unfinished(folder: Path) -> Path | None:
    """The run in a cell's folder that can be gone on with; a folder without a journal is cleared away.

    A run that was refused when it began is none: its clocks have gone on, and the machine may be another by
    now. The cell's next run begins beside it.
    """
    for settings in sorted(folder.glob(f"*/{SETTINGS_FILE}")):
        run_dir = settings.parent
        if (run_dir / SUMMARY).exists():
            continue
        if not (run_dir / JOURNAL).exists():
            shutil.rmtree(run_dir)  # cut off before its first record: nothing was done
            continue
        journal = _journal_of(run_dir)
        if journal is None or not journal.refused:
            return run_dir
    return None


def _journal_of(run_dir: Path | None) -> Journal | None:
    """The journal of a run; None without a run, and for one that going on with it will have to mend."""
    try:
        return None if run_dir is None else Journal.open(run_dir / JOURNAL, write=False)
    except InputError:
        return None


def _why_refused(folder: Path) -> str:
    """Why the latest run in a cell's folder was refused when it began; empty where none was."""
    journals = (_journal_of(found.parent) for found in sorted(folder.glob(f"*/{SETTINGS_FILE}")))
    refused = [journal.ended for journal in journals if journal is not None and journal.refused]
    return str((refused[-1] or {}).get("reason", "")) if refused else ""


def _finished(folder: Path) -> Path | None:
    return next((found.parent for found in sorted(folder.glob(f"*/{SUMMARY}"))), None)


def result_of(cell: Cell, journal: Journal, out: Path) -> Result:
    """The line of a run that has ended.

    Raises:
        HarnessFault: its sealed test was never read.
    """
    champion, ended, info = journal.champion_id(), journal.ended or {}, journal.info
    base, final = journal.test_evaluation(BASE), journal.test_evaluation(champion)
    if base is None or final is None:
        raise HarnessFault(
            f"{info.run} ended without reading its sealed test ({ended.get('reason', 'unknown')})"
        )
    tokens, usd = _spent(journal)
    counts = journal.counts()
    scored = [each.evaluation.paired_score.value for each in journal.experiments() if each.evaluation]
    upwards = base.score.higher_is_better
    here = machine()
    path = journal.path.resolve()
    return Result(
        cell=cell,
        score=final.score,
        base=base.score,
        champion=champion,
        knows=knows(cell.plays),
        experiments={name: counts[name] for name in ("kept", "discarded", "failed")},
        trained=(max(scored) if upwards else min(scored)) if scored else None,
        seconds=round(journal.clocks.get("elapsed", 0.0), 1),
        tokens=tokens,
        usd=usd,
        outcome=str(ended.get("outcome", "")),
        reason=str(ended.get("reason", "")),
        curve=curve_of(journal),
        test_digest=info.test_digest,
        data_digest=info.data_digest,
        journal_digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        journal=str(path.relative_to(out.resolve())) if path.is_relative_to(out.resolve()) else "",
        machine=f"{here.system}, {here.cores} cores, {', '.join(here.gpus) or 'no GPU'}",
        versions=info.versions,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def curve_of(journal: Journal) -> tuple[tuple[float, float, float, float], ...]:
    """(seconds, score, low, high) of the incumbent on validation whenever it changed, the base first."""
    found = []
    kept = {each.id for each in journal.experiments() if each.outcome == "kept"} | {BASE}
    for event in journal.events:
        if event.kind == "evaluation" and event.experiment in kept and event.clocks:
            evaluation = journal.evaluation(event.experiment)
            assert evaluation is not None  # the journal has just told it
            score = evaluation.paired_score
            found.append((round(event.clocks["elapsed"], 1), score.value, score.low, score.high))
    return tuple(found)


def _spent(journal: Journal) -> tuple[int, float]:
    """Tokens, in and out, and US dollars of language models."""
    from memory.budget.usage import usages

    calls = list(usages(journal))
    tokens = sum(call.input_tokens + call.output_tokens for call in calls)
    return tokens, round(sum(call.usd for call in calls), 6)


def _lessons(memory: str) -> int | None:
    if memory == "off":
        return None
    from memory.experience.store import ExperienceStore

    return ExperienceStore(Path(memory)).count()
