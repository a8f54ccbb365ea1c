"""Documents of a run held against its journal: summary, report and model card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from graph.result import result_of
from memory.journal.evidence import files_on_record
from memory.journal.examine import Examined
from memory.journal.log import BASE, Journal
from tasks.base import Sample, TaskSpec
from tasks.official.files import sha256_of
from tools.models.export.card import model_card
from tools.report.html import NAME, render_report
from tools.verification.finding import Finding, short

SUMMARY, CARD = "summary.json", "champion/README.md"
HEAD = "journal_head"
PLACES = ("champion", "report")
"""Keys whose values are paths; a run that was moved has others."""
DISK = "disk"
"""Key of a sentence that begins with the folder's size as it was then, and goes on with what was removed."""
AFTER_THE_END = frozenset({"note", "heartbeat"})
"""Events that may stand behind the head that a summary names."""
LEAD = 20
"""Characters that are shown before the place in which two lines differ."""
_PICTURE = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
"""Drawn by a library, whose next version may place a tick elsewhere."""
_COMMAND = re.compile(r"<pre>ftdojo .*?</pre>", re.DOTALL)
"""Names the places of task and model, which a run that was moved has elsewhere."""
_NAMED = re.compile(r"head (?:<code>|`)([0-9a-f]{64})")


def check_documents(
    journal: Journal,
    examined: Examined,
    run_dir: Path,
    validation: Sequence[Sample],
    spec: TaskSpec | None,
) -> Finding:
    """What people read of a run, against what its journal gives.

    Args:
        journal: of the run.
        examined: the same, with the digest of each line.
        run_dir: its folder.
        validation: the items whose answers the report quotes.
        spec: the task, with the lengths of the run; None where it cannot be had: no card is made again.
    """
    checked: list[str] = []
    found: list[str] = []
    checks: dict[str, Callable[[], list[str]]] = {
        SUMMARY: lambda: _summary(journal, examined, run_dir / SUMMARY),
        NAME: lambda: _report(journal, examined, run_dir, validation),
        CARD: lambda: _card(journal, examined, run_dir, spec),
    }
    for name, check in checks.items():
        if (run_dir / name).is_file():
            checked.append(name)
            found += [f"{name}: {line}" for line in check()]
    if (journal.ended or {}).get("outcome") not in (None, "harness_fault"):
        needed = (SUMMARY, NAME, *((CARD,) if journal.champion_id() != BASE else ()))
        found += [f"{name}: is gone" for name in needed if name not in checked]
    return Finding("documents", f"{', '.join(checked) or 'none'} held against the journal", tuple(found))


def _summary(journal: Journal, examined: Examined, file: Path) -> list[str]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=once)
        if not isinstance(said, dict):
            raise ValueError("no object")
    except (OSError, ValueError, RecursionError) as error:
        return [f"cannot be read ({error})"]
    found, then = _at_head(journal, examined, said)
    made = json.loads(json.dumps(result_of(then, file.parent / "champion", file.parent / NAME)))
    for key in sorted((made.keys() | said.keys()) - {HEAD}):
        now, was = made.get(key), said.get(key)
        if key in PLACES:
            now, was = (Path(str(each)).name for each in (now, was))
        elif key == DISK:
            now, was = (str(each).partition(";")[2] for each in (now, was))
        if now != was:
            found.append(f"{key} is {short(was)}, and the journal gives {short(now)}")
    return found


def _at_head(journal: Journal, examined: Examined, said: dict[str, Any]) -> tuple[list[str], Journal]:
    """What is wrong with the head that a summary names, and the journal as it was at that line."""
    named = said.get(HEAD)
    if named is None:
        return ["names no head of the journal"] * examined.chain.begun, journal
    if named not in examined.digests:
        return [f"names the head {short(named)}, and no line of the journal has it"], journal
    place = examined.digests.index(named)
    later = [event.kind for event in examined.events[place + 1 :] if event.kind not in AFTER_THE_END]
    found = (
        [f"names line {place + 1} as the journal's head, and {len(later)} more steps follow"] if later else []
    )
    return found, _until(journal, examined, place)


def _until(journal: Journal, examined: Examined, place: int) -> Journal:
    """The journal as it was after the line of an event."""
    return Journal(journal.path, list(examined.events[: place + 1]), None, examined.chain_at(place))


def _moments(journal: Journal, examined: Examined, kind: str) -> list[Journal]:
    """The journal as it was after each event of a kind, the last first, and as it is now."""
    places = [place for place, event in enumerate(examined.events) if event.kind == kind]
    return [*(_until(journal, examined, place) for place in reversed(places)), journal]


def _report(journal: Journal, examined: Examined, run_dir: Path, validation: Sequence[Sample]) -> list[str]:
    """The page is the one that the journal gave at the run's end, or gives now (``ftdojo report``).

    Pictures are compared where nothing vouches for the page.
    """
    found = _named_heads(examined, run_dir / NAME)
    page = (run_dir / NAME).read_text(encoding="utf-8", errors="replace")
    written = files_on_record(journal).get(NAME) == sha256_of(run_dir / NAME)
    read: Callable[[str], str] = _told if written else str
    made: list[str] = []
    for moment in _moments(journal, examined, "run_ended"):
        made.append(read(render_report(moment, run_dir, validation, drawn=not written)))
        if made[-1] == read(page):
            return found
    if not written:
        return [*found, "is neither the page that the run wrote nor the one that its journal gives"]
    return [*found, _first_difference(read(page), made[0])]


def _told(page: str) -> str:
    return _COMMAND.sub("<pre></pre>", _PICTURE.sub("<svg></svg>", page))


def _card(journal: Journal, examined: Examined, run_dir: Path, spec: TaskSpec | None) -> list[str]:
    """The model card is the one that the journal gave when the champion was exported."""
    found = _named_heads(examined, run_dir / CARD)
    if spec is None or not examined.chain.begun:
        return found
    text, champion = (run_dir / CARD).read_text(encoding="utf-8", errors="replace"), journal.champion_id()
    made = [model_card(each, champion, spec) for each in _moments(journal, examined, "test_comparison")]
    return found if text in made else [*found, _first_difference(text, made[0])]


def _first_difference(said: str, made: str) -> str:
    """The first place in which two texts differ, line by line."""
    for one, other in zip_longest(said.splitlines(), made.splitlines(), fillvalue=""):
        if one != other:
            same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            start = max(0, same - LEAD)
            return f"says {short(one[start:])!r}, and the journal gives {short(other[start:])!r}"
    return "is not the text that its journal gives"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no key may stand twice: who reads it would see another value than we.

    Raises:
        ValueError: one does.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it has {next(name for name in names if names.count(name) > 1)} twice")
    return found


def _named_heads(examined: Examined, file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8", errors="replace")
    return [
        f"names the head {head[:12]}, and no line of the journal has it"
        for head in dict.fromkeys(_NAMED.findall(text))
        if head not in examined.digests
    ]
