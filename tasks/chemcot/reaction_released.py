"""Released evaluator of ChemCoTBench reaction: structure metrics, and two subsets that read other keys.

Known defects, kept: nepp reads ``output`` or ``answer`` where its prompt asks for
``pred_smi``, and rcr ``condition`` or ``answer`` where it asks for ``SMILES``, so that
an obedient answer scores 0; a gold that is no valid SMILES scores 0 whatever is said;
an invalid answer adds the best Levenshtein distance, 0; the letter of mechsel is the
first letter of what was found (``Option G`` is O).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tasks.answers.smiles import canonical
from tasks.base import Metrics, Sample, ScriptResult, SubsetLost
from tasks.chemcot.chemistry.similarity import (
    character_bleu,
    levenshtein,
    maccs,
    morgan_counts,
    path_bits,
    same_inchi,
)
from tasks.chemcot.released_parsing import as_object, as_rdkit_reads, cleaned

KEYS = {
    "fs": ("Major Product", "output", "answer"),
    "retro": ("Reactants", "output", "answer"),
    "rcr": ("condition", "answer"),
    "nepp": ("output", "answer"),
    "mechsel": ("choice", "answer"),
}
STRUCTURE_NAMES = (
    "exact_match",
    "validity",
    "morgan_sims",
    "maccs_sims",
    "rdk_sims",
    "bleu",
    "levenshtein",
    "exact_match_count",
    "valid_count",
)
_ALIKE = {"morgan_sims": morgan_counts, "maccs_sims": maccs, "rdk_sims": path_bits}


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """The metrics of a subset: rates and similarities in percent, the edit distance and counts as they
    are."""
    kind = subset.rpartition("_")[2]
    golds = [str(sample.gold) for sample in samples]
    try:
        said = [what_is_said(answer, kind) for answer in answers]
    except SubsetLost:
        return dict.fromkeys(_names(kind))
    if kind == "mechsel":
        right = sum(first_letter(text) == first_letter(gold) for text, gold in zip(said, golds, strict=True))
        return {"accuracy": 100 * right / max(1, len(golds)), "correct_count": float(right)}
    if kind == "rcr":
        right = sum(_plain(text) == _plain(gold) for text, gold in zip(said, golds, strict=True))
        return {"exact_match": 100 * right / max(1, len(golds)), "exact_count": float(right)}
    return _structures([as_rdkit_reads(text) if isinstance(text, str) else "" for text in said], golds)


def _names(kind: str) -> tuple[str, ...]:
    return {"mechsel": ("accuracy", "correct_count"), "rcr": ("exact_match", "exact_count")}.get(
        kind, STRUCTURE_NAMES
    )


def _structures(said: Sequence[str], golds: Sequence[str]) -> Metrics:
    total = max(1, len(golds))
    pairs = [
        (canonical(text, stereo=False), canonical(gold, stereo=False))
        for text, gold in zip(said, golds, strict=True)
    ]
    both = [(text, gold) for text, gold in pairs if text and gold]
    exact = sum(same_inchi(text, gold) for text, gold in zip(said, golds, strict=True))
    valid = sum(text is not None for text, _ in pairs)
    metrics: Metrics = {
        "exact_match": 100 * exact / total,
        "validity": 100 * valid / total,
        "exact_match_count": float(exact),
        "valid_count": float(valid),
        "levenshtein": sum(levenshtein(text, gold) for text, gold in both) / total,
    }
    for name, alike in _ALIKE.items():
        metrics[name] = 100 * sum(alike(text, gold) for text, gold in both) / total
    readable = [(text or "", gold) for text, gold in pairs if gold]
    metrics["bleu"] = 100 * character_bleu([text for text, _ in readable], [gold for _, gold in readable])
    return metrics


def what_is_said(answer: str, kind: str) -> Any:
    """What the released parser takes for the answer, of any type; raises SubsetLost where it ends the
    subset."""
    if not answer:
        return None
    text = cleaned(answer)
    found = as_object(text)
    if found is not None:
        value = next((found[key] for key in KEYS[kind] if key in found), None)
        if kind != "mechsel":
            return value
        if value:
            return str(value).strip().upper()
    if kind in ("fs", "retro", "mechsel"):
        inside = '([A-Z])"' if kind == "mechsel" else '([^"]*)"'
        flags = 0 if kind == "mechsel" else re.IGNORECASE
        for key in KEYS[kind]:
            match = re.search(rf'"{key}"\s*:\s*"{inside}', text, flags)
            if match:
                return match.group(1).strip()
    lone = re.search(r"\b[A-Z]\b", text) if kind == "mechsel" else None
    return lone.group(0) if lone else text.strip()


def first_letter(value: Any) -> str:
    """The first of A to Z in a text, whatever it belongs to; empty when there is none."""
    match = re.search(r"[A-Z]", str(value).upper()) if value else None
    return match.group(0) if match else ""


def _plain(value: Any) -> str:
    return str(value).lower().strip() if value else ""
