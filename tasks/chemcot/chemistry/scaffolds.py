"""Parts of a molecule by name: its Murcko scaffold, its rings, its side chains.

RDKit is imported when the first molecule is read.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tasks.chemcot.chemistry.groups import molecule


def scaffold(smiles: str) -> str | None:
    """The Murcko scaffold as canonical SMILES; empty for a molecule without a ring, None for no molecule.

    G. W. Bemis and M. A. Murcko, 1996, J. Med. Chem. 39, 2887; atoms double-bonded to it stay, as in RDKit.
    """
    mol = molecule(smiles)
    if mol is None:
        return None
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    take: Any = MurckoScaffold.GetScaffoldForMol  # it has no annotations
    return str(Chem.MolToSmiles(take(mol)))


_COUNTED_OTHERWISE = {
    "amide": ("[#6][CX3](=O)[NX3][#6]",),
    "ester": ("[#6](=[#8])-[OX2]-[#6]",),
}
"""Fragments that the benchmark counts by another pattern than RDKit's table has, or that it lacks."""


@lru_cache(maxsize=1)
def _fragments() -> dict[str, tuple[Any, ...]]:
    """Fragment name -> its patterns in RDKit's table of functional groups (label, SMARTS, name)."""
    from pathlib import Path

    from rdkit import Chem, RDConfig

    table: dict[str, tuple[str, ...]] = {}
    for line in (Path(RDConfig.RDDataDir) / "FunctionalGroups.txt").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("\t") if cell.strip()]
        if len(cells) == 3 and not line.startswith("//"):
            table[cells[2]] = (*table.get(cells[2], ()), cells[1])
    table |= _COUNTED_OTHERWISE
    return {name: tuple(Chem.MolFromSmarts(smarts) for smarts in found) for name, found in table.items()}


def fragment_count(smiles: str, name: str) -> int | None:
    """How often a named side chain such as ``nitriles`` occurs; None when nothing can be said.

    Names are those of RDKit's table of functional groups; a name that stands there for two patterns
    which disagree says nothing.
    """
    mol = molecule(smiles)
    if mol is None:
        return None
    counts = {len(mol.GetSubstructMatches(pattern)) for pattern in _fragments().get(name, ())}
    return counts.pop() if len(counts) == 1 else None


def ring_count(smiles: str, ring: str) -> int | None:
    """How often a ring (system), given as SMILES, occurs in a molecule; None when one cannot be read."""
    mol, wanted = molecule(smiles), molecule(ring)
    if mol is None or wanted is None:
        return None
    return len(mol.GetSubstructMatches(wanted))
