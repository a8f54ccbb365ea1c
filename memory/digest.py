"""The state of a run on one page: Markdown for a prompt or a person, of bounded length."""

from __future__ import annotations

import math

from memory.journal.log import Journal
from memory.records import Experiment

_HEADER = "| id | change | outcome | score | delta | p |\n|---|---|---|---|---|---|"

_ROW_TOKENS = 10
"""The least that a row takes."""


def approximate_tokens(text: str) -> int:
    """An upper estimate for common tokenizers: 3 ASCII characters a token, others one each."""
    ascii_count = sum(character.isascii() for character in text)
    return math.ceil(ascii_count / 3) + len(text) - ascii_count


def digest(journal: Journal, max_tokens: int = 1500) -> str:
    """Base, champion, experiments, last diagnosis and budget.

    The newest experiments are listed; older ones are summed up in one line when the
    page would grow beyond ``max_tokens`` (by ``approximate_tokens``). The head, the
    champion and the budget are always there.
    """
    experiments = journal.experiments()
    head = _head(journal)
    foot = _foot(journal, experiments, max_tokens)
    shown = min(len(experiments), max_tokens // _ROW_TOKENS)
    while True:
        page = "\n\n".join(part for part in (head, _table(experiments, shown), foot) if part)
        if shown == 0 or approximate_tokens(page) <= max_tokens:
            return page + "\n"
        shown -= 1


def _head(journal: Journal) -> str:
    info = journal.info
    base = journal.base_evaluation
    champion = journal.best()
    lines = [
        f"# Run {info.run}: {info.task} ({info.edition}), base model {info.base_model}",
        "",
        f"- base: {base.score.text() if base else 'not measured yet'}",
    ]
    if champion is None or champion.evaluation is None:
        lines.append("- champion: the base model")
    else:
        line = " -> ".join(("base", *journal.lineage(champion.id)[-6:]))
        lines.append(f"- champion: {champion.id}, {champion.evaluation.score.text()}, lineage {line}")
    if unfinished := journal.unfinished():
        lines.append(f"- unfinished: {unfinished}")
    if ended := journal.ended:
        lines.append(f"- ended: {ended.get('outcome', 'yes')}")
    return "\n".join(lines)


def _table(experiments: tuple[Experiment, ...], shown: int) -> str:
    if not experiments:
        return "No experiment is finished yet."
    older, newer = experiments[: len(experiments) - shown], experiments[len(experiments) - shown :]
    parts = []
    if older:
        outcomes = [experiment.outcome for experiment in older]
        counts = ", ".join(
            f"{outcomes.count(outcome)} {outcome}" for outcome in ("kept", "discarded", "failed")
        )
        ids = older[0].id if len(older) == 1 else f"{older[0].id} to {older[-1].id}"
        parts.append(f"Earlier, {ids}: {counts}.")
    if newer:
        parts.append("\n".join([_HEADER, *map(_row, newer)]))
    return "\n\n".join(parts)


def _row(experiment: Experiment) -> str:
    evaluation, comparison = experiment.evaluation, experiment.comparison
    score = f"{evaluation.score.value:.1f}" if evaluation else "-"
    delta = f"{comparison.delta:+.1f}" if comparison else "-"
    p_value = f"{comparison.p_value:.3f}" if comparison else "-"
    outcome: str = experiment.outcome
    if experiment.failure:
        outcome += f" ({experiment.failure.stage}: {experiment.failure.code})"
    return f"| {experiment.id} | {experiment.plan.change} | {outcome} | {score} | {delta} | {p_value} |"


def _foot(journal: Journal, experiments: tuple[Experiment, ...], max_tokens: int) -> str:
    lines = []
    diagnosed = [experiment for experiment in experiments if experiment.diagnosis]
    if diagnosed and (diagnosis := diagnosed[-1].diagnosis):
        evidence = "; ".join(diagnosis.evidence)
        limit = max_tokens // 2  # characters: a sixth of the page at most, in ASCII
        evidence = evidence if len(evidence) <= limit else evidence[:limit] + "..."
        verdict = f"{diagnosis.cause}, next {diagnosis.next_move}"
        lines.append(f"- last diagnosis ({diagnosed[-1].id}): {verdict}. {evidence}")
    elapsed = journal.clocks.get("elapsed", 0.0)
    left = max(0.0, journal.info.budget_seconds - elapsed)
    lines.append(f"- budget: {left:.0f} s left of {journal.info.budget_seconds:.0f} s")
    return "\n".join(lines)
