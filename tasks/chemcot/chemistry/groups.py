"""Functional groups, and whether one molecule is an edit of another.

An edit changes the count of the group in question by exactly one and leaves the
rest alone: what remains of the source without the removed group must be found
inside the product, and the product may hold no more atoms than the added group
explains. So an unrelated molecule with the right group counts is no edit.

RDKit is imported when the first molecule is read; its messages are kept quiet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_LENGTH = 300
"""Longest SMILES that is read, in characters; a longer one is a model that repeats itself."""


@dataclass(frozen=True)
class Group:
    """A functional group: a SMARTS pattern that matches its own heavy atoms only."""

    smarts: str
    atoms: int
    carried: int = 0
    """Further heavy atoms that may come or go with the group, such as the methyl of an ester."""


GROUPS: dict[str, Group] = {
    "hydroxyl": Group("[OX2;H1;$(O-[#6]);!$(O-C=O)]", 1),
    "aldehyde": Group("[CX3;H1;$(C-[#6])]=[OX1]", 2),
    "carboxyl": Group("[CX3](=[OX1])[OX2;H1]", 3),
    "nitrile": Group("[CX2]#[NX1]", 2),
    "halo": Group("[F,Cl,Br,I;X1]", 1),
    "nitro": Group("[NX3;+](=[OX1])[OX1;-]", 3),
    "amine": Group("[NX3;H2,H1;$(N-[#6]);!$(N-[C,S,P]=[O,S,N]);!$(N-[#7,#8])]", 1),
    "thiol": Group("[SX2;H1]", 1),
    "benzene": Group("c1ccccc1", 6),
    "benzene_ring": Group("c1ccccc1", 6),
    "ketone": Group("[CX3;$(C(-[#6])-[#6])]=[OX1]", 2, carried=1),
    "ester": Group("[CX3;H1,$(C-[#6])](=[OX1])[OX2;H0;$(O-[#6]);!$(O(C=O)C=O)]", 3, carried=2),
    "anhydride": Group("[CX3](=[OX1])[OX2][CX3]=[OX1]", 5, carried=1),
    "amide": Group("[CX3;H1,$(C-[#6])](=[OX1])[NX3]", 3, carried=1),
    "thioether": Group("[SX2;H0;$(S(-[#6])-[#6])]", 1, carried=1),
    "sulfide": Group("[SX2;H0;$(S(-[#6])-[#6])]", 1, carried=1),
    "disulfide": Group("[SX2;H0]-[SX2;H0]", 2, carried=1),
    "sulfoxide": Group("[SX3;$(S(-[#6])-[#6])]~[OX1]", 2, carried=1),
    "sulfone": Group("[SX4;$(S(-[#6])-[#6])](~[OX1])~[OX1]", 3, carried=1),
    "borane": Group("[BX3]", 1, carried=2),
}
"""The twenty published groups. A carboxyl's OH is no hydroxyl, the N of an amide no amine."""


@lru_cache(maxsize=1)
def _patterns() -> dict[str, Any]:
    from rdkit import Chem

    return {name: Chem.MolFromSmarts(group.smarts) for name, group in GROUPS.items()}


@lru_cache(maxsize=50_000)
def molecule(smiles: str) -> Any | None:
    """The RDKit molecule; None when the text is too long or no molecule of real, closed-shell atoms."""
    if (
        not 0 < len(smiles) <= MAX_LENGTH
        or not smiles.isascii()
        or any(c.isspace() or c == "\0" for c in smiles)
    ):
        return None
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None or mol.GetNumAtoms() == 0:
        return None
    # Outside brackets an atom is always an ordinary one with its hydrogens filled in.
    if "[" in smiles or "*" in smiles:
        for atom in mol.GetAtoms():
            if atom.GetAtomicNum() <= 1 or atom.GetNumRadicalElectrons() or atom.GetIsotope():
                return None
    return mol


def group_matches(mol: Any, group: str) -> tuple[tuple[int, ...], ...]:
    """The atoms of every occurrence of a group."""
    return tuple(mol.GetSubstructMatches(_patterns()[group]))


def _without(mol: Any, atoms: tuple[int, ...]) -> Any:
    """A copy without these atoms, as a query for the rest."""
    from rdkit import Chem

    rest = Chem.RWMol(mol)
    for place in sorted(atoms, reverse=True):
        rest.RemoveAtom(place)
    return rest.GetMol()


@lru_cache(maxsize=50_000)
def edit_error(source: str, product: str, removed: str | None, added: str | None) -> str:
    """What is wrong with ``product`` as an edit of ``source``; empty when nothing is.

    One of ``invalid_smiles``, ``fragments``, ``unchanged``, ``wrong_group_count`` and
    ``rest_changed``. ``removed`` and ``added`` are names in ``GROUPS``; a name that is
    not known there makes every product wrong (``unknown_group``).
    """
    before, after = molecule(source), molecule(product)
    if after is None or before is None:
        return "invalid_smiles"
    if "." in product:
        return "fragments"
    if any(group is not None and group not in GROUPS for group in (removed, added)):
        return "unknown_group"
    from rdkit import Chem

    same_size = before.GetNumAtoms() == after.GetNumAtoms()
    if same_size and Chem.MolToSmiles(before) == Chem.MolToSmiles(after):
        return "unchanged"
    for group, change in ((removed, -1), (added, 1)):
        if group and len(group_matches(after, group)) - len(group_matches(before, group)) != change:
            return "wrong_group_count"
    kept = Chem.GetFormalCharge(before) == Chem.GetFormalCharge(after) and _rest_kept(
        before, after, removed, added
    )
    return "" if kept else "rest_changed"


def _rest_kept(before: Any, after: Any, removed: str | None, added: str | None) -> bool:
    allowed = GROUPS[added].atoms + GROUPS[added].carried if added else 0
    rests = [before] if removed is None else _rests(before, removed)
    return any(
        0 <= after.GetNumAtoms() - rest.GetNumAtoms() <= allowed and after.HasSubstructMatch(rest)
        for rest in rests
    )


def _rests(mol: Any, removed: str) -> Iterator[Any]:
    """What may remain of a molecule that loses a group: all but the group, or but for the group's carbon.

    A carbon may stay behind, as when an aldehyde is reduced or the reference turns ``CC#N`` into ``CCCl``;
    and the small piece that a group carries may go with it, as the methyl of an ester does.
    """
    for atoms in group_matches(mol, removed):
        yield _without(mol, atoms)
        carbons = [place for place in atoms if mol.GetAtomWithIdx(place).GetAtomicNum() == 6]
        if carbons:
            yield _without(mol, tuple(place for place in atoms if place != carbons[0]))
        if GROUPS[removed].carried:
            yield _without(mol, atoms + _loose_atoms(mol, atoms, GROUPS[removed].carried))


def _loose_atoms(mol: Any, atoms: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The atoms of the smallest piece that comes loose when ``atoms`` go; none where it is over ``size``."""
    from rdkit import Chem

    kept = [place for place in range(mol.GetNumAtoms()) if place not in atoms]
    pieces = sorted(Chem.GetMolFrags(_without(mol, atoms)), key=len)
    if len(pieces) < 2 or len(pieces[0]) > size:
        return ()
    return tuple(kept[place] for place in pieces[0])
