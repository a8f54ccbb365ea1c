"""Raw pool of a synthetic edition: seven named sources, each imperfect in its own way, as real pools are.

What each source is like is decided by a seeded shuffle and is never stated: names
and cards are those of ordinary data sets. ``pool_key`` tells it to tests and the
``oracle-source`` policy alone; a contract keeps this module out of reach of roles and tools.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tasks.base import Source
from tasks.errors import InputError
from tasks.mini.dataset_cards import write_card
from tasks.mini.items import Splits, draw_splits
from tasks.mini.off_domain import off_domain_pairs
from tasks.splits import content_id, draw_unique, seeded
from tasks.synthetic import Item, SyntheticEdition

Defect = Literal[
    "clean", "wrong_labels", "off_format", "off_domain", "duplicates", "leak", "chain_of_thought"
]
DEFECTS: tuple[Defect, ...] = (
    "clean",
    "wrong_labels",
    "off_format",
    "off_domain",
    "duplicates",
    "leak",
    "chain_of_thought",
)


@dataclass(frozen=True)
class PoolShape:
    """How large and how bad each source is. Shares are 0.0 to 1.0."""

    clean_rows: int = 400
    wrong_labels_rows: int = 2500
    wrong_labels_share: float = 0.45
    off_format_rows: int = 1200
    off_domain_rows: int = 1500
    duplicates_rows: int = 1200
    duplicates_unique: int = 250
    duplicates_edited_share: float = 0.5
    leak_rows: int = 600
    leak_validation_rows: int = 90
    leak_test_rows: int = 150
    leak_edited_share: float = 0.5
    worked_rows: int = 1500
    worked_flawed_share: float = 0.04


SHAPE = PoolShape()

PUBLISHED = "published"
TEXT_LAYOUTS = ("prompt/completion", "instruction/output", "messages", "query/response")


@dataclass(frozen=True)
class Entry:
    """One row before it is laid out in columns."""

    columns: Mapping[str, Any]
    item: Item
    answer: str
    reasoning: str = ""
    target: str | None = None
    """The answer as text; None means the task's own format."""
    planted: Literal["", "verbatim", "edited"] = ""
    """A copy of a validation or test item."""


def pool_key(edition: SyntheticEdition, seed: int) -> dict[str, Defect]:
    """Source name -> what is wrong with it. For tests and measurements: no role may call this."""
    names, _ = _assignment(edition, seed)
    return {name: defect for defect, name in names.items()}


def _assignment(edition: SyntheticEdition, seed: int) -> tuple[dict[Defect, str], dict[Defect, str]]:
    """Who gets which name and which column layout.

    The clean, the wrongly labelled and the leaking source all come in the published
    columns, so that the columns alone give nothing away.
    """
    if len(set(edition.generator.SOURCE_NAMES)) < len(DEFECTS):
        raise InputError(edition.task_id, "too few source names", f"name at least {len(DEFECTS)}")
    rng = seeded(edition.task_id, seed, "names")
    names = dict(zip(DEFECTS, rng.sample(edition.generator.SOURCE_NAMES, len(DEFECTS)), strict=True))
    texts = rng.sample(TEXT_LAYOUTS, 3)
    layouts: dict[Defect, str] = {
        "clean": PUBLISHED,
        "wrong_labels": PUBLISHED,
        "leak": PUBLISHED,
        "chain_of_thought": PUBLISHED,
    }
    layouts |= {"off_format": texts[0], "off_domain": texts[1], "duplicates": texts[2]}
    if rng.random() < 0.5:
        layouts["chain_of_thought"] = "prompt/rationale/completion"
    return names, layouts


def _seed_word(defect: Defect) -> str:
    """What names a source to its generator: an older word for one of them, so that its rows stay what they
    were."""
    return "worked" if defect == "chain_of_thought" else defect


def build_pool(edition: SyntheticEdition, seed: int, splits: Splits) -> tuple[Source, ...]:
    """The sources in the order of their names."""
    names, layouts = _assignment(edition, seed)
    entries = _entries(edition, seed, splits)
    sources = []
    for defect in DEFECTS:
        rng = seeded(edition.task_id, seed, "card", _seed_word(defect))
        if defect == "off_domain":
            pairs = off_domain_pairs(rng, SHAPE.off_domain_rows)
            rows = tuple(_text_row(layouts[defect], prompt, answer) for prompt, answer in pairs)
        else:
            rows = tuple(_row(edition, layouts[defect], entry) for entry in entries[defect])
        card = write_card(rng, names[defect], defect, rows, edition.generator.CARD_TOPICS)
        sources.append(Source(names[defect], card, rows))
    return tuple(sorted(sources, key=lambda source: source.name))


def planted_leaks(edition: SyntheticEdition, seed: int) -> dict[int, tuple[str, bool]]:
    """Row of the leaking source -> (id of the item that it repeats, whether it was edited).

    For tests and measurements of decontamination: no role may call this.
    """
    leak = _entries(edition, seed, draw_splits(edition, seed))["leak"]
    return {
        place: (content_id(edition.prompt_of(entry.item)), entry.planted == "edited")
        for place, entry in enumerate(leak)
        if entry.planted
    }


def _entries(edition: SyntheticEdition, seed: int, splits: Splits) -> dict[Defect, list[Entry]]:
    """The rows of every source but the off-domain one. None repeats a question but by design."""
    taken = set(splits.marks)
    makers: dict[Defect, Callable[[random.Random], list[Entry]]] = {
        "clean": lambda rng: [_right(item) for item in _fresh(edition, rng, SHAPE.clean_rows, taken)],
        "wrong_labels": lambda rng: _wrong_labels(edition, rng, taken),
        "off_format": lambda rng: _off_format(edition, rng, taken),
        "duplicates": lambda rng: _duplicates(edition, rng, taken),
        "leak": lambda rng: _leak(edition, rng, splits, taken),
        "chain_of_thought": lambda rng: _worked(edition, rng, taken),
    }
    return {
        defect: make(seeded(edition.task_id, seed, "source", _seed_word(defect)))
        for defect, make in makers.items()
    }


def _right(item: Item) -> Entry:
    return Entry(item.columns, item, item.answer)


def _fresh(edition: SyntheticEdition, rng: random.Random, count: int, taken: set[str]) -> list[Item]:
    """New items that collide neither with the splits nor with each other, shuffled."""
    items = draw_unique(edition.generator.draw, edition.prompt_of, rng, count, taken)
    rng.shuffle(items)
    return items


def _wrong_labels(edition: SyntheticEdition, rng: random.Random, taken: set[str]) -> list[Entry]:
    items = _fresh(edition, rng, SHAPE.wrong_labels_rows, taken)
    bad = round(len(items) * SHAPE.wrong_labels_share)
    entries = [Entry(item.columns, item, edition.generator.wrong(rng, item)) for item in items[:bad]]
    entries += [_right(item) for item in items[bad:]]
    rng.shuffle(entries)
    return entries


def _off_format(edition: SyntheticEdition, rng: random.Random, taken: set[str]) -> list[Entry]:
    items = _fresh(edition, rng, SHAPE.off_format_rows, taken)
    return [
        Entry(item.columns, item, item.answer, target=edition.generator.off_format_answer(rng, item))
        for item in items
    ]


def _duplicates(edition: SyntheticEdition, rng: random.Random, taken: set[str]) -> list[Entry]:
    items = _fresh(edition, rng, SHAPE.duplicates_unique, taken)
    entries = [_right(item) for item in items]
    while len(entries) < SHAPE.duplicates_rows:
        item = rng.choice(items)
        edited = rng.random() < SHAPE.duplicates_edited_share
        entries.append(
            Entry(edition.generator.edit(rng, item.columns) if edited else item.columns, item, item.answer)
        )
    rng.shuffle(entries)
    return entries


def _leak(edition: SyntheticEdition, rng: random.Random, splits: Splits, taken: set[str]) -> list[Entry]:
    planted = rng.sample(splits.validation, SHAPE.leak_validation_rows)
    planted += rng.sample(splits.test, SHAPE.leak_test_rows)
    entries = []
    for item in planted:
        if rng.random() < SHAPE.leak_edited_share:
            columns = edition.generator.edit(rng, item.columns)
            entries.append(Entry(columns, item, item.answer, planted="edited"))
        else:
            entries.append(Entry(item.columns, item, item.answer, planted="verbatim"))
    entries += [_right(item) for item in _fresh(edition, rng, SHAPE.leak_rows - len(entries), taken)]
    rng.shuffle(entries)
    return entries


def _worked(edition: SyntheticEdition, rng: random.Random, taken: set[str]) -> list[Entry]:
    entries = []
    for item in _fresh(edition, rng, SHAPE.worked_rows, taken):
        flaw = (
            edition.generator.corrupted_rationale(rng, item)
            if rng.random() < SHAPE.worked_flawed_share
            else None
        )
        answer, reasoning = flaw or (item.answer, item.reasoning)
        entries.append(Entry(item.columns, item, answer, reasoning))
    return entries


def _row(edition: SyntheticEdition, layout: str, entry: Entry) -> dict[str, Any]:
    if layout == PUBLISHED:
        return edition.generator.with_answer(
            replace(entry.item, columns=entry.columns), entry.answer, entry.reasoning
        )
    prompt = edition.prompt(entry.columns) or ""
    if layout == "prompt/rationale/completion":
        return {
            "prompt": prompt,
            "rationale": entry.reasoning,
            "completion": edition.render(entry.answer, ""),
        }
    return _text_row(layout, prompt, entry.target or edition.render(entry.answer, entry.reasoning))


def _text_row(layout: str, prompt: str, answer: str) -> dict[str, Any]:
    if layout == "messages":
        return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
    asked, answered = layout.split("/")
    return {asked: prompt, answered: answer}
