"""Generator of the synthetic edition of ChemCoTBench mol_opt: small molecules with one group worth swapping.

Three of the six published subsets can be computed without trained oracles, and only these are drawn: qed,
logp and solubility. A molecule is text with a place for a group; the better group is known for each
property (a bromide is greasy, an amine dissolves, a carboxyl is drug-like in a small molecule). Likeness and
gain of every item are computed before it is used, but for the gain in QED: at 2.5 ms a molecule it would make
the pool slow to build, so that swaps are kept to those that always gain, which a test confirms.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.chemcot.chemistry.properties import MIN_GAIN, MIN_SIMILARITY, optimisation_error, property_of
from tasks.chemcot.chemistry.similarity import morgan_bits
from tasks.mini.edits import edit_query
from tasks.splits import content_id
from tasks.synthetic import Item

SOURCE_NAMES = (
    "lead-series-7",
    "harbour-molecules",
    "medchem-evenings",
    "potency-notebook",
    "swap-and-see",
    "greenfield-leads",
    "optimisation-log",
    "third-floor-lab",
    "analogue-basket",
)
CARD_TOPICS = ("molecule optimisation requests", "property improvement exercises", "small lead series")


@dataclass(frozen=True)
class Difficulty:
    """Sizes and shares (0.0 to 1.0) of what makes a molecule harder to copy and improve."""

    chain_atoms: tuple[int, int] = (1, 6)
    qed_chain_atoms: tuple[int, int] = (1, 4)
    branch_share: float = 0.25
    ether_share: float = 0.2
    ring_share: float = 0.75
    """Molecules with a ring; the group stands on it or beyond it."""
    on_ring_share: float = 0.5
    second_ring_share: float = 0.6
    """Of the logp and solubility molecules; a larger molecule may lose QED by a carboxyl."""
    start_share: float = 0.3
    """Groups before the first atom, of those that stand at an end."""


DIFFICULTY = Difficulty()

KEY = "Final Target Molecule"
HEADER = f'Optimize the Source Molecule. Reply in JSON {{"{KEY}": "SMILES"}}.'
ASKED = {
    "qed": "improve the QED property (Drug-likeness)",
    "logp": "improve the LogP value",
    "solubility": "improve the ability to dissolve in water (Solubility)",
}
BETTER = {"qed": "carboxyl", "logp": "bromo", "solubility": "amine"}
WORSE = {"qed": "nitro", "logp": "amine", "solubility": "bromo"}
UNSURE = {"qed": ("bromo", "amine", "hydroxyl"), "logp": (), "solubility": ()}
"""Groups whose swap does not always help."""
GROUPS = {
    "hydroxyl": "O",
    "aldehyde": "C=O",
    "nitrile": "C#N",
    "chloro": "Cl",
    "fluoro": "F",
    "nitro": "[N+](=O)[O-]",
    "thiol": "S",
    "methoxy": "OC",
    "amine": "N",
    "bromo": "Br",
    "carboxyl": "C(=O)O",
}
_AT_START = {
    **GROUPS,
    "aldehyde": "O=C",
    "nitrile": "N#C",
    "nitro": "O=[N+]([O-])",
    "methoxy": "CO",
    "carboxyl": "OC(=O)",
}
_SUBSETS = tuple(ASKED)
_RINGS = ("c1ccc({})cc1", "C1CCC({})CC1", "c1ccc({})nc1", "c1csc({})c1", "C1CC({})C1")
_BRANCHES = ("C(C)", "C(C)", "C(CC)", "C(OC)", "C(C)(C)")
_BARE_RINGS = ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "c1ccsc1")


def _chain(rng: random.Random, large: bool) -> str:
    atoms = ["C"]
    branches = _BRANCHES if large else _BRANCHES[:1]
    for _ in range(rng.randint(*(DIFFICULTY.chain_atoms if large else DIFFICULTY.qed_chain_atoms)) - 1):
        inside = not atoms[-1].endswith("O")
        if inside and rng.random() < DIFFICULTY.ether_share:
            atoms.append("O")
        else:
            atoms.append(rng.choice(branches) if inside and rng.random() < DIFFICULTY.branch_share else "C")
    return "".join(atoms) + ("C" if atoms[-1] == "O" else "")


def _frame(rng: random.Random, large: bool) -> tuple[str, str]:
    """A molecule with a place for a group, and where the place is: ``ring``, ``start`` or ``end``."""
    chain = _chain(rng, large)
    if large and rng.random() < DIFFICULTY.second_ring_share:
        inner = _chain(rng, large) + rng.choice(_RINGS).replace("1", "2")
        return chain + rng.choice(_RINGS).format(inner), "ring"
    ring = rng.random() < DIFFICULTY.ring_share
    if ring and rng.random() < DIFFICULTY.on_ring_share:
        return chain + rng.choice(_RINGS), "ring"
    if rng.random() < DIFFICULTY.start_share:
        return "{}" + chain + (rng.choice(_BARE_RINGS) if ring else "CC"), "start"
    return chain + (rng.choice(_RINGS).format(_chain(rng, large) + "{}") if ring else "CC{}"), "end"


def draw(rng: random.Random, index: int) -> Item:
    """One optimisation: qed, logp, solubility in turn. What is no optimisation is drawn again."""
    name = _SUBSETS[index % len(_SUBSETS)]
    better = BETTER[name]
    poor_groups = [group for group in GROUPS if group not in (better, *UNSURE[name])]
    while True:
        frame, place = _frame(rng, large=name != "qed")
        spelled = _AT_START if place == "start" else GROUPS
        poor = rng.choice(poor_groups)
        source, answer = frame.format(spelled[poor]), frame.format(spelled[better])
        if not _improves(name, source, answer):
            continue
        query = f"{HEADER}\nSource Molecule: {source}, {ASKED[name]}."
        return Item(
            {"id": content_id(query), "query": query, "task": "mol_opt", "subtask": name},
            answer,
            f"{poor} is {spelled[poor]}, {better} is {spelled[better]}.",
            f"chemcotbench_mol_opt_{name}",
            answer,
            {"source": source, "kind": f"{name}_{place}"},
            (source, frame.format(spelled[WORSE[name]])),
        )


def _improves(name: str, source: str, target: str) -> bool:
    if morgan_bits(source, target) < MIN_SIMILARITY:
        return False
    before, after = (1.0, 2.0) if name == "qed" else (property_of(name, text) for text in (source, target))
    return before is not None and after is not None and after - before > MIN_GAIN


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns: an empty ``gt``; the target inside ``meta``; ``struct_cot`` where worked."""
    row: dict[str, Any] = {**item.columns, "gt": "", "meta": json.dumps({"reference": answer})}
    return {**row, "struct_cot": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """The source itself, or a swap that does not help."""
    decoy = rng.choice(item.decoys)
    name = str(item.columns["subtask"])
    return decoy if optimisation_error(name, item.meta["source"], decoy) else str(item.meta["source"])


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right molecule without JSON."""
    styles = ("The optimized molecule is {}", "{}", "Target: {}", "SMILES = {}", "A better one would be {}")
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """The move named, another one made."""
    return wrong(rng, item), item.reasoning


_SWAPS = (
    ("Optimize the", "Improve the"),
    ("Reply in", "Answer in"),
    ("Source Molecule", "source molecule"),
)
_SEAMS = (", improve", "; improve", " , improve", ",  Improve")


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The wording edited, never the molecule; at times the property is named before the molecule."""
    return {**columns, "query": edit_query(rng, columns["query"], _SWAPS, _SEAMS)}
