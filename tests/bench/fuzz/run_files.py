"""Targets that read the files of runs, of other runs, and of people's memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ftdojo
from graph.bench.results import Cell, Result, read_lines
from graph.cli.bug_report import _parts as bundle_parts
from graph.cli.watch import _as_told, _progress
from graph.documents import check_documents
from graph.session import read_settings
from memory.budget.heartbeat import last_beat
from memory.budget.usage import by_experiment
from memory.experience.lessons import LessonBook
from memory.experience.transfer import import_lessons
from memory.forecast.past import read_past
from memory.journal.events import Event, encode
from memory.journal.examine import examine
from memory.journal.log import Journal
from tasks.base import Score
from tasks.errors import InputError
from tests.bench.fuzz.target import Target
from tests.bench.fuzz.text import text_of
from tests.support import foreign_texts as foreign
from tests.support.run_folder import make_run
from tests.support.run_records import card, lesson, run_info
from tools.contamination.check import Decontaminator
from tools.curation.run import _cached
from tools.curation.script import _claim
from tools.evaluation.answer_cache import AnswerCache
from tools.evaluation.judge.verdicts import FILE as VERDICTS
from tools.evaluation.judge.verdicts import VerdictFile
from tools.evaluation.score_files import _answers
from tools.report.facts import read_rows
from tools.report.html import render_report, reproduce_command
from tools.report.story import story_page
from tools.synthesis.cache import ReplyCache
from tools.training.train import _is_there
from tools.verbs.calls import read_calls
from tools.verbs.trajectory import trajectory_of
from tools.verification.data_sets import _set
from tools.verification.file_digests import FileDigests
from tools.verification.predictions import items_of
from tools.workspace import Workspace


@cache
def _run() -> Path:
    """A whole run, written once; a target copies what it changes."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-run-"))
    make_run(folder / "run", experiments=3).close()
    return folder / "run"


@cache
def _journal() -> bytes:
    return (_run() / "journal.jsonl").read_bytes()


def fresh(folder: Path) -> Path:
    run = folder / "run"
    if not run.exists():
        shutil.copytree(_run(), run)
    return run


def _read_journal(folder: Path, content: bytes) -> None:
    file = folder / "journal.jsonl"
    file.write_bytes(content)
    examine(file)
    journal = Journal.open(file, write=False)
    for event in journal.events:
        _as_told(event, journal)


def _told_journal(folder: Path, content: bytes) -> None:
    """What is told of a journal that somebody may have written by hand, with right checksums."""
    run = fresh(folder)
    (run / "journal.jsonl").write_bytes(_sealed_again(content))
    journal = Journal.open(run / "journal.jsonl", write=False)
    by_experiment(journal)
    story_page(journal)
    list(_progress(run, journal))
    render_report(journal, run)
    check_documents(journal, examine(run / "journal.jsonl"), run, (), None)


def _sealed_again(content: bytes) -> bytes:
    """The lines with the checksums that their content asks for; others as they are."""
    lines = []
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
            record.pop("crc", None)
            record.pop("prev", None)
            lines.append(foreign.sealed(record))
        except (ValueError, RecursionError, AttributeError, TypeError):
            lines.append(line + b"\n")
    return b"".join(lines)


def _past(folder: Path, content: bytes) -> None:
    runs = folder / "runs"
    (runs / "a").mkdir(parents=True, exist_ok=True)
    (runs / "a" / "journal.jsonl").write_bytes(_sealed_again(content))
    read_past(runs, None)
    (folder / "cache.json").write_bytes(content)
    read_past(runs, folder / "cache.json")


def _lessons(folder: Path, content: bytes) -> None:
    home = folder / "memory"
    home.mkdir(exist_ok=True)
    for name in ("lessons.jsonl", "forgotten.jsonl"):
        (home / name).write_bytes(content)
    (home / "lessons.bad").unlink(missing_ok=True)
    book = LessonBook(home)
    book.all()
    book.forgotten()
    (folder / "in.jsonl").write_bytes(content)
    import_lessons(book, folder / "in.jsonl")


def _settings(folder: Path, content: bytes) -> None:
    (folder / "run.json").write_bytes(content)
    read_settings(folder)


def _asked(folder: Path, content: bytes) -> None:
    (folder / "run.json").write_bytes(content)
    reproduce_command(run_info(), folder)


def _summary(folder: Path, content: bytes) -> None:
    run = fresh(folder)
    (run / "summary.json").write_bytes(content)
    done = ftdojo.Run.open(run)
    assert done.name is not None and done.outcome is not None
    for name in ("reason", "task", "base_model", "policy"):
        try:
            getattr(done, name)
        except InputError:  # what it promises where the file says nothing of it
            continue
    journal = Journal.open(run / "journal.jsonl", write=False)
    check_documents(journal, examine(run / "journal.jsonl"), run, (), None)


def _beat(folder: Path, content: bytes) -> None:
    (folder / "clocks.json").write_bytes(content)
    last_beat(folder)


def _lines(folder: Path, content: bytes) -> None:
    """Files of JSON lines and small JSON files that finished steps and other processes left."""
    space = Workspace(folder)
    (folder / "experiments" / "e01").mkdir(parents=True, exist_ok=True)
    places = (
        "experiments/e01/validation.jsonl",
        "calls.jsonl",
        VERDICTS,
        "data/removed.jsonl",
        "training.json",
    )
    for name in (
        *places,
        "progress.jsonl",
        "data/00c.card.json",
        "data/00c.jsonl",
        "digests.json",
        "00/00a.json",
        "00b.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    list(read_calls(folder))
    VerdictFile(space)
    read_rows(folder / "data/removed.jsonl")
    _is_there(folder, {"a": 1})
    FileDigests(folder / "digests.json")
    ReplyCache(folder).get("00a")
    AnswerCache(folder).read("00b")
    _cached(space, "00c")
    _claim(text_of(content))
    _set(space, CARD, Decontaminator([("test:a", "Which is red?", "A")]))
    items_of(space, "e01", "validation")


def _predictions(folder: Path, content: bytes) -> None:
    (folder / "predictions.jsonl").write_bytes(content)
    _answers(folder / "predictions.jsonl")


def _results(folder: Path, content: bytes) -> None:
    (folder / "results.jsonl").write_bytes(content)
    read_lines(folder / "results.jsonl")


def _bundle(folder: Path, content: bytes) -> None:
    run = fresh(folder)
    for name in ("run.json", "log.jsonl", "fault.log"):
        (run / name).write_bytes(content)
    dict(bundle_parts(run))


def _progress_line(folder: Path, content: bytes) -> None:
    """A training that is under way, and what its child has written."""
    run = fresh(folder)
    (run / "journal.jsonl").write_bytes(
        _journal().rpartition(b'"kind":"training_plan"')[0].rpartition(b"\n")[0] + b"\n"
    )
    journal = Journal.open(run / "journal.jsonl", write=False)
    experiment = run / "experiments" / str(journal.unfinished())
    experiment.mkdir(parents=True, exist_ok=True)
    (experiment / "progress.jsonl").write_bytes(content)
    list(_progress(run, journal))


def _followed(folder: Path, content: bytes) -> None:
    """The same lines as the run itself follows them."""
    from threading import Event as Flag

    from tools.training.progress import _follow

    (folder / "progress.jsonl").write_bytes(content)
    done = Flag()
    done.set()
    _follow(folder / "progress.jsonl", lambda line: line.get("step"), done)


def _trajectory(folder: Path, content: bytes) -> None:
    run = fresh(folder)
    (run / "calls.jsonl").write_bytes(content)
    trajectory_of(run)


RESULT = Result(
    cell=Cell(task="aime25", seed=0, policy="playbook", budget_seconds=300.0),
    score=Score(metric="a", value=50.0, low=40.0, high=60.0, n=100),
    base=Score(metric="a", value=10.0, low=5.0, high=15.0, n=100),
    champion="e01",
    knows=False,
    experiments={},
    seconds=1.0,
    outcome="solved",
)
OLD_RESULT = b'{"part": "all_data", "task": "aime25", "seed": 0, "value": 1, "base_value": 0, "seconds": 3}\n'
CARD = card(1, path="data/00c.jsonl", rows_by_source={"a": 1})
LINES = (
    CARD.model_dump_json().encode(),
    b'{"prompt": "Which is red?", "answer": "A", "source": "a", "row": 0}\n',
    b'{"outputs": [[{"prompt": "p", "answer": "a"}]], "failed": {"error": "E", "line": 3}}',
    b'{"id": "a", "prediction": "x", "right": true, "value": 1.0, "parsed": "x", "error": ""}\n',
    b'{"verb": "plan", "arguments": {"a": 1}, "ok": true, "text": "t", "facts": {}, "standing": {}}\n' * 2,
    b'{"model": "m", "prompts": ["a", "b"], "said": ["first", null], "item": "i"}\n',
    b'{"text": "t", "model": "m", "problem": "", "cut_at": 0, "input_tokens": 3, "output_tokens": 1}',
    b'{"digest": "x", "entry": {"a": 1}}',
    b'{"kind": "progress", "step": 3, "steps": 9, "loss": 0.5, "tokens": 100}\n' * 3,
    b'["plain"]\n7\n',
)


def one(name: str, entry: str, read: object, *seeds: bytes, **more: object) -> Target:
    return Target(name, (entry,), read, tuple(seeds), **more)  # type: ignore[arg-type]


def _targets() -> Iterator[Target]:
    events = encode(Event(1, "t", "note", None, {"text": "a"}, {"elapsed": 1.0}))
    started = foreign.STARTED
    yield one(
        "journal.jsonl",
        "memory/journal/log.py:Journal",
        _read_journal,
        started,
        started + events,
        _journal(),
        inputs=foreign.journals,
    )
    yield one(
        "told journal",
        "tools/report/html.py:render_report",
        _told_journal,
        _journal(),
        started + events,
        dear=True,
    )
    yield one("journals of other runs", "memory/forecast/past.py:read_past", _past, _journal(), started)
    told = lesson().model_dump_json().encode() + b"\n"
    entry = "memory/experience/transfer.py:import_lessons"
    yield one("lessons.jsonl", entry, _lessons, told, told * 2, b'{"id": "r1/e01"}\n', inputs=foreign.lessons)
    asked = ftdojo.settings("aime25", seed=3).model_dump_json().encode()
    yield one("run.json", "graph/session.py:read_settings", _settings, asked, b'{"mind": "playbook"}')
    yield one(
        "run.json of a report", "tools/report/html.py:reproduce_command", _asked, asked, b'{"sources": []}'
    )
    summary = json.dumps({"outcome": "solved", "reason": "r", "gain": 1.0, "journal_head": "0" * 64}).encode()
    yield one("summary.json", "graph/documents.py:check_documents", _summary, summary, b"[]")
    yield one("clocks.json", "memory/budget/heartbeat.py:last_beat", _beat, b'{"elapsed": 3.5, "think": 1}\n')
    yield one("lines of a run", "tools/verbs/calls.py:read_calls", _lines, *LINES)
    made = ("exec",)  # the schemas of the verbs are built anew
    yield one(
        "calls.jsonl", "tools/verbs/trajectory.py:trajectory_of", _trajectory, *LINES, allows=made, dear=True
    )
    said = b'{"prediction": "42"}\n{"prediction": null}\n'
    yield one("predictions.jsonl", "tools/evaluation/score_files.py:_answers", _predictions, said, *LINES)
    result = RESULT.model_dump_json().encode() + b"\n"
    yield one("bench results", "graph/bench/results.py:read_lines", _results, result, OLD_RESULT, result * 2)
    fault = b'Traceback:\n  File "/a/site-packages/b.py", line 3, in f\nValueError: x\n'
    yield one("bug report", "graph/cli/bug_report.py:_parts", _bundle, asked, fault, *LINES)
    yield one("progress.jsonl", "graph/cli/watch.py:_progress", _progress_line, *LINES)
    yield one("progress of a child", "tools/training/progress.py:_follow", _followed, *LINES)


TARGETS = tuple(_targets())
