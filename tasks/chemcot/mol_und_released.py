"""Released evaluator of ChemCoTBench mol_und: error of counts, similarity of scaffolds, yes or no.

Known defects, kept: a count that is not a whole number as it stands (``2.0``, ``two``,
``2 groups``, ``[2]``, or none at all) is taken for 0; ``Yes.``, a boolean and ``Yes,
they match`` are wrong inside JSON, while free text is searched for the word yes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.base import Metrics, Sample, ScriptResult, SubsetLost
from tasks.chemcot.chemistry.similarity import morgan_bits
from tasks.chemcot.released_parsing import as_object, cleaned

COUNTS = ("fg_count", "ring_count")
SCAFFOLD = "Murcko_scaffold"
YES_NO = ("ring_system_scaffold", "equivalence")
KINDS = (*COUNTS, SCAFFOLD, *YES_NO)
PREFIX = "chemcotbench_mol_und_"
_KEYS = {
    **dict.fromkeys(COUNTS, ("count", "answer")),
    SCAFFOLD: ("Output Scaffold", "output", "answer"),
    **dict.fromkeys(YES_NO, ("output", "answer")),
}
_METRIC = {
    **dict.fromkeys(COUNTS, "mae"),
    SCAFFOLD: "tanimoto_similarity_larger_means_better",
    **dict.fromkeys(YES_NO, "accuracy"),
}
_BITS = 1024


def evaluate(
    subset: str, samples: Sequence[Sample], answers: Sequence[str], results: Sequence[ScriptResult | None]
) -> Metrics:
    """``mae`` as it is, the similarity from 0.0 to 1.0, ``accuracy`` in percent; None where it crashes."""
    kind = subset.removeprefix(PREFIX)
    golds = [str(sample.gold) for sample in samples]
    total = max(1, len(golds))
    try:
        said = [what_is_said(answer, kind) for answer in answers]
        if kind in COUNTS:
            value = (
                sum(abs(_whole(text) - _whole(gold)) for text, gold in zip(said, golds, strict=True)) / total
            )
        elif kind == SCAFFOLD:
            value = (
                sum(morgan_bits(text, gold, _BITS) for text, gold in zip(said, golds, strict=True)) / total
            )
        else:
            right = sum(text.lower() == gold.lower() for text, gold in zip(said, golds, strict=True))
            value = 100 * right / total
    except (SubsetLost, OverflowError):  # a mean that no float can hold is a crash as well
        return {_METRIC[kind]: None}
    return {_METRIC[kind]: value}


def _whole(text: str) -> int:
    """A whole number as it stands, else 0."""
    try:
        return int(text)
    except ValueError:
        return 0


def what_is_said(answer: str, kind: str) -> str:
    """What the released parser takes for the answer; raises SubsetLost where it would end the subset."""
    text = cleaned(answer)
    found = as_object(text)
    if found is not None:
        value = next((found[key] for key in _KEYS[kind] if key in found), None)
        if value is not None:
            return str(value).strip()
    for key in _KEYS[kind]:
        inside = {SCAFFOLD: '"([^"]*)"', "fg_count": r'"?(\d+)"?', "ring_count": r'"?(\d+)"?'}.get(
            kind, '"(Yes|No)"'
        )
        flags = 0 if kind in COUNTS else re.IGNORECASE
        match = re.search(rf'"{key}"\s*:\s*{inside}', text, flags)
        if match:
            return match.group(1).strip()
    return _searched(text, kind)


def _searched(text: str, kind: str) -> str:
    """Free text: its first number, or the word yes wherever it stands, then no."""
    for word in {SCAFFOLD: ()}.get(kind, (r"\d+",) if kind in COUNTS else ("yes", "no")):
        match = re.search(rf"\b{word}\b", text, re.IGNORECASE)
        if match:
            return match.group(0)
    return text.strip()
