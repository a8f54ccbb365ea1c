"""Report facts: what the page says, as plain values gathered from the journal before any HTML.

Only validation items are ever quoted. The sealed test appears as numbers, and rows
that decontamination took out are counted but not shown, because they repeat items
of the test or come close to them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory.journal.log import BASE, Journal
from memory.records import Evaluation, Experiment
from tasks.base import Sample

NAMED = 40
"""Row numbers that are printed per source and rule."""
QUOTED = 12
"""Items and rows quoted per list."""
LONGEST = 600
"""Characters of a quotation."""


def detectable(journal: Journal) -> str:
    """What was said before the first experiment about the smallest gain; empty in earlier versions' runs."""
    said = [e.data["text"] for e in journal.events if e.kind == "note" and e.data.get("detectable")]
    return str(said[0]) if said else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def quotation(value: Any) -> str:
    """A value as text of bounded length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"


# ---- answers that changed


def changed_items(
    journal: Journal, run_dir: Path, validation: Sequence[Sample]
) -> dict[str, list[dict[str, str]]]:
    """Validation items that the search's best fixed and broke: prompt, gold, answers before and after."""
    leading = journal.leading_id()
    if leading == BASE:
        return {"fixed": [], "broken": []}
    before = predictions(run_dir, journal.base_evaluation)
    after = predictions(run_dir, journal.evaluation(leading))
    samples = {sample.id: sample for sample in validation}
    lists: dict[str, list[dict[str, str]]] = {"fixed": [], "broken": []}
    for id, new in after.items():
        old = before.get(id)
        if old is None or bool(old.get("right")) == bool(new.get("right")):
            continue
        sample = samples.get(id)
        lists["fixed" if new.get("right") else "broken"].append(
            {
                "id": id,
                "prompt": quotation(sample.prompt) if sample else "",
                "gold": quotation(sample.gold) if sample else "",
                "before": quotation(old.get("prediction", "")),
                "after": quotation(new.get("prediction", "")),
            }
        )
    return lists


def predictions(run_dir: Path, evaluation: Evaluation | None) -> dict[str, dict[str, Any]]:
    """Per-item outcomes of a validation run by item id; empty when the file is gone."""
    if evaluation is None or evaluation.split != "validation":
        return {}
    return {str(item.get("id")): item for item in read_rows(run_dir / evaluation.predictions)}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file; missing files and torn lines give what is readable."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def clusters(journal: Journal) -> list[dict[str, Any]]:
    """Kinds of wrong answers on validation: counts for the base and for the search's best."""
    leading = journal.leading_id()
    found = journal.evaluation(leading) if leading != BASE else None
    before = {c.name: c.count for c in journal.base_evaluation.clusters} if journal.base_evaluation else {}
    after = {c.name: c.count for c in found.clusters} if found else {}
    most = max([*before.values(), *after.values(), 1])
    return [
        {
            "name": _words(name),
            "before": before.get(name, 0),
            "after": after.get(name, 0),
            "before_share": before.get(name, 0) / most,
            "after_share": after.get(name, 0) / most,
        }
        for name in sorted(
            {*before, *after}, key=lambda name: (-max(before.get(name, 0), after.get(name, 0)), name)
        )
    ]


# ---- curation


def curation(experiments: Sequence[Experiment], run_dir: Path) -> list[dict[str, Any]]:
    """Per experiment with data: each operation's rows in and out, what went by source, and examples."""
    found = []
    for experiment in experiments:
        card = experiment.card
        if card is None:
            continue
        most = max([step.rows_in for step in card.steps] + [step.rows_out for step in card.steps] + [1])
        steps = [
            {
                "op": _operation(experiment, index),
                "rows_in": step.rows_in,
                "rows_out": step.rows_out,
                "removed": max(0, step.rows_in - step.rows_out),
                "kept_share": step.rows_out / most,
                "removed_share": max(0, step.rows_in - step.rows_out) / most,
                "by_source": sorted(step.removed_by_source.items(), key=lambda item: -item[1]),
                "note": step.note,
            }
            for index, step in enumerate(card.steps)
        ]
        found.append(
            {
                "id": experiment.id,
                "card": card,
                "steps": steps,
                "sources": sorted(card.rows_by_source.items(), key=lambda item: -item[1]),
                "examples": removed_examples(run_dir / card.path),
                "contaminated": contaminated_rows(run_dir / card.path),
            }
        )
    return found


def _operation(experiment: Experiment, index: int) -> str:
    """The operation's name, with the rule of a filter."""
    card, recipe = experiment.card, experiment.recipe
    name = card.steps[index].op if card else ""
    if recipe is not None and card is not None and len(recipe.operations) == len(card.steps):
        name += (
            f" {rule}" if (rule := getattr(recipe.operations[index], "rule", "")) and rule not in name else ""
        )
    return _words(name)


def removed_examples(rows_file: Path) -> list[dict[str, str]]:
    """Some rows that curation took out, from ``<key>.removed.jsonl``; never what decontamination found."""
    rows = read_rows(rows_file.with_suffix(".removed.jsonl"))
    examples: list[dict[str, str]] = []
    per_reason: dict[str, int] = {}
    for row in rows:
        op = _words(str(row.get("op") or row.get("reason") or "removed"))
        if "decontaminate" in f"{row.get('op')} {row.get('reason')}" or per_reason.get(op, 0) >= 3:
            continue
        per_reason[op] = per_reason.get(op, 0) + 1
        examples.append(
            {
                "op": op,
                "source": str(row.get("source", "")),
                "prompt": quotation(row.get("prompt", "")),
                "answer": quotation(row.get("answer", "")),
            }
        )
    return examples[:QUOTED]


def contaminated_rows(rows_file: Path) -> list[dict[str, Any]]:
    """Rows that decontamination took out, by source, split and rule: their numbers, never their text."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for row in read_rows(rows_file.with_suffix(".removed.jsonl")):
        if "rule" in row and "row" in row:
            split = str(row.get("item", "")).partition(":")[0]
            groups.setdefault((str(row.get("source", "")), split, str(row["rule"])), []).append(row["row"])
    return [
        {"source": source, "split": split, "rule": rule, "rows": sorted(rows)[:NAMED], "n": len(rows)}
        for (source, split, rule), rows in sorted(groups.items())
    ]


def source_audit(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Agreement of trained models with each source's labels, the latest look at each, the highest first.

    ``{"source", "share", "experiment", "text"}``; the text holds rows and interval where they are known.
    """
    latest: dict[str, dict[str, Any]] = {}
    for experiment in experiments:
        if experiment.diagnosis is None:
            continue
        for source, share in experiment.diagnosis.source_scores.items():
            latest[source] = {"share": share, "experiment": experiment.id, "text": f"{share:.0%}"}
        for item in experiment.diagnosis.agreements:
            found = {"share": item.share, "experiment": item.experiment, "text": item.text()}
            latest[item.source] = found
    ranked = sorted(latest.items(), key=lambda item: -float(item[1]["share"]))
    return [{"source": source, **found} for source, found in ranked]


# ---- lineage and memory


def lineage(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """The experiments as a tree under the base model: ``{"experiment", "children"}``, nested."""
    nodes: dict[str, dict[str, Any]] = {e.id: {"experiment": e, "children": []} for e in experiments}
    roots: list[dict[str, Any]] = []
    for experiment in experiments:
        parent = nodes.get(experiment.plan.parent or "")
        siblings = roots if parent is None or experiment.plan.parent == experiment.id else parent["children"]
        siblings.append(nodes[experiment.id])
    return roots


def lessons(journal: Journal, experiments: Sequence[Experiment]) -> dict[str, list[dict[str, Any]]]:
    """Lessons that plans recalled (by id), and those that this run wrote."""
    recalled = [
        {"experiment": e.id, "ids": list(e.plan.lessons), "reason": e.plan.reason}
        for e in experiments
        if e.plan.lessons
    ]
    written = [
        {
            "experiment": event.experiment,
            "text": str(event.data.get("text", "")),
            "gain": event.data.get("gain"),
        }
        for event in journal.events
        if event.kind == "lesson"
    ]
    return {"recalled": recalled, "written": written}


def audit_trail(journal: Journal) -> list[dict[str, str]]:
    """The journal's own record of the choice and of every reading of the sealed test, in order."""
    said = {
        "candidate_chosen": "search over, candidate chosen on the search items",
        "confirmation": "candidate tested on the items kept apart",
        "champion_chosen": "champion chosen, on validation alone",
        "test_opened": "sealed test opened",
        "test_reopened": "sealed test opened again by a resumed run",
    }
    return [
        {"seq": str(event.seq), "time": event.time, "what": said[event.kind]}
        for event in journal.events
        if event.kind in said
    ]
