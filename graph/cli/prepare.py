"""Output of ``ftdojo prepare``: progress and one line a repository, what failed at the end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from graph.cli.printable import json_text, say
from tasks import registry
from tasks.base import TaskSpec
from tasks.errors import InputError
from tools.hub.download import Prepared, assets_of, count_rows, prepare


def prepare_tasks(console: Console, task: str | None, every: bool, root: Path, as_json: bool) -> bool:
    """Download and verify the files of one task or of all; False when a repository or a task failed.

    Raises:
        InputError: neither a task nor ``--all``, both, or a task without published files.
    """
    specs = _asked_for(task, every)
    repositories: list[dict[str, Any]] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
    ) as progress:
        for assets in assets_of(specs):
            bar = progress.add_task(escape(assets.folder), total=None)
            report = partial(_advance, progress, bar)
            facts: dict[str, Any] = {"repo_id": assets.repo_id, "folder": assets.folder}
            try:
                facts |= _facts(prepare(assets, root, report))
            except InputError as error:
                facts["error"] = str(error)
            progress.remove_task(bar)
            repositories.append(facts)
            console.print(_line(facts), highlight=False, soft_wrap=True)
        tasks = [_count(spec, root, repositories) for spec in specs]
    failed = [str(facts["error"]) for facts in (*repositories, *tasks) if facts.get("error")]
    if as_json:
        report_all = {"data_root": str(root), "repositories": repositories, "tasks": tasks}
        say(json_text(report_all))
    for line in failed:
        say(f"error: {' '.join(line.split())}", err=True)
    return not failed


def _advance(progress: Progress, bar: TaskID, done: int, total: int) -> None:
    progress.update(bar, completed=done, total=total)


def _asked_for(task: str | None, every: bool) -> list[TaskSpec]:
    if (task is None) != every:
        raise InputError("ftdojo prepare", "name one task, or --all", "see `ftdojo tasks` for the ids")
    if task is None:
        return [spec for spec in map(registry.get, registry.ids()) if spec.published]
    spec = registry.get(task)
    if spec.published is None:
        raise InputError(f"task {task}", "it has no published files", "use --edition mini")
    return [spec]


def _facts(done: Prepared) -> dict[str, Any]:
    return {
        "commit": done.commit,
        "files": done.files,
        "downloaded": list(done.downloaded),
        "changed": list(done.changed),
    }


def _line(facts: dict[str, Any]) -> str:
    name = escape(facts["repo_id"])
    if facts.get("error"):
        return f"[red]failed[/]   {name}"
    changed = f", changed since and fetched again: {', '.join(facts['changed'])}" if facts["changed"] else ""
    return (
        f"[green]verified[/] {name} at {facts['commit'][:7]}: {facts['files']} files, "
        f"{len(facts['downloaded'])} downloaded{escape(changed)}"
    )


def _count(spec: TaskSpec, root: Path, repositories: list[dict[str, Any]]) -> dict[str, Any]:
    """The task's row counts, once its benchmark is there."""
    facts: dict[str, Any] = {"task": spec.id}
    assert spec.published is not None
    folder = spec.published.benchmark.folder
    if any(each["folder"] == folder and each.get("error") for each in repositories):
        return facts
    try:
        return facts | {"rows": count_rows(spec, root)}
    except InputError as error:
        return facts | {"error": f"{spec.id}: {error}"}
