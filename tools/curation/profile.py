"""What a source is like, measured from its rows: the evidence that roles choose sources by.

Counting runs over all rows, or over a seeded sample of 10,000 where there are more (a row takes two
milliseconds); what needs the task's functions or a tokenizer runs over a seeded sample of at most 400. Names
of columns are a hint, their content decides.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from tasks.base import Row, Sample, Source, TaskSpec
from tasks.columns import paths, pluck
from tasks.repeats.groups import conflicting, exact_groups, near_groups, repeated_share
from tools.contamination.check import Decontaminator
from tools.curation.columns import suggest_columns
from tools.curation.domain import Domain
from tools.curation.operations import Example, Raw, to_example
from tools.curation.safe_rows import card_text, row_texts, shown_rows
from tools.curation.targets import answer_key, in_format, rationale_of

T = TypeVar("T")
SAMPLED_ROWS = 400
COUNTED_ROWS = 10_000
ANSWERED_ROWS = 50_000
"""Rows that are read for standard replies: one that is not seen here is rare, and none."""
SAMPLES = 3
SAMPLE_CHARACTERS = 300
CARD_CHARACTERS = 600


class ColumnProfile(BaseModel):
    """One column, nested ones by their path (``messages.0.content``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    filled_share: float
    """Share (0.0 to 1.0) of the sampled rows with a non-blank value."""
    mean_tokens: float


class SourceProfile(BaseModel):
    """One source, measured. Shares are 0.0 to 1.0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    card_excerpt: str
    """The card's beginning, without lines that quote a validation or test item."""
    licence: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    suggested_columns: dict[str, str]
    """For ``Map``: ``prompt``, ``answer`` and perhaps ``reasoning``; empty when none were found."""
    empty_share: float
    """Rows without a prompt or without an answer, by the suggested columns."""
    duplicate_share: float
    """Rows that repeat an earlier prompt, exactly or nearly."""
    exact_duplicate_share: float
    conflict_share: float
    """Rows whose prompt stands in the source with another answer too."""
    parseable_share: float
    """Answers in which an answer can be found, in whatever style."""
    in_format_share: float
    """Answers written in the task's own format as they stand."""
    reasoning_share: float
    """Answers that come with a worked solution."""
    mean_reasoning_tokens: float
    verified_share: float
    """Rows that the task itself can show to be right."""
    refuted_share: float
    """Rows that the task itself can show to be wrong."""
    undecided_share: float
    on_domain_share: float
    """Prompts that resemble the validation prompts at least as much as nearly all of those do."""
    mean_similarity: float
    """Mean cosine to the centre of the validation prompts."""
    contaminated_share: float
    """Rows that match a validation or test item."""
    mean_prompt_tokens: float
    mean_answer_tokens: float
    samples: tuple[str, ...]
    """Rows as text, cut; none that matches a validation or test item."""


def profile_source(
    source: Source,
    spec: TaskSpec,
    validation: Sequence[Sample],
    count_tokens: Callable[[str], int],
    decontaminator: Decontaminator,
    seed: int = 0,
) -> SourceProfile:
    """Measure one source.

    Args:
        source: the raw rows and their card.
        spec: the task whose functions read prompts and answers.
        validation: the items whose prompts say what is on the domain.
        count_tokens: tokens of a text, by the base model's tokenizer.
        decontaminator: knows validation and test items by their hashes.
        seed: of the sample that slow measures run on.
    """
    sampled = _sampled(source.rows, SAMPLED_ROWS, seed)
    columns = dict(source.columns) or suggest_columns(sampled, spec)
    counted = replace(source, rows=_sampled(source.rows, COUNTED_ROWS, seed))
    examples = examples_of(counted, columns, spec)
    some = _sampled(examples, SAMPLED_ROWS, seed)
    keys = [answer_key(spec, row.answer) for row in examples]
    prompts = [row.prompt for row in examples]
    exact, near = exact_groups(prompts), near_groups(prompts, answers=keys)
    worked = [row.reasoning or rationale_of(spec, row.answer) for row in some]
    item_scores = Counter(spec.verify(row.prompt, row.answer) for row in some)
    domain = Domain([item.prompt for item in validation])
    similar = domain.similarities([row.prompt for row in some])
    return SourceProfile(
        name=source.name,
        card_excerpt=_cut(card_text(source.card, decontaminator), CARD_CHARACTERS),
        licence=source.licence,
        rows=len(source.rows),
        columns=tuple(_column(path, sampled, count_tokens) for path in _paths(sampled)),
        suggested_columns=columns,
        empty_share=1.0 - len(examples) / len(counted.rows) if columns and source.rows else 1.0,
        duplicate_share=repeated_share(near),
        exact_duplicate_share=repeated_share(exact),
        conflict_share=_ratio(len(conflicting(near, keys)), len(examples)),
        parseable_share=_share(spec.extract(row.answer) is not None for row in some),
        in_format_share=_share(in_format(spec, row.answer) for row in some),
        reasoning_share=_share(map(bool, worked)),
        mean_reasoning_tokens=_mean(count_tokens(text) for text in worked if text),
        verified_share=_ratio(item_scores[True], len(some)),
        refuted_share=_ratio(item_scores[False], len(some)),
        undecided_share=_ratio(item_scores[None], len(some)),
        on_domain_share=_share(value >= domain.threshold for value in similar),
        mean_similarity=_mean(similar),
        contaminated_share=_share(
            decontaminator.check(row.prompt, row.answer) is not None for row in examples
        ),
        mean_prompt_tokens=_mean(count_tokens(row.prompt) for row in some),
        mean_answer_tokens=_mean(count_tokens(row.answer) for row in some),
        samples=tuple(
            _shown(row) for _, row in shown_rows(source.rows, SAMPLES, columns, spec, decontaminator, seed)
        ),
    )


def examples_of(source: Source, columns: Mapping[str, str], spec: TaskSpec) -> list[Example]:
    """A source's rows by the given columns; those without a prompt or an answer are left out."""
    if not columns:
        return []
    found = (to_example(Raw(source.name, i, row), columns, spec) for i, row in enumerate(source.rows))
    return [row for row in found if row is not None and row.prompt.strip() and row.answer.strip()]


def answered_rows(sources: Sequence[Source], spec: TaskSpec) -> Iterator[tuple[str, str]]:
    """(prompt, answer) of all sources, as a decontaminator wants them; of very many rows, an even choice."""
    step = max(1, -(-sum(len(source.rows) for source in sources) // ANSWERED_ROWS))
    for source in sources:
        columns = dict(source.columns) or suggest_columns(_sampled(source.rows, SAMPLED_ROWS, 0), spec)
        for place in range(0, len(source.rows), step) if columns else ():
            row = to_example(Raw(source.name, place, source.rows[place]), columns, spec)
            if row is not None:
                yield row.prompt, row.answer


def _column(path: str, rows: Sequence[Row], count_tokens: Callable[[str], int]) -> ColumnProfile:
    values = [text for row in rows if (text := pluck(row, path)) is not None and text.strip()]
    tokens = _mean(count_tokens(text) for text in values[:100])
    return ColumnProfile(path=path, filled_share=_ratio(len(values), len(rows)), mean_tokens=tokens)


def _paths(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(path for row in rows[:50] for path in paths(row)))


def _shown(row: Row) -> str:
    return _cut("\n".join(f"{path}: {text}" for path, text in row_texts(row).items()), SAMPLE_CHARACTERS)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _sampled(rows: Sequence[T], count: int, seed: int) -> list[T]:
    if len(rows) <= count:
        return list(rows)
    return [rows[i] for i in sorted(random.Random(seed).sample(range(len(rows)), count))]


def _share(passes: Iterable[bool]) -> float:
    return _mean(map(float, passes))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return fmean(found) if found else 0.0


def longest_answers(profiles: Mapping[str, SourceProfile]) -> float:
    """Tokens of an answer, the mean of the source that has the longest; infinite where none is known."""
    known = (each.mean_answer_tokens for each in profiles.values() if each.suggested_columns)
    return max(known, default=math.inf)
