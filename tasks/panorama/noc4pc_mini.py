"""Generator of the synthetic edition of PANORAMA NOC4PC: one claim, two cited references.

The label follows from sets: 102 when one reference discloses every element of the
claim, 103 when only both together do, ALLOW when some element is in neither. All
references have the same number of elements whatever the label, so that counting
words does not give it away.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.mini.edits import edit_prose
from tasks.panorama.claims import DEVICES, ELEMENTS, listed
from tasks.synthetic import Item

SOURCE_NAMES = (
    "examiner-desk",
    "claims-reading-room",
    "prior-art-circle",
    "docket-export-19",
    "patent-school",
    "oak-street-review",
    "citations-archive",
    "registry-notes",
    "second-floor-files",
)
CARD_TOPICS = ("claim reviews with cited references", "patentability exercises", "office action notes")

LABELS = ("ALLOW", "102", "103")


@dataclass(frozen=True)
class Difficulty:
    """Sizes of claims and references, both ends included."""

    claim_elements: tuple[int, int] = (2, 2)
    distractors: int = 1
    """Elements of a reference beyond the size of the claim."""


DIFFICULTY = Difficulty()


@dataclass(frozen=True)
class Facts:
    """The sets behind a row."""

    claim: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]


def code_of(claim: Sequence[str], references: Sequence[Sequence[str]]) -> str:
    """The label that follows from the sets of elements."""
    wanted = set(claim)
    if any(wanted <= set(reference) for reference in references):
        return "102"
    return "103" if wanted <= {part for reference in references for part in reference} else "ALLOW"


def reason_of(facts: Facts) -> str:
    """Per reference the claim's elements that it holds, then what none holds."""
    held = [[part for part in facts.claim if part in reference] for reference in facts.references]
    found = " ".join(f"D{i}: {', '.join(parts) or 'none'}." for i, parts in enumerate(held, 1))
    missing = [part for part in facts.claim if not any(part in parts for parts in held)]
    return f"{found} Missing: {', '.join(missing) or 'none'}."


def _held(rng: random.Random, claim: tuple[str, ...], label: str) -> list[set[str]]:
    """Which of the claim's elements each of the two references discloses."""
    everything = set(claim)
    part = set(rng.sample(claim, rng.randint(0 if label != "103" else 1, len(claim) - 1)))
    if label == "102":
        both = [everything, part]
    elif label == "103":
        rest = everything - part
        shared = {name for name in sorted(part) if len(rest) + 1 < len(claim) and rng.random() < 0.5}
        both = [part, rest | set(sorted(shared)[:1])]
    else:
        missing = rng.choice(claim)
        known = sorted(everything - {missing})
        both = [{name for name in known if rng.random() < 0.7} for _ in range(2)]
    rng.shuffle(both)
    return both


def _facts(rng: random.Random, label: str) -> Facts:
    size = rng.randint(*DIFFICULTY.claim_elements)
    claim = tuple(rng.sample(ELEMENTS, size))
    references = []
    for held in _held(rng, claim, label):
        others = [name for name in ELEMENTS if name not in claim]
        parts = sorted(held) + rng.sample(others, size + DIFFICULTY.distractors - len(held))
        rng.shuffle(parts)
        references.append(tuple(parts))
    return Facts(claim, tuple(references))


def draw(rng: random.Random, index: int) -> Item:
    """One claim whose label is ``index``, counted round."""
    label = LABELS[index % len(LABELS)]
    facts = _facts(rng, label)
    device = rng.choice(DEVICES)
    columns = {
        "application_number": f"1{rng.randint(4_000_000, 6_999_999)}",
        "claim_number": 1,
        "context": {
            "title": device.capitalize(),
            "abstract": f"A {device} is described.",
            "claims": [f"1. A {device} with {listed(facts.claim)}."],
        },
        "prior_art_specifications": [_reference(rng, parts) for parts in facts.references],
    }
    code, reason = code_of(facts.claim, facts.references), reason_of(facts)
    meta = {
        "kind": f"{len(facts.claim)}_elements",
        "claim": list(facts.claim),
        "references": [list(parts) for parts in facts.references],
    }
    return Item(columns, code, reason, "panorama_noc4pc", code, meta)


def _reference(rng: random.Random, parts: Sequence[str]) -> dict[str, Any]:
    device = rng.choice(DEVICES)
    return {
        "patent_id": f"US {rng.randint(6_000_000, 9_999_999)}",
        "title": device.capitalize(),
        "abstract": f"A {device} is shown.",
        "claims": [f"1. A {device}."],
        "paragraphs": [{"key": rng.randint(5, 60), "content": f"A {device} with {listed(parts)}."}],
    }


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns with ``answer`` as ``{"reason", "code"}``."""
    return {**item.columns, "answer": {"reason": reasoning, "code": answer}}


def wrong(rng: random.Random, item: Item) -> str:
    """One of the two other labels."""
    return rng.choice([label for label in LABELS if label != item.answer])


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right label in an examiner's prose."""
    if item.answer == "ALLOW":
        return rng.choice(
            ("The claim can be allowed.", "I would allow claim 1.", "No ground for a rejection: allowed.")
        )
    styles = (
        "Rejected under 35 U.S.C. {}.",
        "The claim is rejected under section {}.",
        "A {} rejection applies.",
    )
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A reason that overlooks or invents an element, with the label that would follow."""
    claim, references = tuple(item.meta["claim"]), item.meta["references"]
    place, part = rng.randrange(len(references)), rng.choice(claim)
    changed = [set(parts) ^ ({part} if i == place else set()) for i, parts in enumerate(references)]
    seen = Facts(claim, tuple(tuple(sorted(parts)) for parts in changed))
    return code_of(seen.claim, seen.references), reason_of(seen)


_SWAPS = ((" with ", " having "), (" and ", " as well as "))


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The claim or a reference lightly edited; bibliographic data that no reader needs may change too."""
    context = dict(columns["context"])
    references = [dict(reference) for reference in columns["prior_art_specifications"]]
    place = rng.randrange(3)
    if place == 2:
        context["claims"] = [edit_prose(rng, text, _SWAPS) for text in context["claims"]]
    else:
        paragraph = dict(references[place]["paragraphs"][0])
        paragraph["content"] = edit_prose(rng, paragraph["content"], _SWAPS)
        references[place]["paragraphs"] = [paragraph]
        references[place]["title"] = references[place]["title"].upper()
    return {**columns, "context": context, "prior_art_specifications": references}
