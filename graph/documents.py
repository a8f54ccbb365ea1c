"""Documents of a run held against its journal: summary, report and model card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from graph.result import result_of
from memory.journal.chain import Chain
from memory.journal.evidence import files_on_record
from memory.journal.examine import Examined
from memory.journal.log import BASE, Journal
from tasks.base import Sample
from tools.evidence import digest_of_file
from tools.report.html import NAME, render_report
from tools.verification.finding import Finding, short

SUMMARY, CARD = "summary.json", "champion/README.md"
HEAD = "journal_head"
PLACES = ("champion", "report")
"""Keys whose values are paths; a run that was moved has others."""
AFTER_THE_END = frozenset({"note", "heartbeat"})
"""Events that may stand behind the head that a summary names."""
_NAMED = re.compile(r"head (?:<code>|`)([0-9a-f]{64})")


def check_documents(
    journal: Journal, examined: Examined, run_dir: Path, validation: Sequence[Sample]
) -> Finding:
    """What people read of a run, against what its journal gives."""
    checked: list[str] = []
    found: list[str] = []
    checks: dict[str, Callable[[], list[str]]] = {
        SUMMARY: lambda: _summary(journal, examined, run_dir / SUMMARY),
        NAME: lambda: _report(journal, examined, run_dir, validation),
        CARD: lambda: _named_heads(examined, run_dir / CARD),
    }
    for name, check in checks.items():
        if (run_dir / name).is_file():
            checked.append(name)
            found += [f"{name}: {line}" for line in check()]
    if journal.ended is not None:
        needed = (SUMMARY, NAME, *((CARD,) if journal.champion_id() != BASE else ()))
        found += [f"{name}: is gone" for name in needed if name not in checked]
    return Finding("documents", f"{', '.join(checked) or 'none'} held against the journal", tuple(found))


def _summary(journal: Journal, examined: Examined, file: Path) -> list[str]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
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
    return found, Journal(journal.path, list(examined.events[: place + 1]), None, Chain())


def _report(journal: Journal, examined: Examined, run_dir: Path, validation: Sequence[Sample]) -> list[str]:
    """The page that the run wrote, or the one that its journal gives now (``ftdojo report``)."""
    found = _named_heads(examined, run_dir / NAME)
    if files_on_record(journal).get(NAME) == digest_of_file(run_dir / NAME):
        return found
    page = (run_dir / NAME).read_text(encoding="utf-8", errors="replace")
    if page != render_report(journal, run_dir, validation):
        found.append("is neither the page that the run wrote nor the one that its journal gives")
    return found


def _named_heads(examined: Examined, file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8", errors="replace")
    return [
        f"names the head {head[:12]}, and no line of the journal has it"
        for head in dict.fromkeys(_NAMED.findall(text))
        if head not in examined.digests
    ]
