"""SMILES as molecules: parsing, and the one spelling that RDKit gives a molecule."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MAX_LENGTH = 1_000
"""Longest SMILES that is read, in characters: three times what the published rows hold."""


@lru_cache(maxsize=20_000)
def parse(smiles: str) -> Any | None:
    """The RDKit molecule of a SMILES of any kind, ions and mixtures included; None when it is none.

    RDKit stops reading at a space or a null character and would take the rest for a name; such a text
    is refused.
    """
    if not 0 < len(smiles) <= MAX_LENGTH or not smiles.isascii():
        return None
    if any(character.isspace() or character == "\0" for character in smiles):
        return None
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    return mol if mol is not None and mol.GetNumAtoms() else None


@lru_cache(maxsize=200_000)
def canonical(smiles: str, stereo: bool = True) -> str | None:
    """The one spelling that RDKit gives a molecule; None when the text is no molecule."""
    mol = parse(smiles)
    if mol is None:
        return None
    from rdkit import Chem

    return str(Chem.MolToSmiles(mol, isomericSmiles=stereo))
