"""Report facts: what the page says, as plain values gathered from the journal before any HTML.

Only validation items are ever quoted. The sealed test appears as numbers, and rows
that decontamination took out are counted but not shown, because they repeat items
of the test or come close to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memory.journal.log import BASE, Journal
from memory.records import Comparison, Evaluation, Experiment
from tasks.base import Sample

SIGNIFICANT = 0.05
"""Two-sided level of the claim that the reader sees."""
NAMED = 40
"""Row numbers that are printed per source and rule."""
QUOTED = 12
"""Items and rows quoted per list."""
LONGEST = 600
"""Characters of a quotation."""


def verdict(journal: Journal) -> tuple[str, str]:
    """What the run showed, as (tone, one honest sentence); tone is ``gained``, ``open`` or ``worse``."""
    final = final_comparison(journal)
    if final is None:
        return "open", _not_tested(journal)
    if final.challenger == BASE:
        tested = journal.confirmation
        why = f"{tested.text()}. So" if tested else "No experiment beat the base model, so"
        return "open", f"{why[0].upper()}{why[1:]} the base model stands and nothing is claimed."
    base, champion = journal.test_evaluation(BASE), journal.test_evaluation(final.challenger)
    spread = f"{final.delta:+.1f} points, 95% interval {final.low:+.1f} to {final.high:+.1f}"
    facts = f"{spread}, {p_text(final.p_value)}, {final.n} sealed test items"
    scores = f"from {base.score.value:.1f} to {champion.score.value:.1f}" if base and champion else ""
    if final.p_value >= SIGNIFICANT:
        return "open", f"No gain was shown: the score went {scores}, which chance can explain ({facts})."
    if final.delta > 0:
        return "gained", f"The model got better: {scores} ({facts})."
    return "worse", f"The model got worse: {scores} ({facts}); keep the base model."


def detectable(journal: Journal) -> str:
    """What was said before the first experiment about the smallest gain; empty in earlier versions' runs."""
    said = [e.data["text"] for e in journal.events if e.kind == "note" and e.data.get("detectable")]
    return str(said[0]) if said else ""


def baselines_text(journal: Journal) -> tuple[str, ...]:
    """Sentences on answering without a model; empty where it was not measured."""
    found = journal.baselines
    if found is None:
        return ()
    majority, said = found["majority"], found["one_answer"]
    lines = [
        f"On the sealed test the commonest answer alone ({majority['answer']!r}) would score "
        f"{majority['score']:.1f}, and chance {found['chance']:.1f}."
    ]
    champion = journal.test_evaluation(journal.champion_id())
    if said is not None:
        lines.append(
            f"The champion gives one answer, {said['answer']!r}, to {100 * said['share']:.0f}% of the items."
        )
    elif champion is not None and champion.score.value <= majority["score"]:
        lines.append("The champion scores no more than that answer alone.")
    return tuple(lines)


def _not_tested(journal: Journal) -> str:
    ended = journal.ended
    state = "The run is unfinished" if ended is None else f"The run ended as {_words(_ending(ended))}"
    champion = journal.best()
    if champion is None or champion.evaluation is None or journal.base_evaluation is None:
        return f"{state} and the sealed test was not read: nothing is claimed yet."
    before, after = journal.base_evaluation.score.value, champion.evaluation.score.value
    return (
        f"{state} and the sealed test was not read: nothing is claimed yet. "
        f"On the search items of validation, which chose {champion.id}, "
        f"the score went from {before:.1f} to {after:.1f}."
    )


def _ending(ended: Mapping[str, Any]) -> str:
    return str(ended.get("outcome") or "ended")


def ending(journal: Journal) -> str:
    """How the run ended and why, in words; ``unfinished`` while it has not."""
    if journal.ended is None:
        return "unfinished"
    reason = str(journal.ended.get("reason") or "")
    return _words(_ending(journal.ended)) + (f": {reason}" if reason else "")


def _words(name: str) -> str:
    return name.replace("_", " ")


def p_text(p_value: float) -> str:
    """``p = 0.034``, or ``p < 0.0001`` where more digits mean nothing."""
    text = "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def final_comparison(journal: Journal) -> Comparison | None:
    """The paired comparison on the sealed test; None before it was read."""
    data = journal.stage(journal.champion_id(), "test_comparison")
    return None if data is None else Comparison.model_validate(data)


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
        except ValueError:
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
        for name in sorted({*before, *after}, key=lambda name: -max(before.get(name, 0), after.get(name, 0)))
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
    """Agreement of the incumbent of the time with each source's labels, latest look first wins."""
    latest: dict[str, tuple[str, float]] = {}
    for experiment in experiments:
        if experiment.diagnosis is not None:
            for source, share in experiment.diagnosis.source_scores.items():
                latest[source] = (experiment.id, share)
    ranked = sorted(latest.items(), key=lambda item: -item[1][1])
    return [{"source": source, "share": share, "experiment": id} for source, (id, share) in ranked]


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
