"""ChemCoTBench mol_opt: change a molecule so that a property improves.

Source: OpenMol/ChemCoTBench on the Hugging Face Hub, mol_opt (drd, gsk, jnk, logp, qed, solubility); mini
    edition: generated, the last three subsets, as the first three need trained oracles.
Licence: MIT by its data card, CC BY 4.0 by its badge; generated rows Apache-2.0.
Metric: success rate, the mean over the scored subsets, in percent. Without PyTDC drd, gsk and jnk are not
    scored. Real rows hold no reference answer.
Example: "Source Molecule: CCCCc1ccc(O)cc1, improve the LogP value."
    -> {"Final Target Molecule": "CCCCc1ccc(Br)cc1"}
Pitfall: the published rule counts any gain of any molecule, so that the source in another spelling succeeds
    by rounding noise and an unrelated molecule by luck; here the answer must be one piece, not the source in
    another spelling or protonation, with a Morgan Tanimoto of 0.4 or more to it (the bound of Jin et al.,
    2019), and gain more than 1e-6. logP is Crippen's, solubility Delaney's ESOL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tasks.answers import extract as read
from tasks.answers.metrics import mean_over_views
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.chemcot import mol_opt_mini as mini
from tasks.chemcot import mol_opt_released as released
from tasks.chemcot.assets import CHEMCOT, CHEMCOTBENCH
from tasks.chemcot.chemistry.groups import molecule
from tasks.chemcot.chemistry.properties import PROPERTIES, has_oracle, optimisation_error
from tasks.chemcot.smiles_answer import stated_smiles
from tasks.columns import opened
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

KEYS = ("Final Target Molecule", "Final_Target_Molecule", "output", "answer", "target")
SUBSET = "chemcotbench_mol_opt_"
_SOURCE = re.compile(r"source molecule:\s{0,9}([^\s,;]{1,1000})", re.IGNORECASE)
_PROPERTY = (
    ("drd", re.compile(r"\bDRD-?2\b", re.IGNORECASE)),
    ("gsk", re.compile(r"\bGSK-?3", re.IGNORECASE)),
    ("jnk", re.compile(r"\bJNK-?3\b", re.IGNORECASE)),
    ("logp", re.compile(r"\blogp\b", re.IGNORECASE)),
    ("qed", re.compile(r"\bQED\b", re.IGNORECASE)),
    ("solubility", re.compile(r"\bsolubility\b", re.IGNORECASE)),
)


def build_prompt(row: Row) -> str | None:
    """The published ``query`` as it is."""
    query = row.get("query")
    return query if isinstance(query, str) and _SOURCE.search(query) else None


def source_of(prompt: str) -> str | None:
    """The molecule that is to be improved; the sentence's full stop is not part of it."""
    match = _SOURCE.search(prompt[-read.WINDOW :])
    return match.group(1).rstrip(".") if match else None


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the stated molecule is an optimisation of the source; not scored without an oracle."""
    name = sample.subset.removeprefix(SUBSET)
    said = stated_smiles(answer, KEYS)
    if name not in PROPERTIES or "source" not in sample.meta:  # a target on its own: readable, not judgeable
        return ItemScore(False, 0.0, said and said[:300], "no_source" if said else "unparseable")
    if not has_oracle(name):
        return ItemScore(False, 0.0, said and said[:300], "no_oracle", scored=False)
    if said is None:
        return ItemScore(False, 0.0, None, "no_json" if read.smiles(answer) else "unparseable")
    error = optimisation_error(name, str(sample.meta["source"]), said)
    return ItemScore(not error, float(not error), said[:300], error)


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The mean of the scored subsets' success rates."""
    return mean_over_views(samples, item_scores, "success_rate")


def render(answer: str, reasoning: str) -> str:
    """The published JSON object, after a short reasoning where there is one."""
    head = f"{reasoning.strip()} " if reasoning.strip() else ""
    return head + json.dumps({"Final Target Molecule": answer})


def extract(text: str) -> str | None:
    """The molecule in JSON (also ``reference``, as in a mini row's ``meta``), else in prose."""
    said = stated_smiles(text, (*KEYS, "reference"))
    if said is not None:
        return said
    spelled = read.smiles(text)
    return spelled if spelled and molecule(spelled) is not None else None


def verify(prompt: str, target: str) -> bool | None:
    """Whether the target's molecule improves the property that the prompt names.

    None when the prompt asks for nothing of the kind, without a molecule in the target, or without an oracle.
    """
    source, said = source_of(prompt), extract(target)
    name = next((name for name, words in _PROPERTY if words.search(prompt[-read.WINDOW :])), None)
    if source is None or said is None or name is None or not has_oracle(name):
        return None
    return not optimisation_error(name, source, said)


def subsets_of(row: Row) -> tuple[str, ...]:
    """The subset that ``subtask`` names."""
    known = row.get("task") == "mol_opt" and str(row.get("subtask")) in PROPERTIES
    return (f"{SUBSET}{row['subtask']}",) if known else ()


def to_sample(row: Row, subset: str) -> Sample:
    """The item of a published row. Real rows hold no reference, so that their gold is empty.

    Raises:
        ValueError: there is no source molecule in ``query``, or it is none.
    """
    prompt = build_prompt(row)
    source = source_of(prompt) if prompt else None
    if prompt is None or source is None:
        raise ValueError("there is no `Source Molecule: SMILES` in `query`")
    if molecule(source) is None:
        raise ValueError(f"the source molecule {source[:60]} is no valid SMILES")
    meta: Any = opened(row.get("meta"))
    reference = meta.get("reference", "") if isinstance(meta, dict) else ""
    return Sample(content_id(prompt), subset, prompt, str(reference), {"source": source})


MINI = SyntheticEdition(
    mini,
    "chemcotbench_mol_opt",
    build_prompt,
    render,
    unscored_subsets=(f"{SUBSET}drd", f"{SUBSET}gsk", f"{SUBSET}jnk"),
)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="chemistry",
    title="ChemCoTBench: molecule optimisation",
    description="Change a molecule so that a named property improves; write the new molecule as SMILES.",
    answer_format='JSON {"Final Target Molecule": "SMILES"}',
    metric="success_rate",
    licence="MIT / CC BY 4.0 (published rows); generated rows Apache-2.0",
    source="OpenMol/ChemCoTBench, mol_opt; mini: generated from the seed (qed, logp and solubility)",
    pitfall="published: any gain of any molecule; here like the source (Tanimoto 0.4), and not it re-spelled",
    subsets=tuple(f"{SUBSET}{name}" for name in PROPERTIES),
    max_new_tokens=100,
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
