"""Output of ``ftdojo score``: a block a subset, or JSON."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graph.cli.printable import json_text
from tasks import registry
from tools.evaluation.score_files import Scored, score_files


def print_scores(
    console: Console, task: str, rows: Path, predictions: Path, subset: str | None, as_json: bool, items: bool
) -> None:
    """Score a file of predictions and print both scores of each subset."""
    scored = score_files(registry.get(task), rows, predictions, subset)
    if as_json:
        facts = [one.as_json() for one in scored]
        shown = facts[0] if len(facts) == 1 else {"task": task, "subsets": facts}
        console.file.write(json_text(shown) + "\n")
        return
    for one in scored:
        console.print(f"[bold]{escape(one.subset)}[/]", highlight=False)
        for label, text in (
            ("score", _ours(one)),
            ("unparseable", _unread(one)),
            ("as published", _theirs(one)),
        ):
            console.print(f"  {label}: {escape(text)}", highlight=False, soft_wrap=True)
        for row in one.unreadable:
            console.print(f"  left out: {escape(row)}", highlight=False, soft_wrap=True)
        for line in one.unanswered:
            console.print(f"  counted as silence: {escape(line)}", highlight=False, soft_wrap=True)
        if items:
            _print_items(console, one)


def _ours(scored: Scored) -> str:
    if not scored.item_scores:
        return "not scored (none of its rows can be read)"
    if scored.score is None:
        reasons = sorted({item_score.error for item_score in scored.item_scores})
        return f"not scored ({', '.join(reasons)})"
    left_out = sum(not item_score.scored for item_score in scored.item_scores)
    note = f", {left_out} not scored" if left_out else ""
    return f"{scored.score.metric} {scored.score.text()}{note}"


def _unread(scored: Scored) -> str:
    unread = sum(item_score.parsed is None for item_score in scored.item_scores)
    return f"{100 * unread / max(1, len(scored.item_scores)):.1f}%"


def _theirs(scored: Scored) -> str:
    shown = (
        f"{name} {value:.2f}" if value is not None else f"{name} not computed"
        for name, value in scored.as_published.items()
    )
    return ", ".join(shown)


def _print_items(console: Console, scored: Scored) -> None:
    table = Table("row", "right", "score", "parsed", "error", box=None, pad_edge=False, title=scored.subset)
    for number, item_score in zip(scored.rows, scored.item_scores, strict=True):
        right = "not scored" if not item_score.scored else "yes" if item_score.right else "no"
        parsed = "" if item_score.parsed is None else item_score.parsed[:60]
        table.add_row(str(number), right, f"{item_score.value:.2f}", escape(parsed), item_score.error)
    console.print(table)
