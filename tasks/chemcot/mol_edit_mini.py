"""Generator of the synthetic edition of ChemCoTBench mol_edit: small molecules, one edit each.

Molecules are written as text: a chain, at times with a branch, an ether or a ring,
and one or two groups at its ends or inside. Every reference answer passes the scorer.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.chemcot.chemistry.groups import edit_error
from tasks.mini.edits import edit_query
from tasks.splits import content_id
from tasks.synthetic import Item

SOURCE_NAMES = (
    "bench-notes-22",
    "aldermoor-edits",
    "wetlab-export",
    "group-swap-collection",
    "synthesis-class",
    "pinewood-molecules",
    "fume-hood-archive",
    "small-molecule-drills",
    "reagent-shelf",
)
CARD_TOPICS = ("molecule editing requests", "functional group exercises", "structure edits")


@dataclass(frozen=True)
class Difficulty:
    """Sizes and shares (0.0 to 1.0) of what makes a molecule harder to copy and edit."""

    chain_atoms: tuple[int, int] = (2, 6)
    ring_share: float = 0.3
    branch_share: float = 0.15
    ether_share: float = 0.12
    start_share: float = 0.3
    """Edits at the first atom rather than the last."""
    inner_share: float = 0.12
    """Edits on a branch inside the chain."""
    second_group_share: float = 0.25
    """Molecules with another group at the other end."""


DIFFICULTY = Difficulty()

HEADER = 'Edit the molecule. Reply in JSON {"output": "Modified Molecule SMILES"}.'
_SUBSETS = ("add", "delete", "sub")
_AT_END: dict[str, str] = {
    "hydroxyl": "O",
    "aldehyde": "C=O",
    "carboxyl": "C(=O)O",
    "nitrile": "C#N",
    "halo": "Cl",
    "nitro": "[N+](=O)[O-]",
    "amine": "N",
    "thiol": "S",
}
_AT_START: dict[str, str] = {
    **_AT_END,
    "aldehyde": "O=C",
    "carboxyl": "OC(=O)",
    "nitrile": "N#C",
    "nitro": "O=[N+]([O-])",
}
_RINGS = ("c1ccccc1", "C1CCCCC1", "C1CCCC1", "c1ccncc1")
_NAMES = tuple(_AT_END)


@dataclass(frozen=True)
class Frame:
    """A molecule with three places for a group: before it, inside it, after it."""

    head: str
    tail: str
    """Joined they are the bare molecule; an inner group stands between, in brackets."""

    def with_groups(self, start: str | None = None, inner: str | None = None, end: str | None = None) -> str:
        """The SMILES with these groups in place."""
        return (
            (_AT_START[start] if start else "")
            + self.head
            + (f"({_AT_END[inner]})" if inner else "")
            + self.tail
            + (_AT_END[end] if end else "")
        )


def _frame(rng: random.Random) -> Frame:
    atoms: list[str] = []
    for place in range(rng.randint(*DIFFICULTY.chain_atoms)):
        inside = place > 0 and not atoms[-1].endswith("O")
        if inside and rng.random() < DIFFICULTY.ether_share:
            atoms.append("O")
        else:
            atoms.append("C(C)" if inside and rng.random() < DIFFICULTY.branch_share else "C")
    atoms.append(rng.choice(_RINGS) if rng.random() < DIFFICULTY.ring_share else "C")
    inner = [i for i in range(1, len(atoms)) if atoms[i - 1] == "C"]
    cut = rng.choice(inner) if inner else 1
    return Frame("".join(atoms[:cut]), "".join(atoms[cut:]))


def _place(rng: random.Random) -> str:
    chance = rng.random()
    if chance < DIFFICULTY.inner_share:
        return "inner"
    return "start" if chance < DIFFICULTY.inner_share + DIFFICULTY.start_share else "end"


def _query(source: str, removed: str | None, added: str | None) -> str:
    asked = [
        f"Functional Group to {verb}: {name}" for verb, name in (("delete", removed), ("add", added)) if name
    ]
    return f"{HEADER}\nInput Molecule: {source}, {', '.join(asked)}."


def draw(rng: random.Random, index: int) -> Item:
    """One edit: add, delete, sub in turn. Edits that fail the scorer are drawn again."""
    subset = _SUBSETS[index % len(_SUBSETS)]
    while True:
        drawn = _edit(rng, subset)
        if not edit_error(drawn.source, drawn.answer, drawn.removed, drawn.added):
            return _item(subset, drawn)


@dataclass(frozen=True)
class Edit:
    """A molecule, what is asked of it, and the molecules that right and wrong answers name."""

    source: str
    removed: str | None
    added: str | None
    answer: str
    decoys: tuple[str, ...]
    place: str


def _edit(rng: random.Random, subset: str) -> Edit:
    # An addition is right wherever it is made, so its examples agree on one place: the end.
    frame, place = _frame(rng), "end" if subset == "add" else _place(rng)
    first, second, other = rng.sample(_NAMES, 3)
    removed, added = (first if subset != "add" else None), (second if subset != "delete" else None)
    context: dict[str, str | None] = {}
    if rng.random() < DIFFICULTY.second_group_share:
        context["end" if place == "start" else "start"] = other
    source = frame.with_groups(**{**context, place: removed})
    answer = frame.with_groups(**{**context, place: added})
    decoys = [source, frame.with_groups(**{**context, place: rng.choice([n for n in _NAMES if n != added])})]
    if subset == "sub":
        decoys.append(frame.with_groups(**context))
    return Edit(source, removed, added, answer, tuple(decoys), place)


def _item(subset: str, drawn: Edit) -> Item:
    query = _query(drawn.source, drawn.removed, drawn.added)
    columns = {"id": content_id(query), "query": query, "task": "mol_edit", "subtask": subset}
    spelled = ", ".join(f"{name} is {_AT_END[name]}" for name in (drawn.removed, drawn.added) if name)
    meta = {
        "source": drawn.source,
        "removed": drawn.removed,
        "added": drawn.added,
        "kind": f"{subset}_{drawn.place}",
    }
    full_subset = f"chemcotbench_mol_edit_{subset}"
    return Item(columns, drawn.answer, f"{spelled}.", full_subset, drawn.answer, meta, drawn.decoys)


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns: an empty ``gt``, the reference inside ``meta``; ``struct_cot`` where worked."""
    inside = {"reference": answer}
    inside |= {f"{what}_group": item.meta[what] for what in ("removed", "added") if item.meta[what]}
    row: dict[str, Any] = {**item.columns, "gt": "", "meta": json.dumps(inside)}
    return {**row, "struct_cot": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """The molecule unedited, half edited or edited with another group."""
    meta = item.meta
    bad = [d for d in item.decoys if edit_error(meta["source"], d, meta["removed"], meta["added"])]
    return rng.choice(bad)


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right molecule without JSON."""
    styles = ("The new molecule is {}", "{}", "Product: {}", "SMILES = {}", "After the edit we have {}")
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """The right group named, the edit not made as asked."""
    return wrong(rng, item), item.reasoning


_SWAPS = (
    ("Edit the molecule", "Change the molecule"),
    ("Reply in", "Answer in"),
    ("Modified Molecule", "Edited Molecule"),
)
_SEAMS = (", Functional", "; Functional", " , functional", ",  Functional")


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The wording edited, never the molecule; at times the group is named before the molecule."""
    return {**columns, "query": edit_query(rng, columns["query"], _SWAPS, _SEAMS)}
