"""Tables for the terminal: tasks, runs and lessons. Reads; changes nothing but a rebuilt index."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graph.run import list_runs
from graph.session import load_task
from memory.chroma import ExperienceStore
from memory.journal import Journal
from memory.lessons import Recalled
from tasks import registry
from tasks.base import TaskSpec


def print_tasks(console: Console, as_json: bool) -> None:
    """Every registered task, a line each."""
    specs = [registry.get(name) for name in registry.ids()]
    if as_json:
        console.print_json(json.dumps([_task_facts(spec) for spec in specs], ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True)
    for heading in ("domain", "metric", "what is asked"):
        table.add_column(heading)
    for spec in specs:
        table.add_row(spec.id, spec.domain, spec.metric, escape(spec.title))
    console.print(table)
    console.print("One task in full: ftdojo tasks TASK. Your own data: ftdojo init-task DIR.", style="dim")


def _task_facts(spec: TaskSpec) -> dict[str, object]:
    return {
        "id": spec.id,
        "domain": spec.domain,
        "title": spec.title,
        "metric": spec.metric,
        "higher_is_better": spec.higher_is_better,
        "answer_format": spec.answer_format,
        "views": list(spec.views),
        "licence": spec.licence,
        "source": spec.source,
    }


def print_task_card(console: Console, name: str, as_json: bool) -> None:
    """One task: what is asked, one validation example of the miniature, and its trap."""
    spec = load_task(name, "mini")
    data = spec.load("user" if spec.domain == "custom" else "mini", 0)
    example = data.validation[0]
    if as_json:
        facts = _task_facts(spec) | {
            "example": {"prompt": example.prompt, "gold": example.gold},
            "trap": spec.trap,
        }
        console.print_json(json.dumps(facts, ensure_ascii=False))
        return
    console.print(f"[bold]{spec.id}[/] ({spec.domain}): {escape(spec.title)}")
    console.print(escape(spec.description))
    for label, text in (
        ("answer", spec.answer_format),
        ("metric", f"{spec.metric}, {'higher' if spec.higher_is_better else 'lower'} is better"),
        ("source", f"{spec.source} ({spec.licence})"),
        ("trap", spec.trap),
        ("pool", ", ".join(f"{source.name} ({len(source.rows)})" for source in data.sources)),
        ("validation", f"{len(data.validation)} items"),
    ):
        console.print(f"[bold]{label}:[/] {escape(text)}")
    console.print("[bold]example:[/]")
    console.print(escape(example.prompt), style="cyan", highlight=False)
    console.print(
        f"-> {escape(json.dumps(example.gold, ensure_ascii=False))}", style="green", highlight=False
    )


def print_runs(console: Console, runs_dir: Path, as_json: bool) -> None:
    """The runs under a folder, newest first."""
    facts = [_run_facts(path, journal) for path, journal in list_runs(runs_dir)]
    if as_json:
        console.print_json(json.dumps(facts, ensure_ascii=False))
        return
    if not facts:
        console.print(f"no runs in {runs_dir}")
        return
    table = Table("run", "state", "experiments", "base", "champion", box=None)
    for fact in facts:
        table.add_row(
            *(escape(str(fact[key])) for key in ("run", "state", "experiments", "base", "champion"))
        )
    console.print(table)


def _run_facts(path: Path, journal: Journal) -> dict[str, object]:
    """What the journal says about one run, in one line."""
    base, best, counts = journal.base_evaluation, journal.best(), journal.counts()
    state = journal.ended["outcome"] if journal.ended else f"unfinished (ftdojo resume {path.name})"
    return {
        "run": path.name,
        "folder": str(path),
        "state": state,
        "experiments": f"{counts['kept']} kept, {counts['discarded']} discarded, {counts['failed']} failed",
        "base": base.score.text() if base else "none",
        "champion": f"{best.id} {best.evaluation.score.text()}" if best and best.evaluation else "none",
    }


def print_run(console: Console, run_dir: Path, as_json: bool) -> None:
    """One run: its facts, its experiments, what is under way."""
    journal = Journal.open(run_dir / "journal.jsonl", write=False)
    facts = _run_facts(run_dir, journal)
    experiments = journal.experiments()
    if as_json:
        facts["list"] = [experiment.model_dump(mode="json") for experiment in experiments]
        console.print_json(json.dumps(facts, ensure_ascii=False))
        return
    for key in ("run", "folder", "state", "experiments", "base", "champion"):
        console.print(f"[bold]{key}:[/] {escape(str(facts[key]))}")
    if journal.recovered:
        console.print(f"[yellow]journal:[/] {escape(journal.recovered)}")
    table = Table("id", "change", "hypothesis", "validation", "delta", "p", "outcome", box=None)
    for experiment in experiments:
        score = experiment.evaluation.score.text() if experiment.evaluation else "none"
        comparison = experiment.comparison
        table.add_row(
            experiment.id,
            experiment.plan.change,
            escape(experiment.plan.hypothesis),
            escape(score),
            f"{comparison.delta:+.1f}" if comparison else "",
            f"{comparison.p_value:.2g}" if comparison else "",
            experiment.outcome,
        )
    console.print(table)
    under_way = journal.unfinished()
    if under_way:
        console.print(f"under way: {under_way}")


def print_memory(console: Console, folder: Path, query: str | None, rebuild: bool, as_json: bool) -> None:
    """Lessons: all of them, those nearest to a query, or the count after a rebuild."""
    store = ExperienceStore(folder)
    if rebuild:
        console.print(f"rebuilt the index of {store.rebuild()} lessons in {folder}")
        return
    found: list[Recalled] = list(store.recall(query, k=10)) if query else []
    lessons = [item.lesson for item in found] if query else list(store.book.all())
    if as_json:
        console.print_json(
            json.dumps([lesson.model_dump(mode="json") for lesson in lessons], ensure_ascii=False)
        )
        return
    if not lessons:
        console.print(f"no lessons in {folder}")
    for lesson in lessons:
        console.print(f"[bold]{escape(lesson.id)}[/] {lesson.gain:+.1f} points", highlight=False)
        console.print("  " + escape(lesson.text), highlight=False)
