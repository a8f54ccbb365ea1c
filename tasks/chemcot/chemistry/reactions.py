"""Checks of a reaction without knowing its product: conservation, and ten textbook kinds.

An answer that needs an element that nobody brought is wrong. An elementary step keeps
atoms and charge. A textbook reaction is an RDKit reaction pattern; where one of them
leads from the reactants to the product, the two belong together. More is not claimed:
that no pattern fits proves nothing.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import permutations
from typing import Any

from tasks.answers.smiles import canonical, parse

TEXTBOOK = {
    "esterification": "[C:1](=[O:2])[OX2H1].[OX2H1:3][C;!$(C=O):4]>>[C:1](=[O:2])[O:3][C:4]",
    "amidation": "[C:1](=[O:2])[OX2H1].[NX3;H2,H1;!$(NC=O):3]>>[C:1](=[O:2])[N:3]",
    "n_alkylation": "[CX4:1][Br].[NX3;H2,H1;!$(NC=O):2]>>[C:1][N:2]",
    "o_alkylation": "[CX4:1][Br].[OX2H1;!$(OC=O):2]>>[C:1][O:2]",
    "reduction": "[#6:1][CX3:2](=[O:3])[#6:4]>>[#6:1][C:2]([OH:3])[#6:4]",
    "oxidation": "[#6:1][CX4H1:2]([OX2H1:3])[#6:4]>>[#6:1][C:2](=[O:3])[#6:4]",
    "chlorination": "[CX4:1][OX2H1]>>[C:1]Cl",
    "acid_chloride": "[#6:1][C:2](=[O:3])[OX2H1]>>[#6:1][C:2](=[O:3])Cl",
    "nitrile_reduction": "[#6:1][C:2]#[N:3]>>[#6:1][CH2:2][NH2:3]",
    "ester_hydrolysis": "[C:1](=[O:2])[OX2:3][CX4]>>[C:1](=[O:2])[OH:3]",
}
MOST_MOLECULES = 3
"""Larger mixtures are not tried: the orders of their members are too many."""


@lru_cache(maxsize=1)
def _patterns() -> tuple[Any, ...]:
    from rdkit.Chem import rdChemReactions

    return tuple(rdChemReactions.ReactionFromSmarts(smarts) for smarts in TEXTBOOK.values())


def textbook_products(reactants: str) -> frozenset[str]:
    """Canonical spellings of every main product of a textbook reaction of exactly these molecules."""
    mols = [parse(part) for part in reactants.split(".")]
    if not 0 < len(mols) <= MOST_MOLECULES or any(mol is None for mol in mols):
        return frozenset()
    from rdkit import Chem, rdBase

    found = set()
    with rdBase.BlockLogs():
        for pattern in _patterns():
            if pattern.GetNumReactantTemplates() != len(mols):
                continue
            for order in permutations(mols):
                for (product,) in pattern.RunReactants(order):
                    spelled = canonical(Chem.MolToSmiles(product))
                    if spelled:
                        found.add(spelled)
    return frozenset(found)


@lru_cache(maxsize=20_000)
def contents(smiles: str) -> tuple[dict[str, int], int] | None:
    """(element -> atoms, hydrogens included; net charge) of a mixture; None when it is no SMILES."""
    mol = parse(smiles)
    if mol is None:
        return None
    atoms: Counter[str] = Counter()
    for atom in mol.GetAtoms():
        atoms[atom.GetSymbol()] += 1
        atoms["H"] += atom.GetTotalNumHs()
    charge = sum(atom.GetFormalCharge() for atom in mol.GetAtoms())
    return {element: count for element, count in atoms.items() if count}, charge


def conserved(before: str, after: str) -> bool:
    """Whether two mixtures hold the same atoms and the same charge."""
    pair = contents(before), contents(after)
    return pair[0] is not None and pair[0] == pair[1]


def brought(product: str, *sources: str) -> bool:
    """Whether every element of a product but hydrogen is in a source; True where one is unreadable."""
    wanted, held = contents(product), [contents(source) for source in sources]
    if wanted is None or any(each is None for each in held):
        return True
    return set(wanted[0]) - {"H"} <= {element for each in held if each for element in each[0]}


# -- comparing mixtures ----------------------------------------------------------------------------


def members(smiles: str) -> Counter[str] | None:
    """Canonical spelling -> count of a mixture's molecules; None when it is no SMILES."""
    whole = canonical(smiles)
    return Counter(whole.split(".")) if whole else None


def same_molecules(said: str, reference: str) -> bool:
    """Whether both are the same molecules, in whatever order and spelling; stereo marks count."""
    pair = members(said), members(reference)
    if pair[0] is None or pair[1] is None:
        return False
    return pair[0] == pair[1] or glued(said, reference)


def glued(said: str, reference: str) -> bool:
    """Whether the reference is this answer's molecules written together without a dot.

    Some published references are: ``CC(=O)O`` and ``OCC`` became ``CC(=O)OOCC``, which happens to be a valid
    SMILES of a third molecule. Only an answer of two or three molecules is tried.
    """
    parts = (canonical(said) or "").split(".")
    if not 2 <= len(parts) <= MOST_MOLECULES or "." in reference:
        return False
    return any("".join(order) == reference for order in permutations(parts))


@lru_cache(maxsize=5_000)
def readable_reference(gold: str) -> str | None:
    """A reference as SMILES; one written without its dot is cut in two where only one cut gives molecules.

    Of several cuts the one into canonical spellings counts, if it is the only such. None where no cut, or
    more than one, is left: nothing can then be compared with the reference.
    """
    if parse(gold) is not None:
        return gold
    cuts = [(gold[:place], gold[place:]) for place in range(1, len(gold))] if len(gold) <= 400 else []
    cuts = [cut for cut in cuts if parse(cut[0]) is not None and parse(cut[1]) is not None]
    if len(cuts) > 1:
        cuts = [cut for cut in cuts if all(canonical(part) == part for part in cut)]
    return ".".join(cuts[0]) if len(cuts) == 1 else None


def among(said: str, given: str) -> bool:
    """Whether every molecule of an answer was given in the question."""
    pair = members(said), members(given) if given else None
    return bool(pair[0] and pair[1] and set(pair[0]) <= set(pair[1]))
