"""Released evaluator of ChemCoTBench mol_edit: valid SMILES, and group counts that change by one.

Known defects, kept: nothing but the counts is compared, so that a mixture of fragments
or an unrelated molecule passes, and an added water where it is not counted; a carboxyl
counts as a hydroxyl as well, so that the one put in place of the other is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tasks.answers.smiles import parse
from tasks.base import Metrics, Sample, ScriptResult, SubsetLost
from tasks.chemcot.chemistry.similarity import morgan_bits
from tasks.chemcot.released_parsing import as_object, cleaned

NAMES = ("correct_rate", "valid_rate", "tanimoto_similarity", "correct_count", "valid_count")
KEYS = ("output", "answer")
_BENZENE = "[c;R1]1" + 4 * "[c;R1]" + "[c;R1]1"
_PATTERNS = {
    "benzene": _BENZENE,
    "benzene_ring": _BENZENE,
    "hydroxyl": "[OX2;H1]",
    "aldehyde": "[CX3;H1]([#6])=O",
    "ketone": "[CX3]([#6])([#6])=O",
    "carboxyl": "[CX3](=O)[OX2;H1]",
    "ester": "[#6][CX3](=O)[OX2;H0][#6]",
    "anhydride": "[CX3](=[OX1])[OX2][CX3]=[OX1]",
    "amine": "[NX3;H1,H2;!$(NC=O)]",
    "amide": "[#6][CX3](=[OX1])[NX3]",
    "nitro": "[!#8][NX3;$(N(=O)=O),$([N+](=O)[O-])]",
    "halo": "[F,Cl,Br,I]",
    "thiol": "[#16;X2;H1]",
    "thioether": "[SX2][CX4]",
    "disulfide": "[#16;X2;H0][#16;X2;H0]",
    "sulfoxide": "[#16;$([X3]=[OX1]),$([X3+][OX1-])]",
    "sulfone": "[#16;$([X4](=[OX1])=[OX1]),$([X4+2]([OX1-])[OX1-])]",
    "sulfide": "[#16;X2;H0]",
    "nitrile": "[CX2]#[NX1]",
    "borane": "[BX3]",
}
"""What the released rule counts: wider than ``tasks.chemcot.chemistry.groups.GROUPS`` in places."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9@\[\]()=#\-+.\\/]{4,}")


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """Rates and the similarity to the reference in percent, counts as they are; None where it crashes."""
    try:
        said = [molecule_said(answer) for answer in answers]
    except SubsetLost:
        return dict.fromkeys(NAMES)
    total = max(1, len(samples))
    pairs = list(zip(samples, said, strict=True))
    right = sum(_right(sample, smiles) for sample, smiles in pairs)
    valid = sum(parse(smiles) is not None for smiles in said)
    alike = sum(morgan_bits(smiles, str(sample.gold)) for sample, smiles in pairs)
    return {
        "correct_rate": 100 * right / total,
        "valid_rate": 100 * valid / total,
        "tanimoto_similarity": 100 * alike / total,
        "correct_count": float(right),
        "valid_count": float(valid),
    }


def molecule_said(answer: str) -> str:
    """What the released parser takes for the molecule: JSON, a quoted value, else the longest word.

    Raises SubsetLost where it would end the subset.
    """
    text = cleaned(answer)
    found = as_object(text)
    if found is not None:
        value = next((found[key] for key in KEYS if key in found), None)
        if value is not None:
            return str(value).strip()
    for key in KEYS:
        match = re.search(rf'"{key}"\s*:\s*"([^"]*)"', text, re.IGNORECASE)
        if match:
            return match.group(1).strip()
    return max(_WORD.findall(text), key=len, default=text.strip())


def _right(sample: Sample, smiles: str) -> bool:
    before, after = parse(str(sample.meta.get("source") or "")), parse(smiles)
    changes = {"removed": -1, "added": 1}
    asked = [(str(sample.meta[what]), by) for what, by in changes.items() if sample.meta.get(what)]
    if before is None or after is None or not asked or any(group not in _PATTERNS for group, _ in asked):
        return False
    return all(_count(after, group) - _count(before, group) == by for group, by in asked)


@lru_cache(maxsize=len(_PATTERNS))
def _pattern(group: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmarts(_PATTERNS[group])


def _count(mol: Any, group: str) -> int:
    count = len(mol.GetSubstructMatches(_pattern(group)))
    if group == "sulfide":
        count -= len(mol.GetSubstructMatches(_pattern("disulfide")))
    return count
