"""Generator of the synthetic edition of ChemCoTBench reaction: textbook reactions of small molecules.

A molecule is text: residues ``R`` (read towards the reacting end) and ``Q`` (read away from it), joined by a
reacting group. A reaction is two such texts, so that the product is written down rather than searched for;
tests confirm every kind with an RDKit reaction of its own.

Five subsets: fs asks for the product, retro for the reactants, rcr for the reagent, nepp for what the next
elementary step gives, mechsel for the mechanism among four.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.mini.edits import edit_prose
from tasks.splits import content_id
from tasks.synthetic import Item

SOURCE_NAMES = (
    "flask-diary",
    "westwing-reactions",
    "organic-course-2",
    "reflux-collection",
    "distillate",
    "mechanism-cards",
    "quench-and-extract",
    "stockroom-archive",
    "rotavap-notes",
)
CARD_TOPICS = ("reaction questions", "synthesis exercises", "organic chemistry practice")


@dataclass(frozen=True)
class Difficulty:
    """Sizes and shares (0.0 to 1.0) of what makes a residue harder to copy."""

    chain_atoms: tuple[int, int] = (1, 5)
    branch_share: float = 0.15
    ring_share: float = 0.3
    choices: int = 4


DIFFICULTY = Difficulty()


@dataclass(frozen=True)
class Reaction:
    """``{R}`` and ``{Q}`` are residues."""

    name: str
    reactants: str
    reagent: str
    product: str
    byproduct: str
    group: str
    """What happens, as a worked solution says it."""


REACTIONS = (
    Reaction(
        "Esterification", "{R}C(=O)O.O{Q}", "O=S(=O)(O)O", "{R}C(=O)O{Q}", "O", "acid and alcohol, C(=O)O"
    ),
    Reaction("Amidation", "{R}C(=O)O.N{Q}", "CCN=C=NCC", "{R}C(=O)N{Q}", "O", "acid and amine, C(=O)N"),
    Reaction(
        "N-alkylation", "{R}Br.N{Q}", "O=C([O-])[O-].[K+].[K+]", "{R}N{Q}", "[Br-]", "bromide and amine, N"
    ),
    Reaction("O-alkylation", "{R}Br.O{Q}", "[H-].[Na+]", "{R}O{Q}", "[Br-]", "bromide and alcohol, O"),
    Reaction("Reduction", "{R}C(=O){Q}", "[BH4-].[Na+]", "{R}C(O){Q}", "", "ketone to alcohol, C(O)"),
    Reaction("Oxidation", "{R}C(O){Q}", "O=[Cr](=O)=O", "{R}C(=O){Q}", "", "alcohol to ketone, C(=O)"),
    Reaction("Chlorination", "{R}CO", "O=S(Cl)Cl", "{R}CCl", "O=S=O.Cl", "alcohol to chloride, Cl"),
    Reaction(
        "Acid chloride formation", "{R}C(=O)O", "O=P(Cl)(Cl)Cl", "{R}C(=O)Cl", "", "acid to chloride, C(=O)Cl"
    ),
    Reaction("Nitrile reduction", "{R}C#N", "[AlH4-].[Li+]", "{R}CN", "", "nitrile to amine, CN"),
    Reaction("Ester hydrolysis", "{R}C(=O)OC", "[OH-].[Na+]", "{R}C(=O)O", "CO", "ester to acid, C(=O)O"),
)


@dataclass(frozen=True)
class Step:
    """One elementary step."""

    note: str
    before: str
    after: str
    change: str


STEPS = (
    Step("Proton exchange", "{R}C(=O)O.N{Q}", "{R}C(=O)[O-].[NH3+]{Q}", "C(=O)[O-] and [NH3+]"),
    Step("Protonation of carbonyl oxygen", "{R}C(=O)O{Q}.[H+]", "{R}C(=[OH+])O{Q}", "C(=[OH+])"),
    Step("Hydroxide addition", "{R}C(=O)O{Q}.[OH-]", "{R}C([O-])(O)O{Q}", "C([O-])(O)"),
    Step("Hydride addition", "{R}C(=O){Q}.[H-]", "{R}C([O-]){Q}", "C([O-])"),
    Step("Deprotonation of alcohol", "{R}CO.[H-]", "{R}C[O-].[H][H]", "C[O-] and [H][H]"),
    Step("Nucleophilic substitution", "{R}Br.[O-]{Q}", "{R}O{Q}.[Br-]", "O and [Br-]"),
    Step("Protonation of alcohol", "{R}CO.[H+]", "{R}C[OH2+]", "C[OH2+]"),
    Step("Amine addition", "{R}C(=O)Cl.N{Q}", "{R}C([O-])(Cl)[NH2+]{Q}", "C([O-])(Cl)[NH2+]"),
    Step("Alkoxide leaving", "{R}C([O-])(O)O{Q}", "{R}C(=O)O.[O-]{Q}", "C(=O)O and [O-]"),
)

MECHANISMS = {
    "Fischer esterification": "carbonyl protonation, alcohol addition",
    "Ester hydrolysis": "hydroxide addition, alcoholate loss",
    "Williamson ether synthesis": "alkoxide formation, substitution",
    "Ketone reduction": "hydride addition, protonation",
    "Amidation": "amine addition, chloride loss",
    "Alcohol dehydration": "oxonium formation, water loss",
    "Amine alkylation": "bromide substitution, proton loss",
    "Grignard addition": "carbanion addition, protonation",
    "Alkene bromination": "bromonium formation, bromide attack",
    "Aldol addition": "enolate formation, carbonyl attack",
    "Friedel-Crafts acylation": "acylium formation, ring attack",
    "Imine formation": "hemiaminal formation, water loss",
}
"""Each begins with a word of its own, by which a worked solution tells them apart."""
SOLVENTS = ("water", "ethanol", "ether", "toluene", "acetone", "hexane")

_ENDS = ("c1ccccc1", "C1CCCCC1", "C1CCCC1")
LETTERS = "ABCDEFGHIJ"
"""What the options of mechsel are called; published questions have ten."""
SUBSETS = ("fs", "retro", "rcr", "nepp", "mechsel")
PREFIX = "chemcotbench_reaction_"


def _chain(rng: random.Random) -> list[str]:
    atoms = ["C"]
    for _ in range(rng.randint(*DIFFICULTY.chain_atoms) - 1):
        atoms.append("C(C)" if rng.random() < DIFFICULTY.branch_share else "C")
    return atoms


def _residues(rng: random.Random) -> dict[str, str]:
    """``R`` ends and ``Q`` begins with a plain carbon, so that no reacting group changes its kind."""
    left = "".join(_chain(rng))
    if rng.random() < DIFFICULTY.ring_share:
        left = rng.choice(_ENDS) + left
    right = "C" + "".join(_chain(rng))
    if rng.random() < DIFFICULTY.ring_share:
        right += rng.choice(_ENDS)
    return {"R": left if left.endswith("C") else left + "C", "Q": right}


def _fs(rng: random.Random) -> Item:
    kind, residues = rng.choice(REACTIONS), _residues(rng)
    reactants, product = kind.reactants.format(**residues), kind.product.format(**residues)
    query = (
        'Predict the major product. Answer in JSON {"Major Product": "SMILES"}.\n'
        f"Reactants: {reactants}\nReagents: {kind.reagent}"
    )
    decoys = (reactants.partition(".")[0], reactants, rng.choice(REACTIONS).product.format(**residues))
    return _item(query, "fs", product, f"{kind.group}.", kind.name, decoys, reactants, kind.byproduct)


def _retro(rng: random.Random) -> Item:
    kind, residues = rng.choice(REACTIONS[:-1]), _residues(rng)
    reactants, product = kind.reactants.format(**residues), kind.product.format(**residues)
    query = (
        'Predict the reactants. Answer in JSON {"Reactants": "SMILES"}.\n'
        f"Products: {product}\nReagents: {kind.reagent}"
    )
    decoys = (
        product,
        rng.choice(REACTIONS).reactants.format(**residues),
        reactants.partition(".")[2] or product,
    )
    return _item(query, "retro", reactants, f"from {kind.group}.", kind.name, decoys, product)


def _rcr(rng: random.Random) -> Item:
    kind, residues = rng.choice(REACTIONS), _residues(rng)
    reactants, product = kind.reactants.format(**residues), kind.product.format(**residues)
    query = (
        f"Given the following reaction under the type of {kind.name}:\n{reactants}>>{product},\n"
        'give me the most recommended reagent(s). Answer in JSON {"SMILES": str}.'
    )
    decoys = tuple(other.reagent for other in rng.sample(REACTIONS, 3))
    return _item(query, "rcr", kind.reagent, f"{kind.group}.", kind.name, decoys)


def _nepp(rng: random.Random) -> Item:
    step, residues = rng.choice(STEPS), _residues(rng)
    before, after = step.before.format(**residues), step.after.format(**residues)
    query = (
        'Predict the products of the next elementary step. Answer in JSON {"pred_smi": str}.\n'
        f'"reactants": {before},\n"step annotation": {step.note}'
    )
    decoys = (before, rng.choice(STEPS).after.format(**residues), after.partition(".")[2] or before)
    return _item(query, "nepp", after, f"gives {step.change}.", step.note, decoys, before)


def _mechsel(rng: random.Random) -> Item:
    name = rng.choice(tuple(MECHANISMS))
    others = rng.sample([other for other in MECHANISMS if other != name], DIFFICULTY.choices - 1)
    offered = rng.sample([name, *others], DIFFICULTY.choices)
    letters = "ABCD"[: DIFFICULTY.choices]
    listed = "\n".join(f"{letter}: {MECHANISMS[one]}" for letter, one in zip(letters, offered, strict=True))
    query = (
        f"Reaction class: {name}, in {rng.choice(SOLVENTS)}. Which mechanism is right?\n"
        f'{listed}\nReturn JSON {{"choice": str}}.'
    )
    right = letters[offered.index(name)]
    decoys = tuple(letter for letter in letters if letter != right)
    named = [f"{MECHANISMS[one].split()[0]} {letter}" for letter, one in zip(letters, offered, strict=True)]
    worked = f"{', '.join(named)}. {MECHANISMS[name].split()[0]} {right}."
    return _item(query, "mechsel", right, worked, name, decoys)


_DRAW: dict[str, Callable[[random.Random], Item]] = {
    "fs": _fs,
    "retro": _retro,
    "rcr": _rcr,
    "nepp": _nepp,
    "mechsel": _mechsel,
}


def _item(
    query: str,
    subset: str,
    answer: str,
    reasoning: str,
    kind: str,
    decoys: tuple[str, ...],
    given: str = "",
    byproduct: str = "",
) -> Item:
    columns = {"id": content_id(query), "query": query, "task": "reaction", "subtask": subset}
    meta = {"given": given, "letters": "ABCD", "byproduct": byproduct, "kind": kind}
    return Item(columns, answer, reasoning, f"{PREFIX}{subset}", answer, meta, decoys)


def draw(rng: random.Random, index: int) -> Item:
    """One question: fs, retro, rcr, nepp, mechsel in turn."""
    return _DRAW[SUBSETS[index % len(SUBSETS)]](rng)


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns: ``gt`` a string, for fs JSON inside a string; ``struct_cot`` where worked."""
    truth = answer
    if item.columns["subtask"] == "fs":
        truth = json.dumps({"Major Product": answer, "Byproduct(s)": item.meta["byproduct"]})
    row: dict[str, Any] = {**item.columns, "gt": truth, "meta": json.dumps({"rxn_cls": item.meta["kind"]})}
    return {**row, "struct_cot": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """What was given, half of the answer, or the answer of another reaction."""
    return rng.choice([decoy for decoy in item.decoys if decoy != item.answer])


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right answer without JSON."""
    if item.columns["subtask"] == "mechsel":
        styles: tuple[str, ...] = (
            "Answer: {}",
            "The right mechanism is option {}",
            "I choose {}.",
            "Choice: {}",
        )
    else:
        styles = ("It gives {}", "{}", "SMILES = {}", "We expect {}", "The answer is {}")
    return rng.choice(styles).format(item.answer)


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """The right reaction named, and what was given repeated; or the right mechanism under a wrong letter.

    None for a reagent: nothing in a question tells which one is wrong.
    """
    if item.columns["subtask"] == "rcr":
        return None
    given = str(item.meta["given"])
    return (given or rng.choice(item.decoys)), item.reasoning


_SWAPS = (
    ("Answer in", "Reply in"),
    ("Predict the", "What are the"),
    ("Return JSON", "Give JSON"),
    ("give me", "name"),
    ("Which mechanism", "What mechanism"),
)
_JSON_START = '{"'


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The wording edited, never a molecule, an option or the key that is asked for."""
    lines = columns["query"].split("\n")
    place = next(number for number, line in enumerate(lines) if _JSON_START in line)
    if columns["subtask"] == "mechsel" and rng.random() < 0.5:
        place = 0
    prose, opening, form = lines[place].partition(_JSON_START)
    if rng.random() < 0.6:
        lines[place] = edit_prose(rng, prose.rstrip(), _SWAPS).rstrip() + " " + opening + form
    else:
        lines[place] = prose.replace(" ", "  ", 1) + opening + form + rng.choice(("", " ", "\n"))
    return {**columns, "query": "\n".join(lines)}
