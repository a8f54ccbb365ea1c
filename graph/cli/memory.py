"""Commands about the memory: searching, showing, forgetting, rebuilding, counting and moving lessons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from graph.cli.flags import AsJson, Memory, RunsDir, renamed
from graph.cli.printable import say, terminal
from graph.extras import require
from memory.experience.catalogue import LessonFilter
from memory.experience.store import ExperienceStore
from tasks.errors import InputError


class SearchesByDefault(TyperGroup):
    """``ftdojo memory WORDS`` searches, ``ftdojo memory`` lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front that was left out."""
        if "--rebuild" in args:
            renamed("memory --rebuild", "memory rebuild")
            args = ["rebuild", *(word for word in args if word != "--rebuild")]
        elif not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["search", *args]
        return super().parse_args(ctx, args)


commands = typer.Typer(
    cls=SearchesByDefault,
    help="Search what earlier runs taught (`ftdojo memory WORDS`), show it, forget it, move it.",
    rich_markup_mode="markdown",
)

LESSON_FILTERS = "Which lessons"
OfTask = Annotated[str, typer.Option("--task", help="Of this task.", rich_help_panel=LESSON_FILTERS)]
OfDomain = Annotated[str, typer.Option("--domain", help="Of this domain.", rich_help_panel=LESSON_FILTERS)]
OfOutcome = Annotated[
    Literal["kept", "discarded"] | None,
    typer.Option("--outcome", help="Of experiments that ended so.", rich_help_panel=LESSON_FILTERS),
]


@commands.command()
def search(
    folder: Memory,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORDS]", help="What to search for; all lessons when absent."),
    ] = None,
    task: OfTask = "",
    domain: OfDomain = "",
    outcome: OfOutcome = None,
    limit: Annotated[int, typer.Option(min=1, help="Most lessons that a search shows.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Lessons nearest to some words, with their similarity (0 to 1); without words, all of them."""
    from graph.cli.lessons import print_all, print_found

    query, only = " ".join(words or ()), LessonFilter(task, domain, outcome or "")
    if query.strip():
        require("ftdojo memory", "run")
        print_found(terminal(), _readable(folder), query, only, limit, as_json)
    else:
        print_all(terminal(), _readable(folder), only, as_json)


@commands.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A lesson's id, RUN/EXPERIMENT.")],
    folder: Memory,
    as_json: AsJson = False,
) -> None:
    """One lesson whole: recipe, scripts, cause, claim, effect with its interval."""
    from graph.cli.lessons import print_lesson

    print_lesson(terminal(), _store(folder), id, as_json)


@commands.command()
def forget(
    folder: Memory,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Lessons to forget.")] = None,
    task: OfTask = "",
    domain: OfDomain = "",
    outcome: OfOutcome = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget lessons by id or filter; neither a rebuild nor a resumed run brings them back."""
    from graph.cli.lessons import forget_lessons

    only = LessonFilter(task, domain, outcome or "")
    if not ids and not only:
        raise InputError("ftdojo memory forget", "names no lesson", "give ids, --task, --domain or --outcome")
    store = _store(folder)
    if (store.folder / "chroma").exists():
        require("ftdojo memory forget", "run")
    forget_lessons(terminal(), store, tuple(ids or ()), only, yes)


@commands.command()
def rebuild(folder: Memory, as_json: AsJson = False) -> None:
    """Make the index anew from `lessons.jsonl`; lines that are no lessons are set aside and shown."""
    from graph.cli.lessons import rebuild_index

    require("ftdojo memory rebuild", "run")
    rebuild_index(terminal(), _store(folder), as_json)


@commands.command()
def stats(folder: Memory, runs: RunsDir, as_json: AsJson = False) -> None:
    """How many lessons of which task, how old, where they contradict each other; how well forecasts did."""
    from graph.cli.lessons import print_stats
    from memory.forecast.past import read_past

    store = _readable(folder)
    past = read_past(Path(runs).expanduser(), store.folder / "forecast.json")
    print_stats(terminal(), store, past, as_json)


@commands.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help="A new JSONL file, one lesson a line.")],
    folder: Memory,
    task: OfTask = "",
    domain: OfDomain = "",
    outcome: OfOutcome = None,
) -> None:
    """Write lessons into one new file, for another machine."""
    from memory.experience.transfer import export_lessons

    only = LessonFilter(task, domain, outcome or "")
    count = export_lessons(_store(folder).book, file.expanduser(), only)
    say(f"exported {count} lessons to {file}")


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="One lesson a line, as `export` writes it.")],
    folder: Memory,
    again: Annotated[bool, typer.Option("--again", help="Also those that were forgotten here.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a file's lessons; nothing here is changed, and what does not fit is set aside and shown."""
    from graph.cli.lessons import print_imported
    from memory.experience.transfer import import_lessons

    store = _store(folder)
    print_imported(terminal(), store, import_lessons(store.book, file.expanduser(), again), as_json)


def _store(folder: str) -> ExperienceStore:
    """The memory of a folder.

    Raises:
        InputError: memory is off.
    """
    if folder == "off":
        raise InputError("--memory off", "there is no memory to work on", "name a folder")
    return ExperienceStore(Path(folder).expanduser())


def _readable(folder: str) -> ExperienceStore:
    """The memory of a folder, and a word where lines of it are left out."""
    store = _store(folder)
    if left_out := store.left_out():
        say(left_out, err=True)
    return store
