"""The operations of a recipe, each a small function from rows to rows.

``Select`` yields raw rows, ``Map`` turns them into examples, every other operation takes
examples and returns those it keeps, unchanged or rewritten, with a note that says what
it did. All are deterministic: what is random draws from the context's generator.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from memory.recipe import (
    Cap,
    Decontaminate,
    Deduplicate,
    Filter,
    Map,
    Mix,
    Normalise,
    SampleRows,
    Select,
    Verify,
)
from tasks.base import Row, Source, TaskSpec
from tasks.columns import paths, pluck
from tasks.errors import ExperimentFailed, did_you_mean
from tasks.repeats.groups import conflicting, exact_groups, near_groups
from tools.contamination.check import Decontaminator, Match
from tools.curation.domain import Domain
from tools.curation.targets import answer_key, formatted, rationale_of

DEFAULT_MAXIMUM_TOKENS = 512
"""The longest row of a run that has chosen no lengths: the default ``max_length`` of a training plan."""

GENERATED = "teacher"
"""The source of rows that a language model made up; they are numbered from 0."""


class Raw(NamedTuple):
    """A row as its source has it."""

    source: str
    row: int
    columns: Row


class Example(NamedTuple):
    """A row that can be trained on, with where it came from."""

    prompt: str
    answer: str
    """The training target: the answer, after its worked solution where there is one."""
    reasoning: str
    """The worked solution, where the source keeps it in a column of its own; it is in ``answer`` too."""
    source: str
    row: int
    teacher: str = ""
    """``provider:model`` of the language model that made or changed it; empty for a row of the pool."""
    turns: tuple[Mapping[str, Any], ...] = ()
    """The messages before the answer, where that is more than one user turn; ``prompt`` is their text."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON schemas of the functions that the turns may call."""
    general: bool = False
    """No example of the task: mixed in against forgetting."""

    def conversation(self) -> list[dict[str, Any]]:
        """The messages that are trained on, the answer last. A lone user turn is ``prompt`` as it is now."""
        turns = [dict(turn) for turn in self.turns]
        asked = [turn for turn in turns if turn["role"] != "system"]
        if len(asked) == 1:
            asked[0]["content"] = self.prompt
        return [*turns, {"role": "assistant", "content": self.answer}]

    def record(self) -> dict[str, Any]:
        """The row as a training set holds it."""
        fields = {"prompt": self.prompt, "answer": self.answer, "source": self.source, "row": self.row}
        taught: dict[str, Any] = {"teacher": self.teacher} if self.teacher else {}
        taught |= {"general": True} if self.general else {}
        chat = {"messages": self.conversation(), "tools": [*self.tools]} if self.turns else {}
        return {**fields, **taught, **chat}


class Kept(NamedTuple):
    """What an operation leaves, and a note on what it did."""

    rows: list[Example]
    note: str = ""
    matches: Mapping[tuple[str, int], Match] = MappingProxyType({})
    """For decontamination: (source, row) of every row it removed, and the rule and item that it matched."""


@dataclass(frozen=True)
class Context:
    """What operations need besides their rows."""

    spec: TaskSpec
    decontaminator: Decontaminator
    count_tokens: Callable[[str], int]
    domain_prompts: Sequence[str]
    target_rows: int
    """The smallest cap of the recipe and the run: what a mix aims at."""
    rng: random.Random
    pool: Mapping[str, Source] = field(default_factory=dict)
    """Where the rows come from."""
    max_length: int = DEFAULT_MAXIMUM_TOKENS
    """For a length filter that names no maximum, in tokens."""
    template_tokens: int = 0
    """What the chat template adds to prompt and answer."""


def select(op: Select, pool: Mapping[str, Source], most: int | None = None, seed: int = 0) -> list[Raw]:
    """The raw rows of the named sources, in order; of one with more than ``most``, a seeded sample.

    Raises:
        ExperimentFailed: a source that the pool does not have.
    """
    for name in op.sources:
        if name not in pool:
            raise bad_recipe(f"select: no source {name!r}; {did_you_mean(name, pool)}")
    taken: list[Raw] = []
    for name in dict.fromkeys(op.sources):
        rows = pool[name].rows
        places = range(len(rows))
        some = most is not None and len(rows) > most
        chosen = sorted(random.Random(seed).sample(places, most or 0)) if some else places
        taken += [Raw(name, place, rows[place]) for place in chosen]
    return taken


def map_columns(rows: Sequence[Raw], op: Map, spec: TaskSpec) -> Kept:
    """Raw rows as examples; a row without prompt or answer is dropped.

    Raises:
        ExperimentFailed: a source without columns, or a column that none of its rows has.
    """
    examples = []
    present = dict.fromkeys(raw.source for raw in rows)
    for name in present:
        _check_columns(name, op.columns.get(name), [raw.columns for raw in rows if raw.source == name], spec)
    for raw in rows:
        example = to_example(raw, op.columns[raw.source], spec)
        if example is not None:
            examples.append(example)
    used = {n: sorted(op.columns[n].items(), reverse=True) for n in present}  # one order, also if read back
    return Kept(examples, "; ".join(f"{n}: {', '.join(map('='.join, used[n]))}" for n in present))


def to_example(raw: Raw, columns: Mapping[str, str], spec: TaskSpec) -> Example | None:
    """One raw row as an example; None when its prompt or its answer is missing."""
    prompt = _prompt(raw.columns, columns["prompt"], spec)
    answer = pluck(raw.columns, columns["answer"])
    if prompt is None or answer is None:
        return None
    reasoning = (pluck(raw.columns, columns["reasoning"]) or "").strip() if "reasoning" in columns else ""
    if reasoning:
        extracted = spec.extract(answer)
        answer = spec.render(answer.strip() if extracted is None else extracted, reasoning)
    turns, tools = (_listed(raw.columns, columns, role) for role in ("turns", "tools"))
    return Example(prompt, answer, reasoning, raw.source, raw.row, turns=turns, tools=tools)


def _listed(row: Row, columns: Mapping[str, str], role: str) -> tuple[Any, ...]:
    """The list that a row has in the column of a role; empty where it has none."""
    found = row.get(columns[role]) if role in columns else None
    return tuple(found) if isinstance(found, list) else ()


def _prompt(row: Row, column: str, spec: TaskSpec) -> str | None:
    return spec.build_prompt(row) if column == "*" else pluck(row, column)


def _check_columns(name: str, columns: Mapping[str, str] | None, rows: Sequence[Row], spec: TaskSpec) -> None:
    if columns is None or not {"prompt", "answer"} <= columns.keys():
        raise bad_recipe(f"map: source {name!r} needs the columns `prompt` and `answer`")
    for role, column in columns.items():
        if role not in ROLES:
            raise bad_recipe(f"map: {role!r} of {name!r} is no role; {did_you_mean(role, ROLES)}")
        if role in ("turns", "tools"):
            found = any(isinstance(row.get(column), list) for row in rows)
        elif column == "*" and role == "prompt":
            found = any(spec.build_prompt(row) is not None for row in rows)
        else:
            found = any(pluck(row, column) is not None for row in rows)
        if rows and not found:
            known = dict.fromkeys(path for row in rows[:20] for path in paths(row))
            raise bad_recipe(f"map: no row of {name!r} has {column!r}; {did_you_mean(column, known)}")


ROLES = ("prompt", "answer", "reasoning", "turns", "tools")


def filter_rows(rows: Sequence[Example], op: Filter, context: Context) -> Kept:
    """Keep the rows that pass the rule."""
    if op.rule == "length":
        return _filter_length(rows, op, context)
    if op.rule == "on_domain":
        return _filter_domain(rows, op, context)
    spec = context.spec
    passes: dict[str, Callable[[Example], bool]] = {
        "nonempty": lambda row: bool(row.prompt.strip() and row.answer.strip()),
        "parseable": lambda row: spec.extract(row.answer) is not None,
        "reasoning": lambda row: bool(row.reasoning or rationale_of(spec, row.answer)),
    }
    return Kept([row for row in rows if passes[op.rule](row)])


def _filter_length(rows: Sequence[Example], op: Filter, context: Context) -> Kept:
    """By tokens as a model sees them, template included."""
    least, most = op.minimum or 0.0, float(op.maximum or context.max_length)  # 0 is of earlier versions
    added = context.template_tokens
    # A token is at least one byte, so a text of fewer bytes need not be counted.
    kept, longer = [], 0
    for row in rows:
        text = row.prompt + row.answer
        if least or len(text.encode("utf-8", "replace")) + added > most:
            tokens = context.count_tokens(row.prompt) + context.count_tokens(row.answer) + added
            if not least <= tokens <= most:
                longer += tokens > most
                continue
        kept.append(row)
    reasons = [f"{longer:,} longer than {most:,.0f} tokens"] if longer or not least else []
    if least:
        reasons.append(f"{len(rows) - len(kept) - longer:,} shorter than {least:,.0f} tokens")
    return Kept(kept, ", ".join(reasons))


def _filter_domain(rows: Sequence[Example], op: Filter, context: Context) -> Kept:
    if not context.domain_prompts:
        raise bad_recipe("filter on_domain: no validation prompts to compare with")
    domain = Domain(context.domain_prompts)
    least = domain.threshold if op.minimum is None else op.minimum
    similar = domain.similarities([row.prompt for row in rows])
    kept = [row for row, value in zip(rows, similar, strict=True) if value >= least]
    return Kept(kept, f"cosine to the validation prompts at least {least:.2f}")


_SPACES = re.compile(r"(?<=\S)[ \t\u00a0\u3000]{2,}|[\u00a0\u3000]")
_LINE_ENDS = re.compile(r"[ \t]*\r?\n")
_EMPTY_LINES = re.compile(r"\n{3,}")


def tidy(text: str) -> str:
    """Unicode NFC, plain spaces, no trailing ones, no runs of empty lines; indentation stays."""
    text = _LINE_ENDS.sub("\n", unicodedata.normalize("NFC", text))
    return _EMPTY_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()


def normalise(rows: Sequence[Example], op: Normalise, context: Context) -> Kept:
    """Tidy every text and, where asked, write answers in the task's own format."""
    kept, rewritten = [], 0
    for row in rows:
        prompt, answer = tidy(row.prompt), tidy(row.answer)
        if op.answer_format:
            target = formatted(context.spec, answer)
            rewritten += target != answer
            answer = target
        kept.append(row._replace(prompt=prompt, answer=answer, reasoning=tidy(row.reasoning)))
    return Kept(kept, f"{rewritten:,} answers put into the task's format" if op.answer_format else "")


def deduplicate(rows: Sequence[Example], op: Deduplicate, context: Context) -> Kept:
    """Drop contradictions first, while all their rows are still there, then repeats.

    In a contradiction the rows that the task itself can verify stay.
    """
    prompts = [row.prompt for row in rows]
    keys = [answer_key(context.spec, row.answer) for row in rows]
    groups = near_groups(prompts, op.threshold, keys) if op.near else exact_groups(prompts)
    dropped: set[int] = set()
    if op.conflicts:
        verify = context.spec.verify
        split = conflicting(groups, keys)
        proven = {i for i in split if verify(rows[i].prompt, rows[i].answer)}
        if conflicting([groups[i] for i in sorted(proven)], [keys[i] for i in sorted(proven)]):
            proven = set()  # several right answers, or a loose check: no telling which
        dropped = split - proven
    kept, seen = [], set()
    for position, row in enumerate(rows):
        mark = (groups[position], "" if op.conflicts else keys[position])
        if position not in dropped and mark not in seen:
            seen.add(mark)
            kept.append(row)
    repeats = len(rows) - len(dropped) - len(kept)
    contradicting = f", {len(dropped):,} rows that contradict another" if op.conflicts else ""
    return Kept(kept, f"{repeats:,} repeats{contradicting}")


def decontaminate(rows: Sequence[Example], op: Decontaminate, context: Context) -> Kept:
    """Drop rows that match a validation or test item."""
    rules: Counter[str] = Counter()
    matches: dict[tuple[str, int], Match] = {}
    kept = []
    for row in rows:
        match = context.decontaminator.check(row.prompt, row.answer)
        if match is None:
            kept.append(row)
        else:
            rules[f"{match.rule} {match.item.partition(':')[0]}"] += 1
            matches[row.source, row.row] = match
    note = ", ".join(f"{count:,} {rule}" for rule, count in sorted(rules.items()))
    return Kept(kept, note or "no match", matches)


def verify(rows: Sequence[Example], op: Verify, context: Context) -> Kept:
    """Drop rows that the task refutes; with ``strict``, also those it cannot decide."""
    found = [context.spec.verify(row.prompt, row.answer) for row in rows]
    kept = [row for row, right in zip(rows, found, strict=True) if right or (right is None and not op.strict)]
    counts = Counter(found)
    return Kept(kept, f"{counts[True]:,} right, {counts[False]:,} wrong, {counts[None]:,} undecided")


def mix(rows: Sequence[Example], op: Mix, context: Context) -> Kept:
    """Rows in the given shares, by largest remainder; a source that has fewer gives all it has.

    Generated rows have no share unless they are named: all of them stay.

    Raises:
        ExperimentFailed: weights that are negative or sum to nothing.
    """
    weights = {name: weight for name, weight in op.weights.items() if weight}
    total = sum(weights.values())
    if not total > 0 or min(weights.values()) < 0:
        raise bad_recipe("mix: weights must be positive")
    by_source: dict[str, list[int]] = {name: [] for name in weights}
    for position, row in enumerate(rows):
        if row.source in by_source:
            by_source[row.source].append(position)
    wanted = largest_remainder(weights, min(context.target_rows, sum(map(len, by_source.values()))))
    apart = {GENERATED} - weights.keys()
    kept = {position for position, row in enumerate(rows) if row.teacher and row.source in apart}
    for name, positions in by_source.items():
        kept.update(context.rng.sample(positions, min(wanted[name], len(positions))))
    given = {name: min(wanted[name], len(positions)) for name, positions in by_source.items()}
    note = ", ".join(f"{name} {given[name]:,} of {wanted[name]:,} wanted" for name in given)
    return Kept([rows[position] for position in sorted(kept)], note)


def largest_remainder(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """``total`` split by ``weights`` into whole numbers that sum to it (Hamilton's method)."""
    scale = total / sum(weights.values())
    shares = {name: weight * scale for name, weight in weights.items()}
    split = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(weights, key=lambda name: (split[name] - shares[name], name))
    for name in by_remainder[: total - sum(split.values())]:
        split[name] += 1
    return split


def sample(rows: Sequence[Example], op: SampleRows | Cap, context: Context) -> Kept:
    """A seeded random sample of at most so many rows, in their old order."""
    if len(rows) <= op.rows:
        return Kept(list(rows))
    kept = sorted(context.rng.sample(range(len(rows)), op.rows))
    return Kept([rows[position] for position in kept], f"at most {op.rows:,} rows")


Step = Callable[[Sequence[Example], Any, Context], Kept]


@dataclass(frozen=True)
class TeacherSteps:
    """The operations that ask a teacher, handed in by whoever has one: curation itself asks nobody."""

    steps: Mapping[type, Step]
    """By the operation's class, as ``OPERATIONS``."""
    digest: str
    """Changes with the models that are asked, and so with the rows."""


OPERATIONS: Mapping[type, Step] = {
    Filter: filter_rows,
    Normalise: normalise,
    Deduplicate: deduplicate,
    Decontaminate: decontaminate,
    Verify: verify,
    Mix: mix,
    SampleRows: sample,
    Cap: sample,
}
"""What follows ``Select`` and ``Map``."""


def bad_recipe(message: str) -> ExperimentFailed:
    """A recipe that cannot be run as it is written."""
    return ExperimentFailed("data", "bad_recipe", message)


def removed_by_source(before: Iterable[tuple[str, int]], after: Iterable[tuple[str, int]]) -> dict[str, int]:
    """How many of its rows, (source, row), each source lost, most first; one may have become several."""
    lost: Counter[str] = Counter()
    for (name, _), count in (Counter(before) - Counter(after)).items():
        lost[name] += count
    return dict(lost.most_common())
