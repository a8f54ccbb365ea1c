"""Run a data recipe: rows from named sources, through typed operations, to a training set.

Three things hold whatever the recipe says: at most ``max_rows`` rows come out; a set
that still holds a validation or test row does not come out at all; every row keeps its
source and its place in it. Results lie in the run's ``data`` folder under the hash of
everything they depend on, and are found again there:

    data/<key>.jsonl           {"prompt", "answer", "source", "row"}, one a line, and "teacher" where a
                               language model made or changed the row
    data/<key>.card.json       the data card
    data/<key>.removed.jsonl   up to five removed rows per operation, and of decontamination every
                               one: its source and row, the rule and the item, never the text
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from memory.recipe import (
    Cap,
    DataCard,
    DataRecipe,
    Decontaminate,
    Map,
    Repair,
    Replay,
    SampleRows,
    Script,
    Select,
    StepCount,
)
from tasks.base import Source, TaskSpec
from tasks.errors import ExperimentFailed
from tools.contamination.check import SHARED_PART, Decontaminator, Match
from tools.curation.operations import (
    DEFAULT_MAXIMUM_TOKENS,
    OPERATIONS,
    Context,
    Example,
    Raw,
    Step,
    TeacherSteps,
    map_columns,
    removed_by_source,
    sample,
    select,
)
from tools.curation.operations import decontaminate as decontaminate_rows
from tools.curation.order import ASKS_TEACHER, asking, check_order, check_teacher, taught_last
from tools.curation.repair import repair_rows
from tools.curation.replay import replay_rows, replayed, source_name
from tools.curation.script import transform_rows
from tools.curation.targets import rationale_of
from tools.workspace import Workspace

CountTokens = Callable[[str], int]
STEPS: Mapping[type, Step] = {
    **OPERATIONS,
    Repair: repair_rows,
    Script: transform_rows,
    Replay: replay_rows,
}
"""What follows ``Select`` and ``Map`` without a teacher; those that ask one are handed in."""
EXAMPLES = 5
"""Removed rows that are kept per operation."""
QUOTED_CHARACTERS = 600
FEWEST_SELECTED, ROOM = 20_000, 3
"""Rows of a source that enter a recipe at most: so many, or so many times the rows that may come out."""


def run_recipe(
    recipe: DataRecipe,
    pool: Mapping[str, Source],
    spec: TaskSpec,
    decontaminator: Decontaminator,
    workspace: Workspace,
    count_tokens: CountTokens,
    max_rows: int = 2000,
    domain_prompts: Sequence[str] = (),
    teacher: TeacherSteps | None = None,
    max_length: int = DEFAULT_MAXIMUM_TOKENS,
    template_tokens: int = 0,
) -> DataCard:
    """Build the training set that a recipe describes, or find it in the cache.

    Args:
        recipe: the operations and their seed.
        pool: the task's sources by name.
        spec: the task.
        decontaminator: knows the validation and test items.
        workspace: the run's folder.
        count_tokens: tokens of a text, by the base model's tokenizer.
        max_rows: the hard limit on training rows, whatever the recipe says.
        domain_prompts: validation prompts, needed by an ``on_domain`` filter.
        teacher: the operations that ask a teacher; None where there is none to ask.
        max_length: tokens of the longest row, for a length filter that names none.
        template_tokens: what the chat template adds to a row.

    Raises:
        ExperimentFailed: ``bad_recipe``, ``empty_data`` or ``contaminated``; ``teacher_failed`` or
            ``cap_reached`` where a teacher is asked.
        InputError: the teacher cannot be used here, or its task runs code and no sandbox works.
        HarnessFault: the result cannot be written.
    """
    started = time.perf_counter()
    check_order(recipe, pool)
    check_teacher(recipe, teacher)
    key = cache_key(recipe, pool, spec, decontaminator, max_rows, domain_prompts, teacher)
    if (cached := _cached(workspace, key)) is not None:
        return cached.model_copy(update={"cached": True, "wall_seconds": time.perf_counter() - started})
    run = _CurationRun(recipe, pool, spec, decontaminator, count_tokens, max_rows, domain_prompts, teacher)
    run.limit_lengths(max_length, template_tokens)
    rows = run.rows()
    _gate(rows, decontaminator)
    content = "".join(json.dumps(row.record(), ensure_ascii=False) + "\n" for row in rows)
    lengths = [(count_tokens(row.prompt), count_tokens(row.answer)) for row in rows]
    own = [row for row in rows if not row.general]
    worked = sum(bool(row.reasoning or rationale_of(spec, row.answer)) for row in own)
    card = DataCard(
        recipe_digest=recipe.digest(),
        data_sha256=sha256(content.encode()).hexdigest(),
        path=f"data/{key}.jsonl",
        rows=len(rows),
        rows_by_source=dict(Counter(row.source for row in rows).most_common()),
        steps=tuple(run.steps),
        mean_tokens=sum(map(sum, lengths)) / len(rows) + template_tokens,
        longest_tokens=max(map(sum, lengths)) + template_tokens,
        longest_trained_tokens=max(
            answer + (prompt if row.turns else 0) for row, (prompt, answer) in zip(rows, lengths, strict=True)
        ),
        reasoning_share=worked / max(len(own), 1),
        replay_rows=len(rows) - len(own),
        wall_seconds=time.perf_counter() - started,
    )
    workspace.write_text(card.path, content)
    workspace.write_jsonl(f"data/{key}.removed.jsonl", run.removed)
    # Last: the card marks the set as complete.
    workspace.write_text(f"data/{key}.card.json", card.model_dump_json(indent=1) + "\n")
    return card


def rows_of(
    recipe: DataRecipe,
    pool: Mapping[str, Source],
    spec: TaskSpec,
    decontaminator: Decontaminator,
    domain_prompts: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """(prompt, answer) of a recipe's rows, for looking at: nothing is written, cached or gated.

    No teacher is asked. Tokens are counted as characters here, since no model is at hand.

    Raises:
        ExperimentFailed: ``bad_recipe``.
    """
    check_order(recipe, pool)
    check_teacher(recipe, None)
    unlimited = sum(len(pool[name].rows) for name in set(recipe.sources)) + 1
    run = _CurationRun(recipe, pool, spec, decontaminator, len, unlimited, domain_prompts)
    return [(row.prompt, row.answer) for row in run.rows(may_be_empty=True)]


def dry_run(
    recipe: DataRecipe,
    pool: Mapping[str, Source],
    spec: TaskSpec,
    decontaminator: Decontaminator,
    count_tokens: CountTokens = len,
    max_rows: int = 2000,
    domain_prompts: Sequence[str] = (),
    most_rows: int = 2000,
    teacher: TeacherSteps | None = None,
) -> tuple[list[Example], tuple[StepCount, ...]]:
    """A recipe's rows and its steps on at most ``most_rows`` raw rows, a sample of every source.

    Nothing is written or cached. Without ``teacher`` the operations that ask one are left out.

    Raises:
        ExperimentFailed: ``bad_recipe``, ``bad_script``, ``empty_data`` or ``contaminated``, as a run would.
    """
    check_order(recipe, pool)
    tried = tuple(
        op
        for op in recipe.operations
        if (teacher or not isinstance(op, ASKS_TEACHER))
        and not (isinstance(op, Replay) and source_name(op) not in pool)  # they are asked for when it runs
    )
    some = _thinned({name: pool[name] for name in dict.fromkeys(recipe.sources)}, most_rows)
    some |= {name: pool[name] for name in replayed(recipe) if name in pool}
    short = recipe.model_copy(update={"operations": tried})
    run = _CurationRun(short, some, spec, decontaminator, count_tokens, max_rows, domain_prompts, teacher)
    rows = run.rows()
    _gate(rows, decontaminator)
    return rows, tuple(run.steps)


def _thinned(pool: Mapping[str, Source], most: int) -> dict[str, Source]:
    """The sources with at most ``most`` rows in all, each with its share."""
    total = sum(len(source.rows) for source in pool.values())
    if total <= most:
        return dict(pool)
    thin = {}
    for name, source in pool.items():
        count = max(1, len(source.rows) * most // total) if source.rows else 0
        places = sorted(random.Random(0).sample(range(len(source.rows)), count))
        thin[name] = replace(source, rows=tuple(source.rows[place] for place in places))
    return thin


def cache_key(
    recipe: DataRecipe,
    pool: Mapping[str, Source],
    spec: TaskSpec,
    decontaminator: Decontaminator,
    max_rows: int,
    domain_prompts: Sequence[str] = (),
    teacher: TeacherSteps | None = None,
) -> str:
    """24 hex digits over everything that the resulting rows depend on."""
    names = dict.fromkeys((*recipe.sources, *replayed(recipe)))
    parts = [recipe.digest(), spec.id, decontaminator.digest(), str(max_rows), *domain_prompts]
    parts += [teacher.digest] if teacher is not None and asking(recipe) else []
    parts += [f"{name} {source_hash(pool[name])}" for name in names if name in pool]
    return sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def source_hash(source: Source) -> str:
    """SHA-256 over the rows of a source as canonical JSON."""
    lines = (json.dumps(dict(row), sort_keys=True, ensure_ascii=False, default=str) for row in source.rows)
    return sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


class _CurationRun:
    """One recipe on its way through the operations."""

    def __init__(
        self,
        recipe: DataRecipe,
        pool: Mapping[str, Source],
        spec: TaskSpec,
        decontaminator: Decontaminator,
        count_tokens: CountTokens,
        max_rows: int,
        domain_prompts: Sequence[str],
        teacher: TeacherSteps | None = None,
    ) -> None:
        self._recipe, self._pool, self._max_rows = recipe, pool, max_rows
        caps = [op.rows for op in recipe.operations if isinstance(op, Cap | SampleRows)]
        target, rng = min([max_rows, *caps]), random.Random(recipe.seed)
        self._context = Context(spec, decontaminator, count_tokens, domain_prompts, target, rng, pool)
        self._step_of = {**STEPS, **(teacher.steps if teacher else {})}
        self.steps: list[StepCount] = []
        self.removed: list[dict[str, Any]] = []

    def limit_lengths(self, max_length: int, template_tokens: int) -> None:
        """The run's lengths, for length filters."""
        self._context = replace(self._context, max_length=max_length, template_tokens=template_tokens)

    def rows(self, may_be_empty: bool = False) -> list[Example]:
        """The rows that come out; ``steps`` and ``removed`` then say how."""
        raw: list[Raw] = []
        rows: list[Example] = []
        for op in self._recipe.operations:
            if isinstance(op, Select):
                held = sum(len(self._pool[name].rows) for name in set(op.sources) & self._pool.keys())
                most = max(FEWEST_SELECTED, ROOM * self._max_rows)
                raw += (taken := select(op, self._pool, most, self._recipe.seed))
                note = f"a seeded sample, at most {most:,} rows of a source" if len(taken) < held else ""
                self.steps.append(StepCount(op=op.op, rows_in=held, rows_out=len(taken), note=note))
            elif isinstance(op, Map):
                kept = map_columns(raw, op, self._context.spec)
                self._record("map", [(r.source, r.row) for r in raw], kept.rows, kept.note)
                rows = kept.rows
            else:
                name = f"filter {rule}" if (rule := getattr(op, "rule", "")) else op.op
                kept = self._step_of[type(op)](rows, op, self._context)
                quoted = [] if kept.matches else rows  # such rows are sealed items: no text of theirs is kept
                self._record(name, [(r.source, r.row) for r in rows], kept.rows, kept.note, quoted)
                self._name_matches(name, kept.matches)
                rows = kept.rows
            if not (rows or isinstance(op, Select) or may_be_empty):
                raise self._empty()
        if taught_last(self._recipe):
            rows = self._decontaminated_again(rows)
            if not (rows or may_be_empty):
                raise self._empty()
        if len(rows) > self._max_rows:
            kept = sample(rows, Cap(rows=self._max_rows), self._context)
            note = f"the run's limit of {self._max_rows:,} rows"
            self._record("limit", [(r.source, r.row) for r in rows], kept.rows, note, rows)
            rows = kept.rows
        return rows

    def _decontaminated_again(self, rows: list[Example]) -> list[Example]:
        """A teacher may write a sealed item from memory: benchmarks are among what it was trained on."""
        kept = decontaminate_rows(rows, Decontaminate(), self._context)
        places = [(row.source, row.row) for row in rows]
        self._record("decontaminate", places, kept.rows, f"once more, after the teacher: {kept.note}")
        self._name_matches("decontaminate", kept.matches)
        return kept.rows

    def _record(
        self,
        name: str,
        before: Sequence[tuple[str, int]],
        after: Sequence[Example],
        note: str,
        examples: Sequence[Example] = (),
    ) -> None:
        left = [(row.source, row.row) for row in after]
        self.steps.append(
            StepCount(
                op=name,
                rows_in=len(before),
                rows_out=len(after),
                removed_by_source=removed_by_source(before, left),
                note=note,
            )
        )
        places = set(left)
        gone = [row for row in examples if (row.source, row.row) not in places]
        for row in gone[:: max(1, len(gone) // EXAMPLES)][:EXAMPLES]:
            if self._context.decontaminator.check(row.prompt, row.answer):
                continue  # a sealed item may well be a repeat, too
            quoted = {"prompt": row.prompt[:QUOTED_CHARACTERS], "answer": row.answer[:QUOTED_CHARACTERS]}
            place = {"op": name, "step": len(self.steps), "source": row.source, "row": row.row}
            self.removed.append(place | quoted)

    def _name_matches(self, name: str, matches: Mapping[tuple[str, int], Match]) -> None:
        """Every row that decontamination removed, by its place and the rule."""
        for (source, row), match in matches.items():
            place = {"op": name, "step": len(self.steps), "source": source, "row": row}
            why = {"rule": match.rule, "item": match.item, "shared": SHARED_PART[match.rule]}
            self.removed.append(place | why)

    def _empty(self) -> ExperimentFailed:
        way = ", ".join(f"{step.op} {step.rows_out:,}" for step in self.steps)
        if (last := next((s for s in reversed(self.steps) if s.rows_in), None)) is None:
            return ExperimentFailed("data", "empty_data", "the selected sources hold no rows")
        what = f"{last.op} removed the last {last.rows_in:,} rows ({last.note or 'none passed'})"
        return ExperimentFailed("data", "empty_data", f"{what}; rows after each step: {way}")


def _gate(rows: Sequence[Example], decontaminator: Decontaminator) -> None:
    """The last look: no set leaves with a validation or test row in it."""
    found = [(row, match) for row in rows if (match := decontaminator.check(row.prompt, row.answer))]
    if not found:
        return
    kinds = Counter(
        f"of source {row.source!r} match {match.item.partition(':')[0]} ({match.rule})"
        for row, match in found
    )
    told = "; ".join(f"{count} {kind}" for kind, count in kinds.most_common(6))
    first = ", ".join(f"{row.source}:{row.row} ({match.rule})" for row, match in found[:5])
    message = f"{len(found)} of {len(rows)} rows are validation or test items: {told}; first rows {first}"
    raise ExperimentFailed("data", "contaminated", f"{message}; decontaminate before the rows are used")


def _cached(workspace: Workspace, key: str) -> DataCard | None:
    """The card of an earlier result whose rows are still what they were; None means build it anew."""
    try:
        card = DataCard.model_validate_json(workspace.inside(f"data/{key}.card.json").read_bytes())
        content = workspace.inside(card.path).read_bytes()
    except (OSError, ValueError):
        return None
    return card if sha256(content).hexdigest() == card.data_sha256 else None
