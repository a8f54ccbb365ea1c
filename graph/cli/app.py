"""The command line: reads flags, calls one function, prints what came out.

Exit codes: 0 done, 1 harness fault (a bug or a broken installation), 2 wrong input or a machine that cannot
go on (a full disk: free some space and resume), 128 and the signal's number where one interrupted it (130 for
Ctrl-C).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from graph.cli import bench, mcp, memory, models, support, trajectories, verify
from graph.cli.flags import (
    RESULTS,
    RUNS,
    TASKS,
    AsJson,
    DataRoot,
    RunName,
    RunsDir,
    TaskId,
    option,
    renamed,
    takes_settings,
)
from graph.cli.printable import say, terminal
from graph.cli.run_view import show_run
from graph.extras import extra_of, install, require
from graph.policy_names import trust
from graph.settings import BUNDLED_MODEL, make_settings, parse_duration
from tasks.errors import FtDojoError, HarnessFault, InputError, Interrupted, MachineFault
from tools.process.machine import process_seconds

app = typer.Typer(
    name="ftdojo",
    help="Fine-tunes language models on its own, end to end, and proves that they got better.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

AnswerColumn = Annotated[str, typer.Option("--answer", help="The column that answers, instead of a guess.")]
PromptTemplate = Annotated[
    str, typer.Option("--prompt", help="What is asked, such as '{question} {site}', instead of a guess.")
]

EXAMPLES = """
**Examples**

`ftdojo run tablebench_numerical_reasoning --budget 5m`: the bundled model, no key, no network

`ftdojo run ./my-task --base-model path/to/model --budget 2h`: your own data and model

`ftdojo run ORG/NAME:CONFIG --budget 1h`: a data set of the Hugging Face Hub

`ftdojo run aime25 --model openai:gpt-5-mini --budget 30m --max-usd 1`: a language model decides
"""


def main() -> None:
    """Entry point of the ``ftdojo`` console script."""
    try:
        app()
    except InputError as error:
        _stop(f"error: {error}", 2)
    except MachineFault as fault:
        _stop(f"stopped: {fault}", 2)
    except HarnessFault as fault:
        _stop(f"harness fault: {fault}", 1)
    except FtDojoError as error:
        _stop(f"error: {error}", 2)
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if extra is None:
            raise
        _stop(f"error: {error.name}: is not installed; {install(extra)}", 2)


@contextmanager
def _told_when_interrupted() -> Iterator[None]:
    """An interrupt as one line; Typer would turn it into a bare exit code."""
    try:
        yield
    except Interrupted as interrupted:
        _stop(str(interrupted), interrupted.code)
    except KeyboardInterrupt:
        _stop("interrupted before the run began: nothing was spent", 130)


def _began() -> float:
    """When this command began, in monotonic seconds: a budget counts from there, imports included."""
    return time.monotonic() - process_seconds()


def _stop(line: str, code: int) -> None:
    say(" ".join(line.split()), err=True)
    raise SystemExit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        from ftdojo import __version__

        say(f"ft-dojo {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show a run's log on standard error, a JSON line each.")
    ] = False,
) -> None:
    """Fine-tunes language models on its own, end to end, and proves that they got better."""
    if verbose:
        from graph.run_log import show_log

        show_log()


@app.command(epilog=EXAMPLES, rich_help_panel=RUNS)
@takes_settings
def run(
    mind: Annotated[str, typer.Option(hidden=True)] = "", as_json: AsJson = False, **chosen: object
) -> None:
    """Fine-tune a model on a task until the budget ends, and test it once.

    `--model` implies `--policy llm`.
    """
    if mind:
        renamed("--mind", "--policy")
        chosen["policy"] = mind
    if chosen["model"] and chosen["policy"] == "playbook":
        chosen["policy"] = "llm"
    settings = make_settings(**chosen)
    trust(settings.policy)
    with _told_when_interrupted():
        from graph.cli.fetch import ensure
        from graph.run import run as start
        from graph.task_names import fetch_data

        before = time.monotonic()
        fetch_data(settings.task)  # its bars and the live view would paint over each other
        ensure(terminal(stderr=True), settings.base_model)
        began = _began() + (time.monotonic() - before)  # what is downloaded once is not the run's time
        show_run(lambda on_event, answer: start(settings, on_event, answer, began=began), as_json)


@app.command(rich_help_panel=RUNS)
def resume(
    name: RunName,
    runs_dir: RunsDir,
    accept_changes: Annotated[
        bool,
        typer.Option("--accept-changes", help="Go on although data, code or weights changed; marks the run."),
    ] = False,
    policy: Annotated[
        str,
        typer.Option(metavar="NAME", help="The run's MODULE:NAME again; its folder alone has no code run."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was cut off, without losing or repeating a finished experiment."""
    if policy:
        trust(policy)
    with _told_when_interrupted():
        from graph.run import find_run
        from graph.run import resume as go_on

        run_dir, began = find_run(name, Path(runs_dir)), _began()
        show_run(lambda on_event, answer: go_on(run_dir, on_event, answer, accept_changes, began), as_json)


@app.command(rich_help_panel=RUNS)
def approve(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run that waits: its name or folder.")],
    runs_dir: RunsDir,
    yes: Annotated[bool, typer.Option("--approve", help="Go ahead with what is proposed.")] = False,
    edit: Annotated[
        str, typer.Option(help='Go ahead with changes: JSON such as {"learning_rate": 0.0005}.')
    ] = "",
    reject: Annotated[str | None, typer.Option(help="Do not; say why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Answer the question at which a run waits (`--approve` of `ftdojo run`), and go on."""
    with _told_when_interrupted():
        from graph.cli.ask import answer_of
        from graph.run import approve as go_on
        from graph.run import find_run

        said = answer_of(yes, edit, reject)
        run_dir, began = find_run(name, Path(runs_dir)), _began()
        show_run(lambda on_event, answer: go_on(run_dir, said, on_event, answer, began), as_json)


@app.command(rich_help_panel=RUNS)
def fork(
    name: RunName,
    runs_dir: RunsDir,
    at: Annotated[str, typer.Option("--at", help="A finished experiment, or `base`.")],
    budget: Annotated[
        str,
        typer.Option(help="Total time budget, including the shared part (default: the original run's)."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Start a second run that shares everything up to an experiment's end, and go on from there."""
    with _told_when_interrupted():
        from graph.forking.fork import fork as fork_run
        from graph.run import find_run
        from graph.run import resume as go_on

        seconds, began = parse_duration(budget) if budget else None, _began()
        run_dir = fork_run(find_run(name, Path(runs_dir)), at, Path(runs_dir), seconds)
        show_run(lambda on_event, answer: go_on(run_dir, on_event, answer, began=began), as_json)


@app.command(rich_help_panel=TASKS)
def tasks(
    data_root: DataRoot,
    task: Annotated[str | None, TaskId] = None,
    as_json: AsJson = False,
) -> None:
    """List the tasks, or show one task's card with an example and its pitfall."""
    from graph.cli.tasks import print_task_card, print_tasks

    root = Path(data_root).expanduser()
    if task is None:
        print_tasks(terminal(), root, as_json)
    else:
        print_task_card(terminal(), task, root, as_json)


@app.command(rich_help_panel=TASKS)
def prepare(
    data_root: DataRoot,
    task: Annotated[str | None, TaskId] = None,
    every: Annotated[bool, typer.Option("--all", help="The files of every task.")] = False,
    as_json: AsJson = False,
) -> None:
    """Download the published files of a task once, and verify them."""
    from graph.cli.prepare import prepare_tasks

    if not prepare_tasks(terminal(stderr=as_json), task, every, Path(data_root).expanduser(), as_json):
        raise SystemExit(2)


@app.command(rich_help_panel=TASKS)
def score(
    task: Annotated[str, TaskId],
    rows: Annotated[Path, typer.Option(help="Rows in the upstream format: jsonl, json, csv or parquet.")],
    predictions: Annotated[Path, typer.Option(help='JSONL, one {"prediction": "..."} a row, in order.')],
    subset: Annotated[str | None, typer.Option(help="Only this published subset.")] = None,
    items: Annotated[bool, typer.Option("--items", help="Show every item.")] = False,
    view: Annotated[str | None, typer.Option(hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Score anyone's predictions: our score with its interval, and the released evaluator's figures."""
    from graph.cli.score import print_scores

    if view is not None:
        renamed("--view", "--subset")
    print_scores(terminal(), task, rows, predictions, subset or view, as_json, items)


@app.command(rich_help_panel=RESULTS)
def status(
    runs_dir: RunsDir,
    name: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Show one run.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow a run until it ends: the newest, or the one named.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs, or show where one of them is."""
    from graph.cli.listing import print_run, print_runs
    from graph.run import find_run

    if watch:
        from graph.cli.watch import watch_run

        watch_run(terminal(), name, Path(runs_dir))
    elif name is None:
        print_runs(terminal(), Path(runs_dir), as_json)
    else:
        print_run(terminal(), find_run(name, Path(runs_dir)), as_json)


@app.command(rich_help_panel=RESULTS)
def report(
    name: RunName,
    runs_dir: RunsDir,
) -> None:
    """Write a run's report.html again and print its path."""
    from graph.run import find_run
    from graph.session import read_settings
    from graph.task_names import load_options, load_task
    from memory.journal.log import Journal
    from tasks.load import load
    from tools.report.html import write_report

    require("ftdojo report", "run")
    run_dir = find_run(name, Path(runs_dir))
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    settings = read_settings(run_dir)
    spec, edition = load_task(settings.task, journal.info.edition), journal.info.edition
    data = load(spec, edition, journal.info.seed, load_options(settings))  # type: ignore[arg-type]
    say(str(write_report(journal, run_dir, data.validation)))


@app.command(rich_help_panel=RESULTS)
def story(
    name: RunName,
    runs_dir: RunsDir,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A Markdown file to write.")] = None,
) -> None:
    """Tell a run from its journal alone, sentence by sentence with the experiment behind it."""
    from graph.cli.story import tell_run

    tell_run(name, Path(runs_dir), out)


@app.command("init-task", rich_help_panel=TASKS)
def init_task(
    source: Annotated[
        str,
        typer.Argument(
            help="A data file or folder of yours, a Hub data set, or a new folder for an example."
        ),
    ],
    directory: Annotated[
        Path | None, typer.Argument(help="The new task folder (default: named after the data).")
    ] = None,
    answer: AnswerColumn = "",
    prompt: PromptTemplate = "",
) -> None:
    """Write the task of your data as a folder to edit, or a commented example that runs."""
    from graph.cli.init_task import write_task
    from tasks.formats.declared import Declared

    made, told = write_task(source, directory, Declared(prompt, answer))
    for line in told:
        say(line)
    say(f"wrote {made}; try: ftdojo run {made} --budget 2m")


@app.command("inspect", rich_help_panel=TASKS)
def inspect(
    data: Annotated[
        str,
        typer.Argument(
            help="A data file, a folder of files, a task folder, or a Hub data set (ORG/NAME:CONFIG:SPLIT)."
        ),
    ],
    base_model: Annotated[
        str, typer.Option(help="Whose template, tokens and positions to look with.")
    ] = BUNDLED_MODEL,
    allow_pickle: Annotated[bool, option("allow_pickle")] = False,
    loss_on: Annotated[str, option("loss_on")] = "auto",
    answer: AnswerColumn = "",
    prompt: PromptTemplate = "",
    as_json: AsJson = False,
) -> None:
    """Show what is understood of your data, and three rows as the model will see them; nothing is spent."""
    from graph.cli.inspect import Looked, print_inspection
    from tasks.formats.declared import Declared

    chosen = make_settings(base_model=base_model, allow_pickle=allow_pickle, loss_on=loss_on)
    looked = Looked(chosen.base_model, chosen.allow_pickle, chosen.loss_on)
    print_inspection(terminal(), data, looked, Declared(prompt, answer), as_json)


app.command(rich_help_panel=RUNS)(mcp.mcp)
app.command(rich_help_panel=RESULTS)(trajectories.trajectories)
app.add_typer(models.commands)
app.add_typer(support.commands)
app.add_typer(verify.commands)
app.add_typer(bench.commands, name="bench", rich_help_panel=RUNS)
app.add_typer(memory.commands, name="memory", rich_help_panel=RESULTS)
