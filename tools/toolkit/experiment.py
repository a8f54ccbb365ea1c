"""One experiment on one page, from the journal: what a role reads when it asks for it by id.

Validation alone: what the sealed test gave is not told here, before the end or after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from memory.journal.log import BASE, Journal
from memory.recipe import Script
from memory.records import Evaluation
from tools.chat.untrusted_text import delimited, one_line
from tools.process.root_cause import without_paths


def experiment_text(journal: Journal, experiment: str) -> str:
    """Plan, data, training, validation, comparison and diagnosis, as far as the experiment has come."""
    return "\n".join(line for part in _PARTS for line in part(journal, experiment))


def _plan_lines(journal: Journal, id: str) -> list[str]:
    plan = journal.plan(id)
    if plan is None:
        return [f"# {id}: the untouched base model" if id == BASE else f"# {id}"]
    ending = (journal.stage(id, "finished") or {}).get("outcome", "not finished")
    weights = f", weights {json.dumps(plan.weights, ensure_ascii=False)}" if plan.weights else ""
    return [
        f"# {id}: {ending}; built on {plan.parent or BASE}; changes {plan.change}; by {plan.decided_by}",
        f"hypothesis: {one_line(plan.hypothesis, 400)}",
        f"reason: {one_line(plan.reason, 400)}",
        f"expected gain: {plan.expected_gain:+.1f}; starts from {plan.init_from}",
        f"budget: {plan.max_seconds:.0f} s",
        f"sources: {_names(plan.sources)}{one_line(weights, 400)}; at most {plan.rows:,} rows",
    ]


def _data_lines(journal: Journal, id: str) -> list[str]:
    card = journal.card(id)
    if card is None:
        return []
    by_source = ", ".join(f"{one_line(name)} {count:,}" for name, count in card.rows_by_source.items())
    steps = [
        f"  {s.op}: {s.rows_in:,} -> {s.rows_out:,} {one_line(s.note, 160)}".rstrip() for s in card.steps
    ]
    return [
        f"data: {card.rows:,} rows ({one_line(by_source, 600)}), {card.mean_tokens:.0f} tokens a row, "
        f"{card.reasoning_share:.0%} with steps",
        *steps,
        *_script_lines(journal, id),
    ]


def _script_lines(journal: Journal, id: str) -> list[str]:
    """What the recipe's scripts are for; the code is ``read_recipe``'s."""
    recipe = journal.recipe(id)
    scripts = [op for op in recipe.operations if isinstance(op, Script)] if recipe else []
    return [f"  script, {len(op.code):,} characters of code: {one_line(op.purpose, 300)}" for op in scripts]


def _training_lines(journal: Journal, id: str) -> list[str]:
    lines = []
    if plan := journal.training_plan(id):
        hyperparameters = plan.model_dump(exclude={"timeout_seconds", "override_reason", "decided_by"})
        lines.append(f"training plan: {json.dumps(hyperparameters)}")
        if plan.override_reason:
            lines.append(f"optimiser overridden: {one_line(plan.override_reason, 300)}")
    if done := journal.training(id):
        ends = f", loss {done.losses[0][1]:.3f} to {done.losses[-1][1]:.3f}" if done.losses else ""
        early = f"; {one_line(ending, 200)}" if (ending := done.ending()) else ""
        early += f"; {done.held_out.in_words()}" if done.held_out else ""
        lines.append(
            f"training: {done.steps} steps of {done.rows:,} rows{ends}, {done.wall_seconds:.1f} s, "
            f"{done.tokens_per_second:.0f} tokens/s, {done.peak_gib:.2f} GiB{early}"
        )
    return lines


def _result_lines(journal: Journal, id: str) -> list[str]:
    lines = []
    if (evaluation := journal.evaluation(id)) is not None:
        lines += _score_lines(evaluation)
    if comparison := journal.comparison(id):
        lines.append(
            f"against {comparison.champion}: {comparison.delta:+.1f} [{comparison.low:+.1f}, "
            f"{comparison.high:+.1f}] p={comparison.p_value:.2g}, {comparison.fixed} fixed, "
            f"{comparison.broken} broken, format {comparison.format_gain:+.1f}, "
            f"capability {comparison.capability_gain:+.1f}"
        )
    return lines


def _score_lines(evaluation: Evaluation) -> list[str]:
    score = evaluation.score
    subsets = ", ".join(f"{name} {value:.1f}" for name, value in score.subsets.items())
    of = "the answered" if evaluation.stopped else "all"
    groups = [f"  {c.name}: {c.count} ({c.share:.0%} of {of} items)" for c in evaluation.clusters]
    unreadable = f"{score.unparseable_share:.0%} unparseable"
    return [
        f"validation: {score.metric} {evaluation.text()}, {unreadable}{f'; {subsets}' if subsets else ''}",
        *([f"stopped early, {evaluation.stopped.text()}"] if evaluation.stopped else []),
        *(["error clusters:", *groups] if groups else []),
    ]


def _verdict_lines(journal: Journal, id: str) -> list[str]:
    lines = []
    if reading := journal.verdict(id):
        lines.append(f"verdict: {reading.verdict}; {one_line(reading.note, 300)}")
    if diagnosis := journal.diagnosis(id):
        lines.append(f"diagnosis: {diagnosis.cause}; next move {diagnosis.next_move}")
        lines += [f"  evidence: {one_line(each, 200)}" for each in diagnosis.evidence[:8]]
        if diagnosis.prediction:
            claim = diagnosis.prediction
            lines.append(f"  predicts: {one_line(claim.claim, 200)} ({claim.expected_gain:+.1f})")
    if failure := journal.failure(id):
        lines.append(f"failure at {failure.stage}, {failure.code}:")
        lines.append(delimited(without_paths(failure.message), "message of the failure", 600))
    return lines


_PARTS: Sequence[Callable[[Journal, str], list[str]]] = (
    _plan_lines,
    _data_lines,
    _training_lines,
    _result_lines,
    _verdict_lines,
)


def _names(names: Sequence[str]) -> str:
    return one_line(", ".join(one_line(name) for name in names), 600)
