"""Inspection of a user's data: what a practitioner looks at before paying for a training.

Everything is measured on the rows as they would be trained on, through the base model's own chat template.
Of a large source, a seeded sample of rows is measured, and the facts say of how many.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from tasks.answers.equality import answer_text
from tasks.base import Source, TaskSpec
from tasks.repeats.groups import exact_groups, near_groups, repeated_share
from tools.contamination.check import Decontaminator
from tools.curation.operations import Example, Raw, to_example
from tools.models.base_model import BaseModel
from tools.models.chat_template import LossOn
from tools.models.load import load_tokenizer
from tools.training.tokenise import NO_LOSS, TokenRow, shown_pieces, tokenise

MOST_ROWS = 2000
"""Rows of a source that are measured."""
SHOWN_ROWS = 3
NO_LIMIT = 10**9
"""Tokens that no row has."""
PERCENTILES = (50, 90, 99, 100)
FEW_LABELS = 50
PERSONAL = {
    "e-mail address": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,24}){1,3}"),
    "phone number": re.compile(r"(?<![\w.])\+\d{1,3}[ ()-]?(?:\d[ ()-]?){7,12}\d(?!\w)"),
    "card number": re.compile(r"(?<!\d)(?:\d{4}[ -]?){3}\d{4}(?!\d)"),
    "secret key": re.compile(
        r"\b(?:sk-[A-Za-z0-9_-]{16,}|AKIA[A-Z0-9]{16}|ghp_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,})"
    ),
}
"""Patterns of what should perhaps not be trained on: a warning, never a filter."""


@dataclass(frozen=True)
class ShownRow:
    """A row as the model will see it, decoded from the tokens that a training reads."""

    pieces: tuple[tuple[str, bool], ...]
    """(text, whether it carries loss), in order."""
    prompt_tokens: int
    target_tokens: int
    """Those that carry loss."""


@dataclass(frozen=True)
class SourceFacts:
    """One source, measured. Shares are 0.0 to 1.0."""

    name: str
    rows: int
    measured: int
    understood: tuple[str, ...]
    tokens: dict[str, int]
    """Percentile -> tokens of prompt and target together."""
    target_tokens: dict[str, int]
    too_long: int
    """Of the measured rows, those with more tokens than the model has positions."""
    repeated_share: float
    nearly_repeated_share: float
    contaminated: dict[str, int]
    """Rule of decontamination -> measured rows that it would remove."""
    labels: dict[str, float]
    """The commonest answers and their shares, where answers are few; empty for texts."""
    scripts: dict[str, float]
    """Writing systems of the letters, by share: a hint at the language."""
    personal: dict[str, int]
    """Kind of personal data -> measured rows that hold some."""
    shown: tuple[ShownRow, ...] = ()
    replay: bool = False
    """Named by ``replay`` in ``task.toml``: no examples of the task, mixed in against forgetting alone."""
    remarks: tuple[str, ...] = ()
    """Which answers of conversations carry loss, and rows that the chat template refuses, by reason."""


@dataclass(frozen=True)
class Inspection:
    """What is known before anything is spent."""

    task: str
    metric: str
    base_model: str
    positions: int | None
    validation: int
    test: int
    understood: tuple[str, ...]
    sources: tuple[SourceFacts, ...] = field(default_factory=tuple)
    base_model_notes: tuple[str, ...] = ()
    """What is out of the ordinary about the base model."""

    def as_json(self) -> dict[str, Any]:
        """JSON-plain."""
        return asdict(self)


def inspect_data(
    spec: TaskSpec,
    base_model: BaseModel,
    decontaminator: Decontaminator,
    test_items: int,
    notes: tuple[str, ...] = (),
    loss_on: LossOn = "auto",
    seed: int = 0,
) -> Inspection:
    """Measure every source of a user's task.

    Args:
        spec: the task, with its data.
        base_model: its template and tokens are looked with.
        decontaminator: knows the validation and test items.
        test_items: how many are sealed.
        notes: what was found out about the base model.
        loss_on: which answers of a conversation carry loss.
        seed: of the sample of a large source.

    Raises:
        InputError: the tokenizer cannot be loaded.
    """
    data = spec.data
    assert data is not None, "a user's task brings its data along"
    tokenizer = load_tokenizer(base_model.path)
    tokenizer.model_max_length = NO_LIMIT  # rows that do not fit are counted here, not warned of there
    sources = tuple(
        _source_facts(source, spec, base_model, tokenizer, decontaminator, loss_on, seed)
        for source in data.sources
    )
    return Inspection(
        task=spec.id,
        metric=spec.metric,
        base_model=base_model.name,
        positions=base_model.positions,
        validation=len(data.validation),
        test=test_items,
        understood=data.understood,
        sources=sources,
        base_model_notes=notes,
    )


def _source_facts(
    source: Source,
    spec: TaskSpec,
    base_model: BaseModel,
    tokenizer: Any,
    decontaminator: Decontaminator,
    loss_on: LossOn,
    seed: int,
) -> SourceFacts:
    rows = _measured(source, spec, seed)
    found = tokenise(tokenizer, [row.record() for row in rows], sys.maxsize, loss_on)
    totals = [len(row.input_ids) for row in found.rows]
    matches = Counter(
        match.rule for row in rows if (match := decontaminator.check(row.prompt, row.answer)) is not None
    )
    asked = [row.prompt for row in rows]
    answers = [answer_text(row.answer) for row in rows]
    return SourceFacts(
        name=source.name,
        rows=len(source.rows),
        measured=len(rows),
        understood=source.understood,
        tokens=_percentiles(totals),
        target_tokens=_percentiles([_with_loss(row) for row in found.rows]),
        too_long=sum(base_model.positions is not None and total > base_model.positions for total in totals),
        repeated_share=repeated_share(exact_groups(asked)),
        nearly_repeated_share=repeated_share(near_groups(asked, answers=answers)),
        contaminated=dict(matches.most_common()),
        labels=_labels([row.answer.strip() for row in rows]),
        scripts=_scripts(asked),
        personal=_personal(rows),
        shown=tuple(_shown(tokenizer, row) for row in found.rows[:SHOWN_ROWS]),
        replay=source.replay,
        remarks=found.in_words(),
    )


def _with_loss(row: TokenRow) -> int:
    return sum(label != NO_LOSS for label in row.labels)


def _shown(tokenizer: Any, row: TokenRow) -> ShownRow:
    trained = _with_loss(row)
    pieces = tuple((piece.text, piece.trained) for piece in shown_pieces(tokenizer, row))
    return ShownRow(pieces, len(row.labels) - trained, trained)


def _measured(source: Source, spec: TaskSpec, seed: int) -> list[Example]:
    places: Sequence[int] = range(len(source.rows))
    if len(places) > MOST_ROWS:
        places = sorted(Random(seed).sample(places, MOST_ROWS))
    found = (
        to_example(Raw(source.name, place, source.rows[place]), source.columns, spec) for place in places
    )
    return [row for row in found if row is not None]


def _percentiles(counts: Sequence[int]) -> dict[str, int]:
    ordered = sorted(counts)
    if not ordered:
        return {}
    return {str(p): ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in PERCENTILES}


def _labels(answers: Sequence[str]) -> dict[str, float]:
    written = {answer_text(answer): answer for answer in reversed(answers)}
    counts = Counter(map(answer_text, answers))
    if not answers or len(counts) > min(FEW_LABELS, max(2, len(answers) // 4)):
        return {}
    return {written[label][:60]: round(count / len(answers), 3) for label, count in counts.most_common(8)}


def _scripts(texts: Sequence[str]) -> dict[str, float]:
    letters = [char for text in texts[:200] for char in text[:500] if char.isalpha()]
    named = (unicodedata.name(char, "UNKNOWN").split()[0] for char in letters)
    counts = Counter(name if name == "CJK" else name.capitalize() for name in named)
    return {name: round(n / len(letters), 3) for name, n in counts.most_common(3) if n >= 0.01 * len(letters)}


def _personal(rows: Sequence[Example]) -> dict[str, int]:
    texts = [f"{row.prompt}\n{row.answer}" for row in rows]
    found = {kind: sum(_holds(kind, pattern, text) for text in texts) for kind, pattern in PERSONAL.items()}
    return {kind: count for kind, count in found.items() if count}


def _holds(kind: str, pattern: re.Pattern[str], text: str) -> bool:
    found = pattern.findall(text)
    return any(map(_luhn, found)) if kind == "card number" else bool(found)


def _luhn(number: str) -> bool:
    """Whether a number passes the check digit of payment cards (ISO/IEC 7812)."""
    digits = [int(char) for char in reversed(number) if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits)]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1
