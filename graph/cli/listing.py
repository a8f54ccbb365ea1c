"""Tables of runs for the terminal. Reads; changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from graph.cli.printable import shown
from graph.cli.summary import MODEL_KEYS, line_of
from graph.result import model_facts
from graph.run import list_runs
from memory.journal.log import BASE, Journal
from tasks.errors import InputError

COLUMNS = ("run", "state", "experiments", "base", "champion")


def print_runs(console: Console, runs_dir: Path, as_json: bool) -> None:
    """The runs under a folder, newest first."""
    unreadable: list[tuple[Path, InputError]] = []
    facts = [_run_facts(path, journal) for path, journal in list_runs(runs_dir, unreadable)]
    if as_json:
        broken = [{"run": path.name, "folder": str(path), "state": str(error)} for path, error in unreadable]
        console.print_json(json.dumps([*facts, *broken], ensure_ascii=False))
        return
    if not facts and not unreadable:
        console.print(f"no runs in {shown(str(runs_dir))}")
    elif facts:
        _print_facts(console, facts)
    for path, error in unreadable:
        console.print(f"[yellow]{shown(path.name)} cannot be read:[/] {shown(error.wrong)}", soft_wrap=True)


def _print_facts(console: Console, facts: list[dict[str, object]]) -> None:
    """A table where it fits; else some lines a run, whose name and command can be copied whole."""
    table = Table(*COLUMNS, box=None)
    for fact in facts:
        table.add_row(*(shown(str(fact[key])) for key in COLUMNS))
    if console.measure(table).maximum <= console.width:
        console.print(table)
        return
    for fact in facts:
        console.print(f"[bold]{shown(str(fact['run']))}[/]", highlight=False, soft_wrap=True)
        for key in COLUMNS[1:]:
            console.print(f"    {key}: {shown(str(fact[key]))}", soft_wrap=True)


def _run_facts(path: Path, journal: Journal) -> dict[str, object]:
    """What the journal says about one run, in one line."""
    base, counts = journal.base_evaluation, journal.counts()
    state = journal.ended["outcome"] if journal.ended else f"unfinished (ftdojo resume {path.name})"
    return {
        "run": path.name,
        "folder": str(path),
        "state": state,
        "experiments": f"{counts['kept']} kept, {counts['discarded']} discarded, {counts['failed']} failed",
        "base": base.score.text() if base else "none",
        "champion": _champion(journal),
    }


def _champion(journal: Journal) -> str:
    """What the run claims; before it has come so far, what leads its search."""
    champion, shown = journal.champion_id(), journal.leading_id()
    if shown == BASE:
        return "none"
    evaluation = journal.evaluation(shown)
    score = evaluation.score.text() if evaluation else ""
    if champion != BASE:
        return f"{shown} {score}"
    return f"none ({shown} {'was not confirmed' if journal.ended else 'leads'}: {score})"


def print_run(console: Console, run_dir: Path, as_json: bool) -> None:
    """One run: its facts, its experiments, what is under way."""
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    facts = _run_facts(run_dir, journal)
    experiments = journal.experiments()
    models = model_facts(journal)
    if as_json:
        facts |= models
        facts["list"] = [experiment.model_dump(mode="json") for experiment in experiments]
        console.print_json(json.dumps(facts, ensure_ascii=False))
        return
    for key in ("run", "folder", "state", "experiments", "base", "champion"):
        console.print(f"[bold]{key}:[/] {shown(str(facts[key]))}", soft_wrap=True)
    for key in MODEL_KEYS:
        if key in models:
            console.print(f"[bold]{key}:[/] {shown(line_of(key, models))}", highlight=False)
    if journal.recovered:
        console.print(f"[yellow]journal:[/] {shown(journal.recovered)}")
    table = Table("id", "change", "hypothesis", "validation", "delta", "p", "outcome", box=None)
    for experiment in experiments:
        score = experiment.evaluation.text() if experiment.evaluation else "none"
        comparison = experiment.comparison
        table.add_row(
            experiment.id,
            experiment.plan.change,
            shown(experiment.plan.hypothesis),
            shown(score),
            f"{comparison.delta:+.1f}" if comparison else "",
            f"{comparison.p_value:.2g}" if comparison else "",
            experiment.outcome,
        )
    console.print(table)
    under_way = journal.unfinished()
    if under_way:
        console.print(f"under way: {shown(under_way)}")
