"""Generator of the synthetic edition of ChemCoTBench mol_und: short molecules, five kinds of question.

Molecules are written as text in which every group and every ring stands whole, so that
a reader can find them; the truth comes from RDKit and is what the scorer compares with.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.answers.smiles import canonical, parse
from tasks.chemcot.chemistry.scaffolds import fragment_count, ring_count, scaffold
from tasks.mini.edits import edit_prose
from tasks.splits import content_id
from tasks.synthetic import Item

SOURCE_NAMES = (
    "ring-primer",
    "saltmarsh-structures",
    "lecture-hall-b",
    "notation-drills",
    "glassware-export",
    "kestrel-molecules",
    "orchard-smiles",
    "teaching-lab-2020",
    "drawer-seven",
)
CARD_TOPICS = ("structure questions", "notation exercises", "questions about small molecules")


@dataclass(frozen=True)
class Difficulty:
    """Sizes, both ends included, and shares (0.0 to 1.0)."""

    chain_groups: tuple[int, int] = (2, 4)
    """Groups on the chain in which one kind is counted."""
    wanted_share: float = 0.45
    """Groups (rings) that are of the kind asked for."""
    rings: tuple[int, int] = (2, 3)
    two_ring_share: float = 0.5
    """Scaffolds of two rings and a linker."""
    pair_heteroatoms: tuple[int, int] = (2, 3)
    """Atoms other than carbon in each of the two molecules that are compared."""


DIFFICULTY = Difficulty()

_JSON = {
    "count": 'Reply in JSON {"count": "Number"}.',
    "scaffold": 'Reply in JSON {"Output Scaffold": "SMILES"}.',
    "yes_no": 'Reply in JSON {"output": "Yes / No"}.',
}
FRAGMENTS = {
    "side-chain hydroxyls": "O",
    "primary amines": "N",
    "nitriles": "C#N",
    "thiols": "S",
    "halogens": "Cl",
}
COUNTED_RINGS = {"benzene": "c1ccccc1", "pyridine": "c1ccncc1", "furan": "c1ccoc1", "cyclohexane": "C1CCCCC1"}
_RINGS = (*COUNTED_RINGS.values(), "C1CCCC1", "C1CC1", "C1CCNCC1")
_LINKERS = ("C", "CC", "CCC", "COC", "CNC", "CSC")
_SIDES = ("C", "CC", "O", "N", "Cl", "CO", "CN", "CCO", "CCC", "OCC")
_HETERO = ("Cl", "N", "O", "S")


@dataclass(frozen=True)
class Question:
    """One question with its chain-of-thought answer."""

    query: str
    answer: str
    reasoning: str
    parts: Mapping[str, Any]
    """What ``wrong`` and ``corrupted_rationale`` need: the parts and the one asked for, or the scaffold's
    pieces."""


def draw(rng: random.Random, index: int) -> Item:
    """One question; the five kinds take turns, and so do yes and no."""
    kind = tuple(_MAKERS)[index % len(_MAKERS)]
    made = _MAKERS[kind](rng, index // len(_MAKERS) % 2 == 0)
    columns = {"id": content_id(made.query), "query": made.query, "task": "mol_und", "subtask": kind}
    meta = {"kind": kind, **made.parts}
    return Item(columns, made.answer, made.reasoning, f"chemcotbench_mol_und_{kind}", made.answer, meta)


def tally(parts: Sequence[str], kinds: Sequence[str], wanted: str) -> str:
    """``N, O, O: O 2, N 1, S 0. O 2.``: the parts in order, how many of each kind, the one asked for."""
    counts = ", ".join(f"{kind} {parts.count(kind)}" for kind in kinds)
    return f"{', '.join(parts)}: {counts}. {wanted} {parts.count(wanted)}."


def _mixed(rng: random.Random, size: tuple[int, int], kinds: Sequence[str], wanted: str) -> list[str]:
    others = [kind for kind in kinds if kind != wanted]
    return [
        wanted if rng.random() < DIFFICULTY.wanted_share else rng.choice(others)
        for _ in range(rng.randint(*size))
    ]


def _groups(rng: random.Random, _: bool) -> Question:
    kinds = tuple(FRAGMENTS.values())
    name = rng.choice(list(FRAGMENTS))
    groups = _mixed(rng, DIFFICULTY.chain_groups, kinds, FRAGMENTS[name])
    chain = "".join("C" * rng.randint(1, 2) + f"({group})" for group in groups[:-1])
    molecule = f"C{chain}{'C' * rng.randint(1, 3)}{groups[-1]}"
    query = f"Count the fragment. {_JSON['count']}\nInput Molecule: {molecule}, Fragment Name: {name}."
    parts = {"list": groups, "kinds": kinds, "wanted": FRAGMENTS[name]}
    return Question(query, str(fragment_count(molecule, name)), tally(groups, kinds, FRAGMENTS[name]), parts)


def _ring_chain(rng: random.Random, wanted: str) -> tuple[list[str], str]:
    names = _mixed(rng, DIFFICULTY.rings, tuple(COUNTED_RINGS), wanted)
    return names, rng.choice(_SIDES[:4]) + "".join(
        rng.choice(_LINKERS) + COUNTED_RINGS[name] for name in names
    )


def _ring_question(query: str, answer: str, names: Sequence[str], wanted: str) -> Question:
    kinds = tuple(COUNTED_RINGS)
    parts = {"list": list(names), "kinds": kinds, "wanted": wanted}
    return Question(query, answer, tally(names, kinds, wanted), parts)


def _ring_counts(rng: random.Random, _: bool) -> Question:
    wanted = rng.choice(list(COUNTED_RINGS))
    ring = COUNTED_RINGS[wanted]
    names, molecule = _ring_chain(rng, wanted)
    query = f"Count the ring. {_JSON['count']}\nInput Molecule: {molecule}, Ring Structure: {ring}."
    return _ring_question(query, str(ring_count(molecule, ring)), names, wanted)


def _ring_systems(rng: random.Random, present: bool) -> Question:
    wanted = rng.choice(list(COUNTED_RINGS))
    ring = COUNTED_RINGS[wanted]
    while True:
        names, molecule = _ring_chain(rng, wanted)
        if (wanted in names) is present:
            break
    query = (
        f"Is the ring system in the molecule? {_JSON['yes_no']}\n"
        f"Input Molecule: {molecule}, Ring System Structure: {ring}"
    )
    return _ring_question(query, "Yes" if ring_count(molecule, ring) else "No", names, wanted)


def _scaffolds(rng: random.Random, _: bool) -> Question:
    rings = [rng.choice(_RINGS)]
    core = rings[0]
    if rng.random() < DIFFICULTY.two_ring_share:
        rings.append(rng.choice(_RINGS))
        core = rings[0] + rng.choice(_LINKERS) + rings[1]
    head, tail = rng.choice(_SIDES), rng.choice(_SIDES)
    molecule = head + core + (tail if rng.random() < 0.7 else "")
    query = f"Give the Murcko scaffold. {_JSON['scaffold']}\nInput Molecule: {molecule}."
    if canonical(core) != scaffold(molecule):
        raise ValueError(f"{core} is not the scaffold of {molecule}")
    return Question(
        query, core, f"Rings: {', '.join(rings)}.", {"core": core, "rings": rings, "whole": molecule}
    )


def respelled(rng: random.Random, smiles: str) -> str:
    """The same molecule, begun at another atom."""
    from rdkit import Chem

    mol = parse(smiles)
    if mol is None:
        raise ValueError(f"no molecule: {smiles}")
    order = list(range(mol.GetNumAtoms()))
    rng.shuffle(order)
    return str(Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False))


def _pairs(rng: random.Random, same: bool) -> Question:
    size = rng.randint(*DIFFICULTY.pair_heteroatoms)
    atoms = [rng.choice(_HETERO) for _ in range(size)]
    carbons = ["C" * rng.randint(1, 2) for _ in range(size + 1)]
    changed = list(atoms)
    if not same:
        place = rng.randrange(size)
        changed[place] = rng.choice([atom for atom in _HETERO if atom != atoms[place]])
    first, second = (
        "".join(part + f"({atom})" for part, atom in zip(carbons, held, strict=False)) + carbons[-1]
        for held in (atoms, changed)
    )
    first, second = respelled(rng, first), respelled(rng, second)
    answer = "Yes" if canonical(first) == canonical(second) else "No"
    query = f"Are both the same molecule? {_JSON['yes_no']}\nMolecule A: {first}, Molecule B: {second}."
    held = [sorted(atoms), sorted(changed)]
    return Question(query, answer, _compared(held), {"held": held})


def _compared(held: Sequence[Sequence[str]]) -> str:
    """``A: Cl N. B: Cl O. Cl Cl same, N O other.``: the atoms of both in order, then side by side."""
    first, second = held
    told = (f"{a} {b} {'same' if a == b else 'other'}" for a, b in zip(first, second, strict=True))
    return f"A: {' '.join(first)}. B: {' '.join(second)}. {', '.join(told)}."


_MAKERS = {
    "fg_count": _groups,
    "ring_count": _ring_counts,
    "Murcko_scaffold": _scaffolds,
    "ring_system_scaffold": _ring_systems,
    "equivalence": _pairs,
}


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns: ``gt`` a number where it counts, ``meta`` empty; ``struct_cot`` if worked."""
    gold: str | int = int(answer) if answer.isdigit() else answer
    row: dict[str, Any] = {**item.columns, "gt": gold, "meta": "{}"}
    return {**row, "struct_cot": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """A count off by one, the other of yes and no, or a scaffold with a part too much or exchanged."""
    if item.answer in ("Yes", "No"):
        return "No" if item.answer == "Yes" else "Yes"
    if item.answer.isdigit():
        count = int(item.answer)
        return str(count + (-1 if count and rng.random() < 0.5 else 1))
    core, rings = str(item.meta["core"]), item.meta["rings"]
    other = rng.choice([ring for ring in _RINGS if ring not in rings])
    options = [str(item.meta["whole"]), f"{core}C", core.removesuffix(rings[-1]) + other]
    return rng.choice(options)


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right answer without JSON."""
    if item.answer in ("Yes", "No"):
        styles: tuple[str, ...] = ("{}.", "Answer: {}", "{}, I checked it.", "My answer would be: {}.")
    elif item.answer.isdigit():
        styles = ("I count {}.", "There are {} of them.", "{}", "In total {}.")
    else:
        styles = ("The scaffold is {}", "{}", "What is left: {}", "Without side chains: {}")
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """One part misjudged, with the answer that would follow."""
    meta = item.meta
    if "core" in meta:
        return wrong(rng, item), item.reasoning
    if "held" in meta:
        first, second = meta["held"]
        if item.answer == "Yes":
            changed = [*second[:-1], rng.choice([atom for atom in _HETERO if atom != second[-1]])]
            return "No", _compared([first, sorted(changed)])
        return "Yes", _compared([first, first])
    return _misjudged(rng, item)


def _misjudged(rng: random.Random, item: Item) -> tuple[str, str]:
    parts, kinds, wanted = list(item.meta["list"]), item.meta["kinds"], item.meta["wanted"]
    others = [kind for kind in kinds if kind != wanted]
    if item.answer == "Yes":
        seen = [rng.choice(others) if part == wanted else part for part in parts]
    else:
        seen = list(parts)
        place = rng.randrange(len(parts))
        seen[place] = rng.choice(others) if parts[place] == wanted else wanted
    count = seen.count(wanted)
    answer = ("Yes" if count else "No") if item.answer in ("Yes", "No") else str(count)
    return answer, tally(seen, kinds, wanted)


_SWAPS = (
    ("Reply in", "Answer in"),
    ("Count the", "Count each"),
    ("Give the", "Write the"),
    ("Are both", "Are these"),
    ("Is the ring system", "Is this ring system"),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The wording edited, never a molecule; at times what is asked for is named before the molecule."""
    header, _, request = columns["query"].partition("\n")
    first, comma, second = request.rstrip(".").partition(", ")
    kind = rng.randrange(3)
    if kind == 0 or (kind == 2 and first.startswith("Molecule A")) or not comma:
        header = edit_prose(rng, header, _SWAPS)
    elif kind == 1:
        request = first + rng.choice(("; ", " , ", ",  ")) + second
    else:
        request = f"{second}, {first}"
    return {**columns, "query": f"{header}\n{request}"}
