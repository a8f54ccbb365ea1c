"""``ftdojo tasks``: every task in a table, or one task's card. Reads no rows but one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graph.cli.printable import json_text
from graph.task_names import load_task
from tasks import registry
from tasks.assets import Assets
from tasks.base import LoadOptions, Sample, TaskSpec
from tasks.mini.items import to_sample
from tasks.official.files import folder_of, is_prepared, read_manifest
from tasks.official.load import splits
from tasks.splits import seeded

TABLE_WIDTH = 160
"""Columns of the table; a narrower terminal breaks its lines, a pipe gets them whole."""


def print_tasks(console: Console, root: Path, as_json: bool) -> None:
    """Every registered task, a line each; ``root`` is where the published files would be."""
    facts = [task_facts(registry.get(name), root) for name in registry.ids()]
    extensions = [task_facts(registry.get(name), root) for name in registry.extension_ids()]
    if as_json:
        console.file.write(json_text([*facts, *extensions]) + "\n")
        return
    console.width = max(console.width, TABLE_WIDTH)
    console.print(_table(facts))
    console.print("\n[bold]extensions[/]")
    console.print(_table(extensions))
    console.print(
        "mini, official: rows, validation/test. One task in full: ftdojo tasks TASK. Published files: ftdojo "
        "prepare TASK. Your own data: ftdojo init-task DIR. A task of lm-evaluation-harness: lm-eval:NAME.",
        style="dim",
    )


def _table(facts: Sequence[dict[str, Any]]) -> Table:
    headings = ("task", "domain", "editions", "mini", "official", "metric", "better", "gated", "prepared")
    table = Table(*headings, "licence", box=None, pad_edge=False)
    for fact in facts:
        table.add_row(
            fact["id"],
            fact["domain"],
            "both" if len(fact["editions"]) == 2 else fact["editions"][0],
            _rows(fact["rows"]["mini"]),
            _rows(fact["rows"]["official"]),
            fact["metric"],
            "higher" if fact["higher_is_better"] else "lower",
            _yes(fact["gated"]),
            _yes(fact["prepared"]),
            escape(fact["licence_of_rows"]),
        )
    return table


def task_facts(spec: TaskSpec, root: Path) -> dict[str, Any]:
    """What is known of a task without reading its rows."""
    assets = assets_of(spec)
    mini = spec.mini
    return {
        "id": spec.id,
        "domain": spec.domain,
        "title": spec.title,
        "extension": spec.id in registry.extension_ids(),
        "editions": [*(["mini"] if mini else []), *(["official"] if spec.published else [])],
        "rows": {
            "mini": [mini.validation_rows, mini.test_rows] if mini else None,
            "official": official_rows(spec, root),
        },
        "metric": spec.metric,
        "higher_is_better": spec.higher_is_better,
        "answer_format": spec.answer_format,
        "subsets": list(spec.subsets),
        "licence": spec.licence,
        "licence_of_rows": spec.published.benchmark.licence if spec.published else spec.licence,
        "gated": any(each.gated for each in assets),
        "prepared": bool(assets) and all(is_prepared(each, root) for each in assets),
        "source": spec.source,
    }


def assets_of(spec: TaskSpec) -> tuple[Assets, ...]:
    """The repositories behind a task, benchmark first, each once."""
    if spec.published is None:
        return ()
    return tuple(dict.fromkeys((spec.published.benchmark, *spec.published.pools)))


def official_rows(spec: TaskSpec, root: Path) -> list[int] | None:
    """[validation, test] of our split, as ``ftdojo prepare`` counted them; None where it has not."""
    if spec.published is None:
        return None
    manifest = read_manifest(folder_of(spec.published.benchmark, root)) or {}
    counts = manifest.get("tasks", {}).get(spec.id, {}).get("own")
    return list(counts) if counts else None


def _rows(counts: list[int] | None) -> str:
    return f"{counts[0]}/{counts[1]}" if counts else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def print_task_card(console: Console, name: str, root: Path, as_json: bool) -> None:
    """One task: what is asked, where its rows come from, an example, and its pitfall."""
    spec = load_task(name, "mini")
    example = _example(spec, root)
    budgets = {} if spec.id in registry.extension_ids() else {"mini": spec.max_new_tokens}
    if spec.published is not None:
        budgets["official"] = spec.published.max_new_tokens
    facts = task_facts(spec, root) if spec.domain != "custom" else {"id": spec.id, "metric": spec.metric}
    facts |= {
        "description": spec.description,
        "max_new_tokens": budgets,
        "assets": [_asset_facts(each, root) for each in assets_of(spec)],
        "example": example and {"prompt": example.prompt, "gold": example.gold, "subset": example.subset},
        "pitfall": spec.pitfall,
    }
    if as_json:
        console.file.write(json_text(facts) + "\n")
        return
    _print_card(console, spec, facts)


def _print_card(console: Console, spec: TaskSpec, facts: dict[str, Any]) -> None:
    console.print(f"[bold]{spec.id}[/] ({spec.domain}): {escape(spec.title)}")
    console.print(escape(spec.description))
    rows = facts.get("rows", {})
    counted = (f"{edition} {_rows(counts)}" for edition, counts in rows.items() if counts)
    budgets = (f"{edition} {tokens:,}" for edition, tokens in facts["max_new_tokens"].items())
    for label, text in (
        ("answer", spec.answer_format),
        ("metric", f"{spec.metric}, {'higher' if spec.higher_is_better else 'lower'} is better"),
        ("subsets", ", ".join(spec.subsets)),
        ("rows (validation/test)", ", ".join(counted)),
        ("answer budget (tokens)", ", ".join(budgets)),
        ("source", f"{spec.source} ({spec.licence})"),
        ("pitfall", spec.pitfall),
    ):
        if text:
            console.print(f"[bold]{label}:[/] {escape(text)}", highlight=False)
    for each in facts["assets"]:
        gated = ", gated" if each["gated"] else ""
        state = "prepared" if each["prepared"] else "not prepared"
        line = f"{each['repo_id']} at {each['revision']}: {', '.join(each['files'])}"
        facts_of = f"{each['licence']}{gated}; {each['size'] or 'size not known'}; {state}"
        console.print(f"[bold]files:[/] {escape(f'{line} ({facts_of})')}", highlight=False)
    if facts["example"] is None:
        console.print(f"[bold]example:[/] shown once its files are there (ftdojo prepare {spec.id})")
        return
    console.print("[bold]example:[/]")
    console.print(escape(facts["example"]["prompt"]), style="cyan", highlight=False)
    gold = json_text(facts["example"]["gold"])
    console.print(f"-> {escape(gold)}", style="green", highlight=False)


def _asset_facts(assets: Assets, root: Path) -> dict[str, Any]:
    return {
        "repo_id": assets.repo_id,
        "revision": assets.revision,
        "files": list(assets.files),
        "licence": assets.licence,
        "gated": assets.gated,
        "size": assets.size,
        "prepared": is_prepared(assets, root),
    }


def _example(spec: TaskSpec, root: Path) -> Sample | None:
    """One item: drawn from the seed, or the first validation row; None where no rows are here."""
    if spec.mini is not None:
        return to_sample(spec.mini, spec.mini.generator.draw(seeded(spec.id, "card"), 0))
    if spec.data is not None:
        return spec.data.validation[0]
    if spec.published is None or not is_prepared(spec.published.benchmark, root):
        return None
    return splits(spec, LoadOptions(root))[0][0]
