"""Errors on validation, for a briefing: their kinds, the kinds of questions they are made on, and examples.

Every item shown is a validation item, read from the predictions that the harness wrote. An example gets the
room that its texts need: a table in a prompt is cut only where the section is full.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from memory.journal.log import BASE
from memory.records import Evaluation
from roles.llm.briefing.context import ExperimentContext
from roles.llm.briefing.layout import approximate_tokens, name, quoted, share, table
from tasks.base import Sample
from tools.chat.untrusted_text import clean
from tools.curation.question_kinds import QuestionKinds, question_kinds
from tools.evaluation.evaluate import cluster_name
from tools.report.facts import predictions, quotation

CLUSTERS = 6
SHOWN_CLUSTERS = 3
EXAMPLES = 2
"""The same ones of each cluster, so that they can be followed from experiment to experiment."""
FRESH = 4
"""Others of the largest cluster, drawn anew for each experiment."""
CHANGED = 2
KINDS = 8
LEAST_OF_KIND = 5
"""Items of a kind under which its share of errors says nothing."""
CHANCE = 0.05
LONGEST = 6000
"""Characters of one text of an example."""


def subject(context: ExperimentContext) -> str:
    """Whose errors matter: the experiment's own, or before it has any, those of what it builds on."""
    return context.experiment if context.evaluated(context.experiment) else context.parent_id


def errors(context: ExperimentContext, tokens: int) -> str:
    """The kinds of wrong answers, before and now; the kinds of questions; examples of the largest."""
    id = subject(context)
    now = context.evaluated(id)
    if now is None:
        return ""
    counts = _by_class(context, id, now)
    if not counts:
        return f"{id} makes no errors that were clustered."
    if now.stopped:
        counts = f"{id} was stopped early, its counts are of fewer items: {now.stopped.text()}\n{counts}"
    found = predictions(context.dojo.workspace.run_dir, now)
    tables = "\n\n".join(part for part in (counts, _by_question(context, id, found)) if part)
    shown = _examples(context, now, id, found, tokens - approximate_tokens(tables) - 5)
    return f"{tables}\n{shown}"


def _by_class(context: ExperimentContext, id: str, now: Evaluation) -> str:
    """How many answers are wrong in each way."""
    other = context.champion_id if id != context.champion_id else BASE
    before = context.evaluated(other) if other != id else None
    earlier = {c.name: c.count for c in before.clusters} if before else {}
    rows = [
        (name(c.name), str(c.count), share(c.share), str(earlier.get(c.name, 0)) if before else "-")
        for c in now.clusters[:CLUSTERS]
    ]
    return table((f"wrong answers of {id}", "items", "of all", f"in {other}" if before else "before"), rows)


def _by_question(context: ExperimentContext, id: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """On which kinds of questions the wrong answers fall; empty where there are no kinds to tell."""
    kinds = _kinds(context)
    scored = {item: row for item, row in found.items() if item in kinds.of_item and row.get("scored", True)}
    total = Counter(kinds.of_item[item] for item in scored)
    wrong = Counter(kinds.of_item[item] for item, row in scored.items() if not row.get("right"))
    common = [kind for kind, items in total.most_common() if items >= LEAST_OF_KIND]
    if len(common) < 2:
        return ""
    if not kinds.named and not _differ([(wrong[kind], total[kind]) for kind in common]):
        return ""
    worst = sorted(common, key=lambda kind: -wrong[kind] / total[kind])[:KINDS]
    rows = [
        (name(kind), str(wrong[kind]), str(total[kind]), share(wrong[kind] / total[kind])) for kind in worst
    ]
    return table((f"kind of question ({name(kinds.origin, 90)})", f"wrong in {id}", "items", "share"), rows)


def _differ(counts: Sequence[tuple[int, int]]) -> bool:
    """Whether the shares (wrong, of so many) differ by more than chance; of groups made of words few do."""
    wrong, total = (sum(side) for side in zip(*counts, strict=True))
    if wrong in (0, total):
        return False
    from scipy.stats import chi2_contingency

    found = chi2_contingency([[bad, all_of_them - bad] for bad, all_of_them in counts])
    return bool(found.pvalue < CHANCE)


def _kinds(context: ExperimentContext) -> QuestionKinds:
    dojo = context.dojo
    rows = {source: dojo.pool[source].rows for source in dojo.profiles()}
    columns = {source: dict(profile.suggested_columns) for source, profile in dojo.profiles().items()}
    return question_kinds(dojo.validation, rows, columns, dojo.spec.build_prompt)


def _examples(
    context: ExperimentContext,
    evaluation: Evaluation,
    id: str,
    found: Mapping[str, Mapping[str, Any]],
    tokens: int,
) -> str:
    """The same items of the largest clusters, then fresh ones of the largest."""
    samples = {sample.id: sample for sample in context.dojo.validation}
    chosen = [
        (item, cluster.name)
        for cluster in evaluation.clusters[:SHOWN_CLUSTERS]
        for item in cluster.examples[:EXAMPLES]
        if item in samples and item in found
    ]
    chosen += _fresh(context, evaluation.clusters[0].name, found, {item for item, _ in chosen})
    items = [
        _texts(samples[item], {id: str(found[item].get("prediction", ""))}, cluster)
        for item, cluster in chosen
    ]
    return _quoted_items(items, tokens)


def _fresh(
    context: ExperimentContext, cluster: str, found: Mapping[str, Mapping[str, Any]], shown: set[str]
) -> list[tuple[str, str]]:
    """Items of a cluster that are not among those always shown, others for every experiment."""
    several = len({sample.subset for sample in context.dojo.validation}) > 1
    there = [
        sample.id
        for sample in context.dojo.validation
        if (row := found.get(sample.id)) is not None
        and not row.get("right")
        and row.get("scored", True)
        and cluster_name(str(row.get("error", "")), row.get("parsed"), sample.subset, several) == cluster
        and sample.id not in shown
    ]
    drawn = random.Random(context.experiment).sample(there, min(FRESH, len(there)))
    return [(item, f"{cluster}, another one") for item in drawn]


def changed(context: ExperimentContext, tokens: int) -> str:
    """Some validation items that the experiment fixed and broke against the champion."""
    c = context.current.comparison if context.current else None
    run_dir = context.dojo.workspace.run_dir
    if c is None:
        return ""
    new = predictions(run_dir, context.evaluated(c.challenger))
    old = predictions(run_dir, context.evaluated(c.champion))
    picked: list[tuple[str, Sample]] = []
    for verdict in ("fixed", "broken"):
        items = [
            sample
            for sample in context.dojo.validation
            if sample.id in new
            and sample.id in old
            and bool(new[sample.id].get("right")) == (verdict == "fixed")
            and bool(old[sample.id].get("right")) == (verdict == "broken")
        ]
        picked.extend((verdict, sample) for sample in items[:CHANGED])
    texts = []
    for verdict, sample in picked:
        said = ((c.champion, old), (c.challenger, new))
        answers = {id: str(found[sample.id].get("prediction", "")) for id, found in said}
        texts.append(_texts(sample, answers, verdict))
    return _quoted_items(texts, tokens)


# ---- texts in the room that they need


def _texts(sample: Sample, answers: Mapping[str, str], what: str) -> list[tuple[str, str]]:
    """(label, text) of an item: its head, its prompt, its reference, its answers."""
    return [
        (f"item {sample.id} ({what})", ""),
        ("prompt", clean(sample.prompt, LONGEST)),
        ("reference", clean(quotation(sample.gold), LONGEST)),
        *((f"answer of {id}", clean(text, LONGEST)) for id, text in answers.items()),
    ]


def _quoted_items(items: Sequence[Sequence[tuple[str, str]]], tokens: int) -> str:
    """As many items as can be read in the room, each of their texts cut only where the room is short."""
    label = "validation items, with reference and answers"
    for count in range(len(items), 0, -1):
        limit = _longest_text(items[:count], 3 * (tokens - 60))
        if limit >= READABLE or count == 1:
            texts = ["\n".join(_line(*part, limit) for part in item) for item in items[:count]]
            return quoted("\n\n".join(texts), label, tokens)
    return ""


READABLE = 240
"""Characters to which no text of an example is cut while fewer examples would do."""


def _longest_text(items: Sequence[Sequence[tuple[str, str]]], room: int) -> int:
    """The limit for every text at which all fit into so many characters: short texts leave theirs to long."""
    texts = [text for item in items for _, text in item]
    # Each line of a fence is quoted by two signs, and other than ASCII counts thrice.
    sizes = sorted(3 * approximate_tokens(text) + 2 * text.count("\n") for text in texts)
    left = room - sum(len(label) + 24 for item in items for label, _ in item)
    for place, size in enumerate(sizes):
        each = left // (len(sizes) - place)
        if size > each:
            return max(60, each)
        left -= size
    return LONGEST


def _line(label: str, text: str, limit: int) -> str:
    return f"{label}: {_middle(text, limit)}" if text else label


def _middle(text: str, limit: int) -> str:
    """A text without its middle, where it is long: questions and answers stand at the end."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]} [… {len(text) - limit} characters …] {text[len(text) - (limit - head) :]}"
