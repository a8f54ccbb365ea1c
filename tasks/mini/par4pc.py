"""Generator behind the mini edition of PANORAMA PAR4PC: one claim, eight candidates, who is cited?

A candidate is cited when it discloses an element of the claim. Each element of the claim stands
in one candidate; every candidate has the same number of elements.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.edits import edit_prose
from tasks.miniature import Item
from tasks.patents import ELEMENTS, application, listed

LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Difficulty:
    """Sizes of claims (both ends included) and of candidates."""

    claim_elements: tuple[int, int] = (2, 3)
    candidate_elements: int = 1


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
    held: dict[str, list[str]] = {letter: [] for letter in LETTERS}
    for letter, part in zip(rng.sample(LETTERS, len(claim)), claim, strict=True):
        held[letter].append(part)
    others = [part for part in ELEMENTS if part not in claim]
    for parts in held.values():
        parts += rng.sample(others, DIFFICULTY.candidate_elements - len(parts))
        rng.shuffle(parts)
    gold = cited(claim, held)
    columns = application(rng, claim) | {
        "options": {letter: _candidate(rng, parts) for letter, parts in held.items()}
    }
    meta = {"kind": f"{len(gold)}_cited", "claim": claim, "candidates": held}
    answer = ", ".join(gold)
    return Item(columns, answer, reason_of(claim, held), "panorama_par4pc", answer, meta)


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


def off_style(rng: random.Random, item: Item) -> str:
    """The right letters in prose."""
    named = " and ".join(item.answer.split(", "))
    return rng.choice(("The examiner cited {}.", "I would cite {}.", "Relevant: {}", "Answer: {}")).format(
        named
    )


def flawed(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A reason that finds an element in the wrong candidate, with the answer that would follow."""
    claim = list(item.meta["claim"])
    held = {letter: list(parts) for letter, parts in item.meta["candidates"].items()}
    part = rng.choice(claim)
    home = next(letter for letter, parts in held.items() if part in parts)
    held[home] = [other for other in held[home] if other != part]
    target = rng.choice([letter for letter in LETTERS if letter != home])
    held[target] = [*held[target], part]
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
