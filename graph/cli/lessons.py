"""Lessons on the terminal: found ones, one whole, counts, and what was forgotten, set aside or imported."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graph.cli.printable import printable, shown
from memory.experience.catalogue import Entry, LessonFilter, current
from memory.experience.lines import BadLine
from memory.experience.stats import stats_of
from memory.experience.store import ExperienceStore
from memory.experience.transfer import Imported
from memory.experience.trust import REFUTED, Trust
from memory.forecast.past import Past, scored_forecasts
from memory.records import Lesson
from tasks.errors import InputError, did_you_mean

SHOWN = 10
"""Entries of a list that are shown; the rest is counted."""


def print_found(
    console: Console, store: ExperienceStore, query: str, only: LessonFilter, limit: int, as_json: bool
) -> None:
    """The lessons nearest to a query, nearest first."""
    found = store.recall(query, limit, only=only)
    if as_json:
        more = [
            {"similarity": round(item.similarity, 4), "score": round(item.score, 4), "kind": item.kind}
            | {"trust": asdict(item.trust)}
            for item in found
        ]
        _json(console, [item.lesson.model_dump(mode="json") | m for item, m in zip(found, more, strict=True)])
        return
    if not found:
        console.print(f"no such lessons in {escape(str(store.folder))}", soft_wrap=True)
    for item in found:
        votes = _votes(item.trust) if item.trust.confirmations or item.trust.contradictions else ""
        _print_short(
            console, item.lesson, f"similarity {item.similarity:.2f}  {item.kind}  {votes and votes + '  '}"
        )


def print_all(console: Console, store: ExperienceStore, only: LessonFilter, as_json: bool) -> None:
    """Every lesson that the filter lets pass, oldest first."""
    lessons = store.book.lessons(entry for entry in store.book.entries() if only.matches(entry))
    if as_json:
        _json(console, [lesson.model_dump(mode="json") for lesson in lessons])
        return
    count = 0
    for count, lesson in enumerate(lessons, start=1):  # noqa: B007
        _print_short(console, lesson, "")
    if not count:
        console.print(f"no lessons in {escape(str(store.folder))}", soft_wrap=True)


def print_lesson(console: Console, store: ExperienceStore, id: str, as_json: bool) -> None:
    """One lesson whole.

    Raises:
        InputError: there is none of this id.
    """
    entries = store.book.entries()
    (entry,) = _by_id(entries, (id,))
    (lesson,) = store.book.lessons([entry])
    later = next((other.id for other in current(entries).values() if other.subject == entry.subject), id)
    trust = store.trust(id)
    if as_json:
        more = {"overtaken_by": later if later != id else None, "trust": asdict(trust)}
        _json(console, lesson.model_dump(mode="json") | more)
        return
    delta, low, high = lesson.effect or (lesson.gain, None, None)
    effect = f"{delta:+.1f} points [{low:+.1f}, {high:+.1f}]" if low is not None else "not recorded"
    facts = {
        "task": f"{lesson.task} ({lesson.domain})",
        "outcome": lesson.outcome or "not recorded",
        "gain": f"{lesson.gain:+.1f} points, {_as_advice(lesson, trust)}",
        "effect": effect,
        "since then": f"{_votes(trust)}; trust {trust.weight:.2f}",
        "confirms": ", ".join(lesson.confirms),
        "contradicts": ", ".join(lesson.contradicts),
        "claim": lesson.claim or "not recorded",
        "cause": lesson.cause or "not recorded",
        "evidence": ", ".join(lesson.evidence),
        "created": f"{lesson.created} ({_age(lesson.created)})",
        "overtaken by": later if later != id else "",
    }
    console.print(f"[bold]{shown(lesson.id)}[/]", highlight=False)
    _lines(console, lesson.text, "  ")
    for name, value in facts.items():
        if value:
            console.print(f"[bold]{name}:[/] {shown(value)}", highlight=False, soft_wrap=True)
    place = lesson.place.model_dump() if lesson.place else {}
    tried = lesson.tried.model_dump(exclude={"footing"}) if lesson.tried else {}
    for name, values in (
        ("learned with", lesson.features),
        ("settings", lesson.settings),
        ("where", place),
        ("tried", tried),
    ):
        if not values and name in ("where", "tried"):  # a lesson of an earlier version
            continue
        console.print(f"[bold]{name}:[/]", highlight=False)
        for key, held in sorted(values.items()):
            _lines(console, f"{key} {_short(held)}", "  ")
    if lesson.operations:
        console.print("[bold]recipe:[/]")
        for operation in lesson.operations:
            _lines(console, operation, "  ")
    for script in lesson.scripts:
        console.print(f"[bold]script:[/] {shown(script.purpose)}", soft_wrap=True)
        _lines(console, script.code, "    ")


def forget_lessons(
    console: Console, store: ExperienceStore, ids: tuple[str, ...], only: LessonFilter, yes: bool
) -> None:
    """Show what would be forgotten, ask, and forget it.

    Raises:
        InputError: an id is unknown, nothing fits, or nobody is there to answer.
    """
    entries = store.book.entries()
    chosen = [entry for entry in (_by_id(entries, ids) if ids else entries) if only.matches(entry)]
    if not chosen:
        raise InputError("ftdojo memory forget", "no lesson fits", "`ftdojo memory stats` says what is there")
    if not yes:
        _list(console, f"to forget: {len(chosen)} of {len(entries)} lessons", [_told(e) for e in chosen])
        if not someone_answers():
            raise InputError("ftdojo memory forget", "asks first, and nobody is there to answer", "add --yes")
        if not typer.confirm("Forget them for good?"):
            console.print("nothing was forgotten")
            return
    gone = store.forget({entry.id for entry in chosen})
    console.print(
        f"forgot {gone} lessons, {store.count()} are left in {escape(str(store.folder))}", soft_wrap=True
    )


def rebuild_index(console: Console, store: ExperienceStore, as_json: bool) -> None:
    """Set bad lines aside, make the index anew, and say what came of both."""
    bad = store.book.set_bad_lines_aside()
    count = store.rebuild()
    if as_json:
        _json(console, {"lessons": count, "set_aside": _bad_json(bad)})
        return
    console.print(f"rebuilt the index of {count} lessons in {escape(str(store.folder))}", soft_wrap=True)
    _print_bad(console, store, bad)


def print_stats(console: Console, store: ExperienceStore, past: Past, as_json: bool) -> None:
    """Counts by task, age, contradictions; what forecasts are learned from, and how well they did."""
    told, forgotten = stats_of(store.book.entries()), len(store.book.forgotten())
    if as_json:
        facts = {"forgotten": forgotten, "folder": str(store.folder), "forecasts": _forecast_facts(past)}
        _json(console, asdict(told) | facts)
        return
    console.print(
        f"{told.lessons} lessons in {escape(str(store.folder))}; {told.overtaken} overtaken by later ones, "
        f"{told.confirmed} confirmed, {told.disputed} disputed, {told.refuted} refuted, "
        f"{forgotten} forgotten",
        soft_wrap=True,
    )
    if told.tasks:
        table = Table(
            "task", "domain", "lessons", "kept", "discarded", "unknown", "oldest", "newest", box=None
        )
        for row in told.tasks:
            numbers = (row.lessons, row.kept, row.discarded, row.unknown)
            ages = (_age(row.oldest), _age(row.newest))
            names = (printable(row.task), printable(row.domain))
            table.add_row(*(escape(str(value)) for value in (*names, *numbers, *ages)))
        console.print(table)
    contradictions = [
        f"{found.later} ({found.later_gain:+.1f}) against {found.earlier} ({found.earlier_gain:+.1f})"
        for found in told.contradictions
    ]
    if contradictions:
        _list(console, f"{len(contradictions)} contradictions; the later lesson counts", contradictions)
    _print_forecasts(console, past)


def _print_forecasts(console: Console, past: Past) -> None:
    """What forecasts are learned from, and how well those did that were made."""
    aside = f"; {past.set_aside} journals could not be read" if past.set_aside else ""
    later = f"; {past.waiting} journals are read the next time" if past.waiting else ""
    console.print(
        f"forecasts are learned from {len(past.scored)} scored experiments of {past.runs} runs{aside}{later}",
        soft_wrap=True,
    )
    if (made := scored_forecasts(past.experiments)).n:
        console.print(made.text(), soft_wrap=True, highlight=False)


def _forecast_facts(past: Past) -> dict[str, Any]:
    made = scored_forecasts(past.experiments)
    return {
        "experiments": len(past.scored),
        "runs": past.runs,
        "set_aside": past.set_aside,
        "waiting": past.waiting,
        "scored": made.n,
        "inside": made.inside,
        "mean_absolute_error": made.mean_absolute_error,
        "own_error": made.own_error,
    }


def print_imported(console: Console, store: ExperienceStore, done: Imported, as_json: bool) -> None:
    """What became of an imported file's lines."""
    if as_json:
        _json(console, asdict(done) | {"bad": _bad_json(done.bad)})
        return
    console.print(
        f"imported {done.added} lessons into {escape(str(store.folder))}; {done.known} were there already",
        soft_wrap=True,
    )
    if done.differing:
        title = f"{len(done.differing)} are there with another content, which stands"
        _list(console, title, done.differing)
    if done.forgotten:
        title = f"{len(done.forgotten)} were forgotten here and left out; --again takes them back"
        _list(console, title, done.forgotten)
    _print_bad(console, store, done.bad)


def someone_answers() -> bool:
    """Whether a person sits at the keyboard."""
    return sys.stdin.isatty()


def _by_id(entries: Sequence[Entry], ids: Sequence[str]) -> list[Entry]:
    held = {entry.id: entry for entry in entries}
    for id in ids:
        if id not in held:
            run = id.split("/")[0]
            of_run = [name for name in held if name.startswith(run)][:1000]
            fix = did_you_mean(id, of_run, otherwise="`ftdojo memory WORDS` finds ids")
            raise InputError(id, "there is no lesson of this id", fix)
    return [held[id] for id in dict.fromkeys(ids)]


def _print_short(console: Console, lesson: Lesson, before: str) -> None:
    outcome = f" {lesson.outcome}" if lesson.outcome else ""
    title = f"[bold]{shown(lesson.id)}[/]  {before}{lesson.gain:+.1f} points{outcome}"
    console.print(title, highlight=False, soft_wrap=True)
    _lines(console, lesson.text, "  ")


def _lines(console: Console, text: str, indent: str) -> None:
    for line in printable(text).splitlines():
        console.print(escape(indent + line), highlight=False)


def _list(console: Console, title: str, rows: Sequence[str]) -> None:
    """A title, the first rows, and how many more there are."""
    console.print(f"{title}:", highlight=False, soft_wrap=True)
    for row in rows[:SHOWN]:
        console.print("  " + shown(row), highlight=False, soft_wrap=True)
    if len(rows) > SHOWN:
        console.print(f"  and {len(rows) - SHOWN} more")


def _print_bad(console: Console, store: ExperienceStore, bad: Sequence[BadLine]) -> None:
    if bad:
        title = f"{len(bad)} lines are no lessons; set aside into {escape(str(store.book.bad_path))}"
        _list(console, title, [f"line {item.number}: {item.reason}" for item in bad])


def _bad_json(bad: Sequence[BadLine]) -> list[dict[str, Any]]:
    return [{"line": item.number, "reason": item.reason} for item in bad]


def _told(entry: Entry) -> str:
    return f"{entry.id}  {entry.task}  {entry.outcome or 'outcome unknown'}  {entry.gain:+.1f} points"


def _votes(trust: Trust) -> str:
    return f"confirmed by {trust.confirmations} later runs, contradicted by {trust.contradictions}"


def _as_advice(lesson: Lesson, trust: Trust) -> str:
    if lesson.gain > 0 and trust.weight < REFUTED:
        return "a warning: more runs refute it than bear it out"
    return "advice" if lesson.gain > 0 else "a warning"


def _short(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else ", ".join(str(value).split("\n"))


def _age(created: str) -> str:
    """How long ago, in days; lessons may bring any text as their date."""
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return "age unknown"
    days = (datetime.now(UTC) - (then if then.tzinfo else then.replace(tzinfo=UTC))).days
    return "today" if days < 1 else f"{days} day{'s' if days > 1 else ''} ago"


def _json(console: Console, value: Any) -> None:
    console.print_json(json.dumps(value, ensure_ascii=False))
