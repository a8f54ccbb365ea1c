"""Released evaluator of ChemCoTBench mol_opt: any gain counts, any molecule may be the answer.

Known defects, kept: the source molecule in another spelling gains by floating-point
noise; an unrelated molecule or a mixture may succeed; an answer without JSON is
searched for its longest word. The mean gain is taken after the gains (0 for those
that have none) are clipped to their 5th and 95th percentiles. logP is Crippen's, as
it is there without PyTDC. Without an oracle a subset has no gain: those metrics are None.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tasks.answers.smiles import parse
from tasks.base import Metrics, Sample, ScriptResult, SubsetLost
from tasks.chemcot.chemistry.properties import esol_refitted, has_oracle, property_of
from tasks.chemcot.chemistry.similarity import morgan_bits
from tasks.chemcot.released_parsing import as_object, as_rdkit_reads, cleaned

KEYS = ("Final Target Molecule", "Final_Target_Molecule", "output", "answer")
NAMES = (
    "mean_improvement",
    "success_rate",
    "best_rate",
    "valid_smiles_rate",
    "valid_score_rate",
    "scaffold_hard",
    "scaffold_soft",
)
BEST = {"drd": 0.3, "gsk": 0.3, "jnk": 0.3, "qed": 0.3, "logp": 0.5, "solubility": 0.5}
"""The gain that counts as best."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9@\[\]()=#\-+.\\/]{4,}")


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """The seven metrics; rates in percent, the mean improvement in the property's own unit."""
    try:
        said = [as_rdkit_reads(molecule_said(answer)) for answer in answers]
    except SubsetLost:
        return dict.fromkeys(NAMES)
    name = subset.rpartition("_")[2]
    total = max(1, len(samples))
    pairs = [
        (str(sample.meta.get("source", "")), smiles) for sample, smiles in zip(samples, said, strict=True)
    ]
    valid = [pair for pair in pairs if parse(pair[1])]
    both = [pair for pair in valid if parse(pair[0])]
    scaffolds = [scaffold_match(*pair) for pair in both]
    metrics: Metrics = dict.fromkeys(NAMES)
    metrics["valid_smiles_rate"] = 100 * len(valid) / total
    metrics["scaffold_hard"] = 100 * sum(same for same, _ in scaffolds) / total
    metrics["scaffold_soft"] = 100 * sum(alike for _, alike in scaffolds) / total
    if has_oracle(name):
        metrics |= _gains([_gain(name, *pair) for pair in both], name, len(samples))
    return metrics


def _gains(gains: list[float], name: str, count: int) -> Metrics:
    import numpy as np

    total = max(1, count)
    padded = gains + [0.0] * (total - len(gains))
    clipped = np.clip(padded, *np.percentile(padded, [5, 95]))
    return {
        "mean_improvement": float(clipped.mean()),
        "success_rate": 100 * sum(gain > 0 for gain in gains) / total,
        "best_rate": 100 * sum(gain >= BEST[name] for gain in gains) / total,
        "valid_score_rate": 100 * len(gains) / total,
    }


def _gain(name: str, source: str, target: str) -> float:
    """The plain difference: no tolerance, no condition."""
    if name == "solubility":
        return esol_refitted(parse(target)) - esol_refitted(parse(source))
    return (property_of(name, target) or 0.0) - (property_of(name, source) or 0.0)


def molecule_said(answer: str) -> str:
    """What the released parser takes for the answer; raises SubsetLost where it would end the subset."""
    text = cleaned(answer)
    found = as_object(text)
    if found is not None:
        value = next((found[key] for key in KEYS if found.get(key)), found.get(KEYS[-1]))
        if value is not None:
            return str(value).strip()
    for key in KEYS:
        match = re.search(rf'"{key}"\s*:\s*"([^"]*)"', text, re.IGNORECASE)
        if match:
            return match.group(1).strip()
    return max(_WORD.findall(text), key=len, default=text.strip())


def scaffold_match(source: str, target: str) -> tuple[bool, float]:
    """Whether the Murcko scaffolds agree, and how alike they are; two molecules without rings agree."""
    from rdkit.Chem import rdFMCS
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold: Any = MurckoScaffold.MurckoScaffoldSmiles
    first, second = scaffold(mol=parse(source)), scaffold(mol=parse(target))
    if first == second:
        return True, 1.0
    alike = morgan_bits(first, second, bits=1024)
    # The released rule asks for a common substructure first, whatever its size.
    if alike and rdFMCS.FindMCS([parse(first), parse(second)], timeout=1).numAtoms == 0:
        return False, 0.0
    return False, alike
