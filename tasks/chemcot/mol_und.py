"""ChemCoTBench mol_und: count groups and rings, take the scaffold, compare molecules.

Source: OpenMol/ChemCoTBench on the Hugging Face Hub, mol_und (five subsets); mini edition: generated.
Licence: MIT by its data card, CC BY 4.0 by its badge; generated rows Apache-2.0.
Metric: the mean over the five subsets in percent: share of right counts (fg_count, ring_count), similarity of
    Murcko scaffolds, share of right yes or no (ring_system_scaffold, equivalence).
Example: "Input Molecule: CC(O)CC(C#N)O, Fragment Name: nitriles." -> {"count": 1}
Pitfall: the published rule takes an unreadable count for 0, so that silence is right where the answer is 0,
    and refuses 2.0, "two" and "Yes."; here the first is wrong and the others are read as meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.answers import extract as read
from tasks.answers import values as stated
from tasks.answers.metrics import mean_over_views
from tasks.answers.smiles import canonical
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.chemcot import mol_und_mini
from tasks.chemcot import mol_und_released as released
from tasks.chemcot.assets import CHEMCOT, CHEMCOTBENCH
from tasks.chemcot.chemistry.scaffolds import fragment_count, ring_count, scaffold
from tasks.chemcot.chemistry.similarity import morgan_bits
from tasks.chemcot.mol_und_released import COUNTS, KINDS, PREFIX, SCAFFOLD, YES_NO
from tasks.chemcot.smiles_answer import stated_smiles
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

KEY = {**dict.fromkeys(COUNTS, "count"), SCAFFOLD: "Output Scaffold", **dict.fromkeys(YES_NO, "output")}
"""The JSON key that the prompt of each subset asks for."""
_SYNONYMS = {
    **dict.fromkeys(COUNTS, ("Count", "number", "answer", "output")),
    SCAFFOLD: ("output_scaffold", "Scaffold", "scaffold", "Murcko Scaffold", "output", "answer"),
    **dict.fromkeys(YES_NO, ("Output", "answer", "result")),
}
_ALMOST = 0.999
"""Most that a scaffold other than the gold one can score: folded fingerprints of two rings may agree."""
_SMILES = r"([^\s,;]{1,300})"
_INPUT = re.compile(rf"input molecule:\s{{0,9}}{_SMILES}", re.IGNORECASE)
_FRAGMENT = re.compile(r"fragment name:\s{0,9}([a-z][a-z -]{1,60})", re.IGNORECASE)
_RING = re.compile(rf"ring structure:\s{{0,9}}{_SMILES}", re.IGNORECASE)
_SYSTEM = re.compile(rf"ring system structure:\s{{0,9}}{_SMILES}", re.IGNORECASE)
_PAIR = tuple(re.compile(rf"molecule {which}:\s{{0,9}}{_SMILES}", re.IGNORECASE) for which in "ab")
_SCAFFOLD_ASKED = re.compile(r"scaffold", re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """What a prompt asks."""

    kind: str
    molecule: str
    other: str = ""
    """The fragment's name, the ring, or the second molecule."""


def question_of(prompt: str) -> Question | None:
    """The question in a prompt of the published shape; None where it is another."""
    prompt = prompt[-read.WINDOW :]
    first, second = (pattern.search(prompt) for pattern in _PAIR)
    if first and second:
        return Question("equivalence", _spelled(first), _spelled(second))
    source = _INPUT.search(prompt)
    if source is None:
        return None
    for kind, pattern in (("fg_count", _FRAGMENT), ("ring_system_scaffold", _SYSTEM), ("ring_count", _RING)):
        other = pattern.search(prompt)
        if other:
            name = other.group(1).strip().lower() if kind == "fg_count" else _spelled(other)
            return Question(kind, _spelled(source), name)
    return Question(SCAFFOLD, _spelled(source)) if _SCAFFOLD_ASKED.search(prompt) else None


def _spelled(match: re.Match[str]) -> str:
    return match.group(1).rstrip(".")


def truth_of(question: Question) -> str | None:
    """The right answer by RDKit; None where a molecule cannot be read or a fragment's name is not known."""
    if question.kind == "fg_count":
        count = fragment_count(question.molecule, question.other)
        return None if count is None else str(count)
    if question.kind == SCAFFOLD:
        return scaffold(question.molecule)
    if question.kind == "equivalence":
        first, second = canonical(question.molecule), canonical(question.other)
        return None if first is None or second is None else _said(first == second)
    rings = ring_count(question.molecule, question.other)
    if rings is None:
        return None
    return str(rings) if question.kind == "ring_count" else _said(rings > 0)


def _said(truth: bool) -> str:
    return "Yes" if truth else "No"


def build_prompt(row: Row) -> str | None:
    """The published ``query`` as it is."""
    query = row.get("query")
    return query if isinstance(query, str) and question_of(query) else None


def subsets_of(row: Row) -> tuple[str, ...]:
    """The row's own subtask; none for the rows of the other ChemCoTBench tasks."""
    kind = str(row.get("subtask"))
    return (PREFIX + kind,) if row.get("task") == "mol_und" and kind in KINDS else ()


def to_sample(row: Row, subset: str) -> Sample:
    """The item of a published row; raises ValueError where a column is missing or malformed."""
    prompt, kind = row.get("query"), subset.removeprefix(PREFIX)
    gold = "" if row.get("gt") is None else str(row["gt"]).strip()
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError("there is no text in `query`")
    if (stated.count(gold) if kind in COUNTS else stated.yes_no(gold) if kind in YES_NO else gold) in (
        None,
        "",
    ):
        raise ValueError(f"`gt` is no answer to {kind}: {gold[:40]!r}")
    return Sample(content_id(prompt), subset, prompt, gold, {"kind": kind})


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Compares what the key of the subset's prompt says with the gold; its plain synonyms are read as
    well."""
    kind, gold = sample.subset.removeprefix(PREFIX), str(sample.gold)
    text = _stated(answer, kind)
    if text is None:
        return ItemScore(False, 0.0, None, "unparseable")
    if kind == SCAFFOLD:
        return _scaffold_verdict(text, gold)
    reader = stated.count if kind in COUNTS else stated.yes_no
    said, meant = reader(text), reader(gold)
    if said is None:
        return ItemScore(False, 0.0, None, "not_a_count" if kind in COUNTS else "neither_yes_nor_no")
    right = said == meant
    return ItemScore(right, float(right), said, "" if right else _miss(said, meant or ""))


def _stated(answer: str, kind: str) -> str | None:
    """The text under the key; without JSON the whole answer where it is short enough to be a value."""
    for keys in ((KEY[kind],), _SYNONYMS[kind]):
        text = stated_smiles(answer, keys) if kind == SCAFFOLD else read.json_field(answer, keys)
        if text is not None:
            return text
    bare = read.without_thinking(answer).strip()
    if not 0 < len(bare) <= stated.LONGEST or set(bare) & set('{}"'):
        return None
    if kind != SCAFFOLD:
        return bare
    return None if stated.denies(bare) else read.smiles(bare)


def _scaffold_verdict(text: str, gold: str) -> ItemScore:
    said = text if canonical(text) or stated.denies(text) else (read.smiles(text) or text)[:300]
    form = canonical(said)
    if form is None:
        return ItemScore(False, 0.0, said, "invalid_smiles")
    if form == canonical(gold):
        return ItemScore(True, 1.0, said)
    return ItemScore(False, min(morgan_bits(said, gold), _ALMOST), said, "wrong_scaffold")


def _miss(said: str, meant: str) -> str:
    if meant in ("Yes", "No"):
        return f"wrong_{said.lower()}"
    off_by_one = said.isdecimal() and meant.isdecimal() and abs(int(said) - int(meant)) == 1
    return "off_by_one" if off_by_one else "wrong_count"


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The mean of the five subsets: right counts, scaffold similarity, right yes or no."""
    return mean_over_views(samples, item_scores, SPEC.metric)


def render(answer: str, reasoning: str) -> str:
    """The published JSON object under the key that fits the answer, after a short reasoning."""
    head = f"{reasoning.strip()} " if reasoning.strip() else ""
    if answer.isascii() and answer.isdigit():
        return head + json.dumps({"count": int(answer[:9])})
    return head + json.dumps({"output" if answer in ("Yes", "No") else "Output Scaffold": answer})


def extract(text: str) -> str | None:
    """A count, yes or no, or a scaffold: in JSON under any key of the five subsets, else in prose."""
    found = stated_smiles(text, (KEY[SCAFFOLD],))
    if found is not None:
        return found[:300]
    found = read.json_field(text, ("count", "output", "answer", "gt"))
    found = read.without_thinking(text).strip() if found is None else found
    number = read.canonical_number(found)
    if number is not None or canonical(found):
        return number or found
    spelled = read.smiles(found)
    if spelled and canonical(spelled) and any(character.isdigit() for character in spelled):
        return spelled
    return stated.yes_no(found) or stated.count(found)


def verify(prompt: str, target: str) -> bool | None:
    """Whether the target answers the prompt's question rightly by RDKit.

    The truth of a training row is worked out from its prompt, so that on this task a wrong label costs
    nothing to find: keep that in mind when its results stand beside those of other tasks.

    None when the prompt asks another question, the fragment is not known or the target holds no answer.
    """
    question, said = question_of(prompt), extract(target)
    truth = truth_of(question) if question else None
    if question is None or truth is None or said is None:
        return None
    if question.kind == SCAFFOLD:
        return canonical(said) is not None and canonical(said) == truth
    return said == truth


MINI = SyntheticEdition(mol_und_mini, "chemcotbench_mol_und", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="chemistry",
    title="ChemCoTBench: molecule understanding",
    description="Count a group or a ring, write the Murcko scaffold, say whether a ring system is there or "
    "whether two SMILES are one molecule.",
    answer_format='JSON: {"count": N}, {"Output Scaffold": "SMILES"} or {"output": "Yes / No"}, as asked',
    metric="mean_over_views",
    licence="MIT / CC BY 4.0 (published rows); generated rows Apache-2.0",
    source="OpenMol/ChemCoTBench, mol_und; mini: generated from the seed",
    pitfall="published: an unreadable count is 0 and right where the gold is; here it is wrong",
    subsets=tuple(PREFIX + kind for kind in KINDS),
    max_new_tokens=80,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="gt",
    reasoning_column="struct_cot",
    published=Published(CHEMCOTBENCH, (CHEMCOT,), subsets_of, to_sample, released.evaluate),
)
