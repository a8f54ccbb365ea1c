"""Generator of the synthetic edition of PANORAMA PI4PC: one claim, five paragraphs, which one counts?

The paragraph that discloses the claim's element is the one; the others disclose something else.
All have the same number of elements.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.mini.edits import edit_prose
from tasks.panorama.claims import ELEMENTS, application, listed
from tasks.synthetic import Item

SOURCE_NAMES = (
    "paragraph-desk",
    "margin-notes-18",
    "spec-readers",
    "pinpoint-cites",
    "blue-binder",
    "claims-and-passages",
    "reading-list-export",
    "east-wing-files",
    "office-action-scraps",
)
CARD_TOPICS = ("pinpoint citations", "claims and passages", "paragraph selections of examiners")


@dataclass(frozen=True)
class Difficulty:
    """Sizes of claims and paragraphs; paragraph numbers, both ends included."""

    claim_elements: int = 1
    paragraph_elements: int = 2
    paragraphs: int = 6
    keys: tuple[int, int] = (10, 99)


DIFFICULTY = Difficulty()


def best(claim: Sequence[str], paragraphs: Mapping[str, Sequence[str]]) -> str:
    """The key of the first paragraph that discloses the most elements of the claim."""
    return max(paragraphs, key=lambda key: len(set(paragraphs[key]) & set(claim)))


def reason_of(claim: Sequence[str], paragraphs: Mapping[str, Sequence[str]]) -> str:
    """For each element of the claim the paragraphs that hold it."""
    held = {part: [key for key, parts in paragraphs.items() if part in parts] for part in claim}
    return " ".join(f"{part}: {', '.join(keys) or 'none'}." for part, keys in held.items())


def draw(rng: random.Random, index: int) -> Item:
    """One claim and its paragraphs."""
    claim = rng.sample(ELEMENTS, DIFFICULTY.claim_elements)
    others = [part for part in ELEMENTS if part not in claim]
    size = DIFFICULTY.paragraph_elements
    texts = [list(claim) + rng.sample(others, size - len(claim))]
    texts += [rng.sample(others, size) for _ in range(DIFFICULTY.paragraphs - 1)]
    for parts in texts:
        rng.shuffle(parts)
    keys = [
        str(key)
        for key in rng.sample(range(DIFFICULTY.keys[0], DIFFICULTY.keys[1] + 1), DIFFICULTY.paragraphs)
    ]
    pairs = list(zip(keys, texts, strict=True))
    rng.shuffle(pairs)
    paragraphs = dict(pairs)
    columns = application(rng, claim) | {
        "prior_art_specification": {
            "title": "", "abstract": "", "claims": [], "patent_id": str(rng.randint(6_000_000, 9_999_999)),
            "specification": "",
        },
        "options": {key: f"{listed(parts)}." for key, parts in pairs},
    }  # fmt: skip
    answer = best(claim, paragraphs)
    meta = {"kind": "paragraph", "claim": claim, "paragraphs": paragraphs}
    return Item(columns, answer, reason_of(claim, paragraphs), "panorama_pi4pc", answer, meta)


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns with ``gold_answers``; a ``reason`` column where there is one."""
    rest = [int(key) for key in item.columns["options"] if key != answer]
    row = {
        **item.columns,
        "gold_answers": [int(answer)],
        "silver_answers": [],
        "negative_answers": rest,
    }
    return {**row, "reason": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """The key of another paragraph."""
    return rng.choice([str(key) for key in item.columns["options"] if key != item.answer])


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right key in prose."""
    styles = (
        "Paragraph {} is the most relevant one.",
        "See [{}].",
        "{}",
        "The examiner relied on paragraph {}.",
    )
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A reason that sees the claim's elements in another paragraph, with the answer that would follow."""
    claim, paragraphs = list(item.meta["claim"]), dict(item.meta["paragraphs"])
    other = wrong(rng, item)
    paragraphs[other], paragraphs[item.answer] = paragraphs[item.answer], paragraphs[other]
    return best(claim, paragraphs), reason_of(claim, paragraphs)


_SWAPS = ((" with ", " having "), (" and ", " as well as "))


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The claim or a paragraph lightly edited."""
    if rng.random() < 0.5:
        context = dict(columns["context"])
        context["claims"] = [edit_prose(rng, text, _SWAPS) for text in context["claims"]]
        return {**columns, "context": context}
    options = dict(columns["options"])
    key = rng.choice(list(options))
    return {**columns, "options": {**options, key: edit_prose(rng, options[key], _SWAPS)}}
