"""Data, for a briefing: sources as measured, some of their rows, the plan, the recipe and what it made.

Rows and cards come through ``tools.curation.safe_rows``: the pool may hold copies of the sealed test, and a
prompt is no place for them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from memory.recipe import DataCard, DataRecipe, Script
from memory.records import Experiment
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.layout import SHORTEST, approximate_tokens, listing, name, names, quoted, share, table
from tools.chat.untrusted_text import clean
from tools.checks.source_kinds import by_kind, kind_of, why_unusable
from tools.curation.answer_lengths import answer_lengths
from tools.curation.profile import SourceProfile
from tools.curation.safe_rows import card_text, row_texts, shown_rows
from tools.dojo import Dojo
from tools.report.facts import read_rows, source_audit

ROWS = 2
"""Rows shown per source."""
COLUMNS = 12
WHOLE_SCRIPT = 6000
"""Characters of code up to which a script is shown whole; ``read_recipe`` shows the rest."""
PURPOSE = 120
"""Characters of what a script is for."""
LEGEND = (
    "Shares are of rows. readable: the task's parser finds an answer; steps: it comes with a worked "
    "solution; verified, refuted: by the task itself, without a reference; leaks: match a validation or "
    "test item; tokens: prompt + answer; agrees: how often that experiment's model says what the "
    "label says, with its 95% interval and the rows asked; a share inside another's interval is no different."
)


def sources(context: ExperimentContext, tokens: int) -> str:
    """Every source in a line of a table, the most useful first; what makes one unusable; the audit."""
    profiles = context.dojo.profiles()
    found = source_audit(context.history)
    audit = {entry["source"]: f"{entry['text']} ({entry['experiment']})" for entry in found}
    order = [source for group in by_kind(profiles).values() for source in group]
    header = (
        "source",
        "rows",
        "kind",
        "repeats",
        "conflicts",
        "readable",
        "in format",
        "steps",
        "verified",
        "refuted",
        "on domain",
        "leaks",
        "tokens",
        "agrees",
    )
    rows = [_source(profiles[source], audit.get(source, "-")) for source in order]
    unusable = [
        f"- {name(source)} cannot be used: {why_unusable(profiles[source])}"
        for source in order
        if kind_of(profiles[source]) == "unusable"
    ]
    return listing([LEGEND, *table(header, rows).split("\n"), *unusable], tokens)


def _source(profile: SourceProfile, agreement: str) -> tuple[str, ...]:
    return (
        name(profile.name),
        str(profile.rows),
        kind_of(profile),
        share(profile.duplicate_share),
        share(profile.conflict_share),
        share(profile.parseable_share),
        share(profile.in_format_share),
        share(profile.reasoning_share),
        share(profile.verified_share),
        share(profile.refuted_share),
        share(profile.on_domain_share),
        share(profile.contaminated_share),
        f"{profile.mean_prompt_tokens:.0f}+{profile.mean_answer_tokens:.0f}",
        agreement,
    )


def cards(context: ExperimentContext, tokens: int) -> str:
    """What the sources say about themselves."""
    chosen = _chosen(context)
    if not chosen:
        return ""
    room = max(SHORTEST, 3 * (tokens - 60) // len(chosen) - 20)
    found = {
        source: card_text(context.dojo.pool[source].card, context.dojo.decontaminator) for source in chosen
    }
    texts = [f"{source}: {clean(card, room)}" for source, card in found.items() if card]
    return quoted("\n\n".join(texts), "cards of the sources", tokens)


def _chosen(context: ExperimentContext) -> list[str]:
    """The plan's sources, or every usable one."""
    profiles = context.dojo.profiles()
    if context.plan:
        return [source for source in context.plan.sources if source in profiles]
    groups = by_kind(profiles)
    return [*groups["chain_of_thought"], *groups["direct"]]


def columns(context: ExperimentContext, tokens: int) -> str:
    """Per source of the plan: its card, its columns, what they seem to be, and some rows."""
    chosen = _chosen(context)
    room = tokens // max(1, len(chosen))
    return "\n".join(_columns(context.dojo, source, room) for source in chosen)


def _columns(dojo: Dojo, source: str, tokens: int) -> str:
    profile = dojo.profiles()[source]
    found = [
        f"{column.path} ({column.filled_share:.0%} filled, {column.mean_tokens:.0f} tokens)"
        for column in profile.columns[:COLUMNS]
    ]
    more = f" and {len(profile.columns) - COLUMNS} more" if len(profile.columns) > COLUMNS else ""
    suggested = json.dumps(dict(profile.suggested_columns), ensure_ascii=False)
    about = f"columns: {', '.join(found)}{more}\nsuggested for map: {suggested}"
    card = clean(card_text(dojo.pool[source].card, dojo.decontaminator), max(SHORTEST, tokens))
    text = "\n\n".join([card, about, *_rows(dojo, source)])
    return quoted(text, f"card, columns and rows of {source}", tokens)


def _rows(dojo: Dojo, source: str) -> list[str]:
    """Some rows of a source as text, none that holds a validation or test item."""
    found = shown_rows(
        dojo.pool[source].rows,
        ROWS,
        dict(dojo.profiles()[source].suggested_columns),
        dojo.spec,
        dojo.decontaminator,
        dojo.seed,
    )
    return ["\n".join(f"{path}: {text}" for path, text in row_texts(row).items()) for _, row in found]


def plan(context: ExperimentContext, tokens: int) -> str:
    """What the Planner decided: its fields, and its words in a fence."""
    if context.plan is None:
        return ""
    p = context.plan
    lines = [
        f"- change: {p.change}; parent {p.parent or 'base'}; weights from {p.init_from}",
        f"- sources: {', '.join(name(source) for source in p.sources)}"
        + (f"; weights {_weights(p.weights)}" if p.weights else ""),
        f"- at most {p.rows} rows; {p.max_seconds:.0f} s for data, training and evaluation together",
        f"- expected gain over the parent: {p.expected_gain:+.1f} points",
    ]
    if p.forecast:
        lines.append(f"- forecast from earlier experiments: {p.forecast.text()}")
        if tried := p.forecast.tried:
            lines.append(f"- {tried.text(context.journal.info.run)}")
    if p.tests:
        lines.append(f"- puts the prediction of {name(p.tests)}'s diagnosis to the test")
    words = f"hypothesis: {p.hypothesis}\nreason: {p.reason}"
    tested = context.finished(p.tests) if p.tests else None
    if tested and tested.diagnosis and (claim := tested.diagnosis.prediction):
        words += f"\nclaim under test: {claim.claim} ({claim.expected_gain:+.1f} points over {tested.id})"
    return "\n".join([*lines, quoted(words, f"plan of {context.experiment}", tokens - 160)])


def _weights(weights: dict[str, float]) -> str:
    return ", ".join(f"{name(source)} {weight:g}" for source, weight in weights.items())


def recipe_of_parent(context: ExperimentContext, tokens: int) -> str:
    """The recipe that the plan builds on, its scripts whole, what each operation removed, and how long its
    answers are."""
    parent = context.parent
    if parent is None or parent.recipe is None:
        return "The parent has no recipe: its weights are the base model's."
    scripts = [op for op in parent.recipe.operations if isinstance(op, Script)]
    how = _how_to_go_on(parent.id, scripts)
    more = "\n".join([*how, *data_lengths(context, parent)])
    counts = steps(parent.card, tokens // 4) if parent.card else ""
    room = tokens - approximate_tokens(f"{more}\n{counts}") - 10
    body = quoted(_plain(parent.recipe), f"recipe of {parent.id}", room)
    return "\n".join(part for part in (body, counts, more) if part)


def _how_to_go_on(parent: str, scripts: Sequence[Script]) -> list[str]:
    """What spares writing a script again."""
    if not scripts:
        return []
    lines = [
        f'- to go on with its script: {{"op": "script", "from": "{parent}"}}, and "edits": '
        '[{"old": ..., "new": ...}] for what changes'
    ]
    if any(len(script.code) > WHOLE_SCRIPT for script in scripts):
        lines.append(f"- read_recipe shows the code of {parent} that is left out here")
    return lines


def _plain(recipe: DataRecipe) -> str:
    """One operation a line; of a script its purpose, then its code."""
    lines = []
    for operation in recipe.operations:
        fields = operation.model_dump(mode="json", exclude_defaults=True, exclude={"op", "code"})
        lines.append(f"{operation.op} {json.dumps(fields, ensure_ascii=False)}")
        if isinstance(operation, Script):
            code = operation.code
            more = f"\n... ({len(code) - WHOLE_SCRIPT} more characters)" if len(code) > WHOLE_SCRIPT else ""
            lines.append(f"its code:\n{code[:WHOLE_SCRIPT].rstrip()}{more}\nend of the code")
    return "\n".join(lines)


def rows_of_parent(context: ExperimentContext, tokens: int) -> str:
    """Some rows of the data that the parent was trained on, as its recipe made them."""
    if context.parent is None or context.parent.card is None:
        return ""
    rows = training_rows(context, context.parent)
    chosen = rows[:: max(1, len(rows) // ROWS)][:ROWS]
    texts = [
        f"source {row.get('source')}\nprompt: {row.get('prompt')}\nanswer: {row.get('answer')}"
        for row in chosen
    ]
    return quoted("\n\n".join(texts), f"training rows of {context.parent_id}", tokens) if texts else ""


def training_rows(context: ExperimentContext, experiment: Experiment) -> list[dict[str, Any]]:
    """The rows that an experiment was trained on; the decontamination of its recipe went over them."""
    if experiment.card is None:
        return []
    return read_rows(context.dojo.workspace.inside(experiment.card.path))


def data_lengths(context: ExperimentContext, experiment: Experiment | None) -> list[str]:
    """How long the answers of an experiment's training rows are, held against what an answer may take."""
    rows = training_rows(context, experiment) if experiment else []
    dojo = context.dojo
    answers = [str(row.get("answer", "")) for row in rows]
    told = answer_lengths(answers, dojo.count_tokens, dojo.spec.max_new_tokens)
    return [f"- {told}"] if told else []


def recipes_of_siblings(context: ExperimentContext, tokens: int) -> str:
    """How the siblings' data differed: operations and rows, the newest first."""
    entries = [_sibling(e) for e in reversed(context.siblings) if e.recipe is not None]
    return listing(entries, tokens) if entries else ""


def _sibling(e: Experiment) -> str:
    operations = [operation.op for operation in e.recipe.operations] if e.recipe else []
    rows = f"{e.card.rows} rows" if e.card else "no rows"
    score = f", {e.evaluation.brief()}" if e.evaluation else ""
    return f"- {e.id} ({e.outcome}{score}): {names(e.plan.sources)}; {' '.join(operations)} -> {rows}"


def data(context: ExperimentContext, tokens: int) -> str:
    """The training set: how many rows, of which sources, how long, and how they came about."""
    card = context.journal.card(context.experiment)
    if card is None:
        return "There is no data yet."
    by_source = ", ".join(f"{name(source)} {rows}" for source, rows in card.rows_by_source.items())
    lines = [
        f"- {card.rows} rows ({by_source}), {card.mean_tokens:.0f} tokens each, "
        f"{card.rows * card.mean_tokens:.0f} in all",
        f"- worked solutions in {share(card.reasoning_share)} of the answers",
        *data_lengths(context, context.current),
    ]
    return "\n".join([*lines, steps(card, tokens - 80)])


def steps(card: DataCard, tokens: int) -> str:
    """Rows in and out per operation, with what went by source."""
    entries = []
    for step in card.steps:
        removed = ", ".join(
            f"{name(source)} {count}" for source, count in step.removed_by_source.items() if count
        )
        gone = f" (removed: {removed})" if removed else ""
        why = f", {name(step.note, PURPOSE)}" if step.op == "script" and step.note else ""
        entries.append(f"- {name(step.op)}: {step.rows_in} -> {step.rows_out}{gone}{why}")
    return listing(entries, tokens)


def limits(context: ExperimentContext, tokens: int) -> str:
    """The bounds that every recipe is held to."""
    dojo = context.dojo
    teacher = (
        "solve, rephrase, generate and judge ask the teacher; they cost money and time"
        if dojo.teacher is not None
        else "no teacher: solve, rephrase, generate and judge are not available"
    )
    return "\n".join(
        (
            f"- at most {dojo.max_rows} rows, each at most {dojo.max_length} tokens; longer ones are dropped",
            "- a recipe that lets a row through which matches a validation or test item fails: decontaminate "
            "after the last operation that writes text (script, solve, rephrase, generate)",
            f"- {teacher}",
        )
    )
