"""Properties that a molecule can be optimised for: drug-likeness, lipophilicity, solubility, targets.

* ``qed``: quantitative estimate of drug-likeness (Bickerton et al., 2012, Nature Chemistry 4), by RDKit.
* ``logp``: Crippen's logP (Wildman and Crippen, 1999, J. Chem. Inf. Comput. Sci. 39), by RDKit. With
  PyTDC the released evaluator reports penalised logP under the same name; here it is always plain.
* ``solubility``: ESOL, log10 of mol/L (Delaney, 2004, J. Chem. Inf. Comput. Sci. 44).
* ``drd``, ``gsk``, ``jnk``: the trained oracles DRD2, GSK3B and JNK3 of PyTDC, an option. Without the
  package, or without its downloaded model files, nothing can be said about these three.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tasks.answers.smiles import parse
from tasks.chemcot.chemistry.groups import molecule
from tasks.chemcot.chemistry.similarity import morgan_bits, parent_form

PROPERTIES = ("drd", "gsk", "jnk", "logp", "qed", "solubility")
"""By the names of the published subsets."""
ORACLES = {"drd": "DRD2", "gsk": "GSK3B", "jnk": "JNK3"}
"""Property -> the name of its oracle in PyTDC."""


def qed(mol: Any) -> float:
    """0.0 to 1.0."""
    from rdkit.Chem import QED

    estimate: Any = QED.qed
    return float(estimate(mol))


def logp(mol: Any) -> float:
    """log10 of the octanol-water partition coefficient."""
    from rdkit.Chem import rdMolDescriptors

    return float(rdMolDescriptors.CalcCrippenDescriptors(mol)[0])


def _esol_terms(mol: Any) -> tuple[float, float, int, float]:
    """logP, molecular weight in g/mol, rotatable bonds, share of aromatic atoms."""
    from rdkit.Chem import rdMolDescriptors

    aromatic = sum(atom.GetIsAromatic() for atom in mol.GetAtoms())
    return (
        logp(mol),
        float(rdMolDescriptors._CalcMolWt(mol)),
        int(rdMolDescriptors.CalcNumRotatableBonds(mol)),
        aromatic / mol.GetNumAtoms(),
    )


def esol(mol: Any) -> float:
    """log10 of the solubility in mol/L, by Delaney's coefficients of 2004."""
    partition, weight, rotors, aromatic = _esol_terms(mol)
    return 0.16 - 0.63 * partition - 0.0062 * weight + 0.066 * rotors - 0.74 * aromatic


def esol_refitted(mol: Any) -> float:
    """The same with the coefficients that the released evaluator has, refitted to RDKit's descriptors."""
    partition, weight, rotors, aromatic = _esol_terms(mol)
    return (
        0.26121066137801696
        - 0.7416739523408995 * partition
        - 0.0066138847738667125 * weight
        + 0.003451545565957996 * rotors
        - 0.42624840441316975 * aromatic
    )


COMPUTED: dict[str, Callable[[Any], float]] = {"logp": logp, "qed": qed, "solubility": esol}


@lru_cache(maxsize=8)
def oracle(name: str) -> Callable[[str], float] | None:
    """The trained oracle of ``drd``, ``gsk`` or ``jnk``; None where it cannot be had.

    PyTDC downloads an oracle's model on first use and keeps it under ``oracle/`` in the working folder.
    """
    try:
        load = importlib.import_module("tdc").Oracle
    except ImportError:
        return None
    try:
        found: Callable[[str], float] = load(name=ORACLES[name])
        found("CCO")
    except (ImportError, OSError, ValueError, AttributeError, TypeError, KeyError, EOFError, SystemExit):
        return None  # no network for its model, or a model that this scikit-learn cannot read
    return found


def has_oracle(name: str) -> bool:
    """Whether the property can be computed here."""
    return name in COMPUTED or (name in ORACLES and oracle(name) is not None)


@lru_cache(maxsize=50_000)
def property_of(name: str, smiles: str) -> float | None:
    """A property of a molecule; None when the text is no molecule or the property has no oracle here."""
    mol = parse(smiles)
    if mol is None:
        return None
    if name in COMPUTED:
        return COMPUTED[name](mol)
    known = oracle(name) if name in ORACLES else None
    return float(known(smiles)) if known else None


MIN_SIMILARITY = 0.4
"""Morgan Tanimoto (radius 2, 2,048 bits) to the source below which an answer is another molecule, not an
optimisation of this one: the bound of Jin et al. (2019, ICLR, graph-to-graph translation)."""
MIN_GAIN = 1e-6
"""Smallest gain that counts. Summing in another atom order moves a property by less than 1e-12; the smallest
step of Crippen's contributions, and with them of ESOL, is 1e-4."""


@lru_cache(maxsize=50_000)
def optimisation_error(name: str, source: str, target: str) -> str:
    """What is wrong with ``target`` as an optimisation of ``source``; empty when nothing is.

    One of ``invalid_smiles``, ``fragments``, ``unchanged``, ``unrelated``, ``no_gain`` and ``no_oracle``.
    """
    if molecule(target) is None or parse(source) is None:
        return "invalid_smiles"
    if "." in target:
        return "fragments"
    if parent_form(source) == parent_form(target):
        return "unchanged"
    if morgan_bits(source, target) < MIN_SIMILARITY:
        return "unrelated"
    before, after = property_of(name, source), property_of(name, target)
    if before is None or after is None:
        return "no_oracle"
    return "" if after - before > MIN_GAIN else "no_gain"
