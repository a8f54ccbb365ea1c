"""ChemCoTBench mol_edit: add, delete or substitute a functional group of a molecule.

Source: OpenMol/ChemCoTBench on the Hugging Face Hub, mol_edit (add, delete, sub); mini edition: generated.
Licence: MIT by its data card, CC BY 4.0 by its badge; generated rows Apache-2.0.
Metric: correct rate, the mean over the subsets add, delete and sub, in percent.
Example: "Input Molecule: CCC=O, Functional Group to delete: aldehyde, Functional Group to add: nitrile."
    -> {"output": "CCC#N"}
Pitfall: the published rule compares group counts alone, so that a mixture of fragments or an unrelated
    molecule with the right counts passes; here the rest of the molecule must be the same and in one piece.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tasks.answers import extract as read
from tasks.answers.metrics import mean_over_views
from tasks.answers.smiles import canonical
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.chemcot import mol_edit_mini
from tasks.chemcot import mol_edit_released as released
from tasks.chemcot.assets import CHEMCOT, CHEMCOTBENCH
from tasks.chemcot.chemistry.groups import edit_error, molecule
from tasks.chemcot.smiles_answer import stated_smiles
from tasks.columns import opened
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

_SOURCE = re.compile(r"input molecule:\s{0,9}([^\s,;]{1,300})", re.IGNORECASE)
_ADDED = re.compile(r"group to add:\s{0,9}([a-z_]{1,40})", re.IGNORECASE)
_REMOVED = re.compile(r"group to delete:\s{0,9}([a-z_]{1,40})", re.IGNORECASE)


SUBSETS = {name: f"chemcotbench_mol_edit_{name}" for name in ("add", "delete", "sub")}
"""Published subtask -> subset."""
_SYNONYMS = ("Output", "answer", "Modified Molecule", "Modified Molecule SMILES")


def build_prompt(row: Row) -> str | None:
    """The published ``query`` as it is."""
    query = row.get("query")
    if not isinstance(query, str) or "input molecule" not in query.lower():
        return None
    return query if _ADDED.search(query) or _REMOVED.search(query) else None


def subsets_of(row: Row) -> tuple[str, ...]:
    """The row's own subtask; none for the rows of the other ChemCoTBench tasks."""
    subset = SUBSETS.get(str(row.get("subtask")))
    return (subset,) if subset and row.get("task") == "mol_edit" else ()


def to_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing or malformed."""
    prompt, inside = build_prompt(row), opened(row.get("meta"))
    source = _SOURCE.search(prompt or "")
    if prompt is None or source is None:
        raise ValueError("`query` names no input molecule and functional group")
    if not isinstance(inside, dict) or not isinstance(inside.get("reference"), str):
        raise ValueError("`meta` is no JSON object with a `reference`")
    removed, added = inside.get("removed_group"), inside.get("added_group")
    if (subset != SUBSETS["add"] and not removed) or (subset != SUBSETS["delete"] and not added):
        raise ValueError("`meta` names no removed_group or added_group")
    meta = {"source": source.group(1), "removed": removed, "added": added, "kind": subset.rpartition("_")[2]}
    return Sample(content_id(prompt), subset, prompt, inside["reference"], meta)


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the JSON field ``output`` holds the source molecule with the edit made.

    The published reference is right as well where it is no edit by our rule: it may be in two pieces,
    or carry an atom more than the group has.
    """
    said = stated_smiles(answer, ("output",)) or stated_smiles(answer, _SYNONYMS)
    if said is None:
        return ItemScore(False, 0.0, None, "no_json" if read.smiles(answer) else "unparseable")
    meta = sample.meta
    if "source" not in meta:  # a training target on its own: it can be read, not scored
        return ItemScore(False, 0.0, said[:300], "no_source")
    error = edit_error(str(meta["source"]), said, meta.get("removed"), meta.get("added"))
    if error not in ("", "unchanged", "invalid_smiles") and _same(said, sample.gold):
        error = ""
    return ItemScore(not error, float(not error), said[:300], error)


def _same(said: str, reference: object) -> bool:
    form = canonical(said)
    return form is not None and isinstance(reference, str) and form == canonical(reference)


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The mean of the three subsets' correct rates."""
    return mean_over_views(samples, item_scores, "correct_rate")


def render(answer: str, reasoning: str) -> str:
    """The published JSON object, after a short reasoning where there is one."""
    head = f"{reasoning.strip()} " if reasoning.strip() else ""
    return head + json.dumps({"output": answer})


def extract(text: str) -> str | None:
    """The molecule in JSON (``output``, or ``reference`` as in the published ``meta``), else in prose."""
    said = stated_smiles(text, ("output", "Final Target Molecule", "answer", "reference"))
    if said is not None:
        return said
    spelled = read.smiles(text)
    return spelled if spelled and molecule(spelled) is not None else None


def verify(prompt: str, target: str) -> bool | None:
    """Whether the target's molecule is the edit that the prompt asks for.

    None when the prompt asks for no edit of this kind, or the target holds no molecule.
    """
    prompt = prompt[-read.WINDOW :]
    source, added, removed = _SOURCE.search(prompt), _ADDED.search(prompt), _REMOVED.search(prompt)
    said = extract(target)
    if source is None or (added is None and removed is None) or said is None:
        return None
    names = [match.group(1).lower() if match else None for match in (removed, added)]
    error = edit_error(source.group(1).rstrip("."), said, names[0], names[1])
    return None if error == "unknown_group" else not error


MINI = SyntheticEdition(mol_edit_mini, "chemcotbench_mol_edit", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="chemistry",
    title="ChemCoTBench: molecule editing",
    description="Add, delete or substitute one functional group; write the new molecule as SMILES.",
    answer_format='JSON {"output": "SMILES"}',
    metric="correct_rate",
    licence="MIT / CC BY 4.0 (published rows); generated rows Apache-2.0",
    source="OpenMol/ChemCoTBench, mol_edit; mini: generated from the seed",
    pitfall="published: group counts alone decide; here the rest of the molecule must stay as it was",
    subsets=tuple(SUBSETS.values()),
    max_new_tokens=80,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="meta.reference",
    reasoning_column="struct_cot",
    published=Published(CHEMCOTBENCH, (CHEMCOT,), subsets_of, to_sample, released.evaluate),
)
