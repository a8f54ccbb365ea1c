"""Generator of the synthetic edition of PANORAMA PAR4PC: one claim, eight candidates, who is cited?

A candidate is cited when it discloses an element of the claim. An element of the claim stands in no
candidate, in one or in two, so that the number of citations says nothing about the number of elements.
Every candidate discloses one element.
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
    "search-reports-21",
    "citation-exercises",
    "hallway-docket",
    "patent-readers",
    "old-mill-archive",
    "references-club",
    "examiners-notebook",
    "third-floor-files",
    "grey-cabinet",
)
CARD_TOPICS = ("prior art searches", "claims with candidate citations", "citation exercises")

LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Difficulty:
    """Size of claims (both ends included), and how often an element is in none or two of the candidates."""

    claim_elements: tuple[int, int] = (2, 4)
    absent_share: float = 0.25
    """How often an element beyond the claim's first is in no candidate."""
    twice_share: float = 0.3
    """How often an element is in two candidates, where that leaves one that is not cited."""


DIFFICULTY = Difficulty()


def cited(claim: Sequence[str], candidates: Mapping[str, Sequence[str]]) -> list[str]:
    """The letters of the candidates that disclose an element of the claim."""
    return [letter for letter, parts in sorted(candidates.items()) if set(parts) & set(claim)]


def reason_of(claim: Sequence[str], candidates: Mapping[str, Sequence[str]]) -> str:
    """For each element of the claim the candidates that hold it."""
    held = {part: [letter for letter, parts in sorted(candidates.items()) if part in parts] for part in claim}
    return " ".join(f"{part}: {', '.join(letters) or 'none'}." for part, letters in held.items())


def draw(rng: random.Random, index: int) -> Item:
    """One claim; the number of its elements cycles with ``index``."""
    least, most = DIFFICULTY.claim_elements
    claim = rng.sample(ELEMENTS, least + index % (most - least + 1))
    held = _candidates(rng, claim)
    gold = cited(claim, held)
    columns = application(rng, claim) | {
        "options": {letter: _candidate(rng, parts) for letter, parts in held.items()}
    }
    meta = {"kind": f"{len(gold)}_cited", "claim": claim, "candidates": held}
    answer = ", ".join(gold)
    return Item(columns, answer, reason_of(claim, held), "panorama_par4pc", answer, meta)


def _candidates(rng: random.Random, claim: Sequence[str]) -> dict[str, list[str]]:
    """What each candidate discloses. The claim's first element is in one at least, and one is not cited."""
    parts: list[str] = []
    for place, part in enumerate(claim):
        chance = rng.random()
        free = len(LETTERS) - 1 - len(parts) - (len(claim) - 1 - place)
        if place == 0 or chance >= DIFFICULTY.absent_share:
            parts += [part] * (2 if chance > 1 - DIFFICULTY.twice_share and free > 1 else 1)
    others = [part for part in ELEMENTS if part not in claim]
    parts += rng.choices(others, k=len(LETTERS) - len(parts))
    rng.shuffle(parts)
    return {letter: [part] for letter, part in zip(LETTERS, parts, strict=True)}


def _candidate(rng: random.Random, parts: Sequence[str]) -> dict[str, Any]:
    return {
        "patent_id": f"US{rng.randint(6_000_000, 9_999_999)}",
        "title": "",
        "abstract": "",
        "claims": [f"1. {listed(parts)}."],
    }


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns; a ``reason`` column where there is one."""
    gold = [letter for letter in answer.split(", ") if letter]
    row = {
        **item.columns,
        "gold_answers": gold,
        "silver_answers": [],
        "negative_answers": [letter for letter in LETTERS if letter not in gold],
    }
    return {**row, "reason": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """A letter swapped for another, or one too many."""
    gold = item.answer.split(", ")
    other = rng.choice([letter for letter in LETTERS if letter not in gold])
    if rng.random() < 0.3:
        return ", ".join(sorted([*gold, other]))
    return ", ".join(sorted([*gold[1:], other]))


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right letters in prose."""
    named = " and ".join(item.answer.split(", "))
    return rng.choice(("The examiner cited {}.", "I would cite {}.", "Relevant: {}", "Answer: {}")).format(
        named
    )


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A reason that finds an element in the wrong candidate, with the answer that would follow."""
    claim = list(item.meta["claim"])
    held = {letter: list(parts) for letter, parts in item.meta["candidates"].items()}
    right = cited(claim, held)
    home, other = rng.choice(right), rng.choice([letter for letter in LETTERS if letter not in right])
    held[home], held[other] = held[other], held[home]
    return ", ".join(cited(claim, held)), reason_of(claim, held)


_SWAPS = ((" with ", " having "), (" and ", " as well as "))


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The claim or a candidate lightly edited."""
    if rng.random() < 0.5:
        context = dict(columns["context"])
        context["claims"] = [edit_prose(rng, text, _SWAPS) for text in context["claims"]]
        return {**columns, "context": context}
    options = dict(columns["options"])
    letter = rng.choice(LETTERS)
    options[letter] = {
        **options[letter],
        "claims": [edit_prose(rng, text, _SWAPS) for text in options[letter]["claims"]],
    }
    return {**columns, "options": options}
