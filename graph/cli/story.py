"""Output of ``ftdojo story``: a run told from its journal, on the terminal or in a file."""

from __future__ import annotations

from pathlib import Path

from graph.cli.printable import say
from graph.run import find_run
from memory.journal.log import Journal
from tasks.errors import InputError, or_input_error
from tools.report.story import story_page

JOURNAL = "journal.jsonl"


def tell_run(name: str, runs_dir: Path, out: Path | None) -> None:
    """Print a run's story, or write it to ``out`` and print the path.

    Raises:
        InputError: there is no such run, its journal cannot be read, or ``out`` cannot be written.
    """
    journal = Journal.open(_journal_of(name, runs_dir), write=False)
    page = story_page(journal)
    if journal.recovered:
        say(f"journal: {journal.recovered}", err=True)
    if out is None:
        say(page, end=False)
        return
    if out.is_dir():
        raise InputError(f"--out {out}", "is a folder", "name a file in it")
    with or_input_error(f"--out {out}", "cannot be written", "name a file in a folder that you may write to"):
        out.write_text(page, encoding="utf-8")
    say(str(out))


def _journal_of(name: str, runs_dir: Path) -> Path:
    """The journal of a run; a folder that holds nothing else is enough.

    Raises:
        InputError: there is none.
    """
    for folder in (Path(name).expanduser(), runs_dir / name):
        if (folder / JOURNAL).is_file():
            return folder / JOURNAL
    return find_run(name, runs_dir) / JOURNAL
