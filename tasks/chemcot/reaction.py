"""ChemCoTBench reaction: products, reactants, conditions, the next elementary step, the mechanism.

Source: OpenMol/ChemCoTBench on the Hugging Face Hub, reaction (fs, retro, rcr, nepp, mechsel); mini edition:
    generated.
Licence: MIT by its data card, CC BY 4.0 by its badge; generated rows Apache-2.0.
Metric: mean over the five subsets, in percent: Morgan similarity (radius 2, counted) for fs, retro and nepp,
    as published, with 100 for the same molecules alone; exact match for rcr; accuracy for mechsel.
Example: "Reactants: CCC(=O)O.OCC, Reagents: O=S(=O)(O)O" -> {"Major Product": "CCC(=O)OCC"}
Pitfall: the published rule reads other keys than the prompts of nepp and rcr ask for, so that a perfect
    answer scores 0, and most retro references are molecules written together without a dot, so that they
    score 0 against themselves; here the key of the prompt is read, a reference is taken apart where there is
    one way to do it and left out of the score where there is not, and repeating what was given earns nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tasks.answers import extract as read
from tasks.answers.letters import chosen_letter
from tasks.answers.metrics import mean_over_views
from tasks.answers.smiles import canonical
from tasks.base import ItemScore, Published, Row, Sample, Score, TaskSpec
from tasks.chemcot import reaction_mini as mini
from tasks.chemcot import reaction_released as released
from tasks.chemcot.assets import CHEMCOT, CHEMCOTBENCH
from tasks.chemcot.chemistry.reactions import (
    among,
    brought,
    conserved,
    readable_reference,
    same_molecules,
    textbook_products,
)
from tasks.chemcot.chemistry.similarity import morgan_counts
from tasks.chemcot.smiles_answer import stated_smiles
from tasks.columns import opened
from tasks.splits import content_id
from tasks.synthetic import SyntheticEdition

SUBSET = "chemcotbench_reaction_"
KEYS = {
    "fs": ("Major Product", "Major_Product", "product", "output", "answer"),
    "retro": ("Reactants", "reactants", "output", "answer"),
    "rcr": ("SMILES", "smiles", "condition", "output", "answer"),
    "nepp": ("pred_smi", "output", "answer"),
    "mechsel": ("choice", "answer", "output"),
}
GRADED = ("fs", "retro", "nepp")
NEAR = 0.99
"""Highest value of an answer that is not the reference: fingerprints of different molecules can agree."""
_EVERY_KEY = tuple(dict.fromkeys((*(keys[0] for keys in KEYS.values()), "output", "answer", "gt")))
_ASKS = re.compile(r'"(?:Major Product|Reactants|SMILES|pred_smi|choice)":')
_SMILES = r"\"?:\s{0,9}([^\s,\"]{1,4000})"
_GIVEN = {
    "fs": re.compile(r"Reactants" + _SMILES),
    "retro": re.compile(r"Products" + _SMILES),
    "nepp": re.compile(r"\"reactants" + _SMILES),
}
_REAGENTS = re.compile(r"Reagents" + _SMILES)
_BONDS = re.compile(r"[()\[\]=#]")
"""No word of prose holds one of these: such a word is a SMILES even without carbon."""
_NAMED = re.compile(r"([A-Za-z-]{2,40}) ([A-Z])\.\s{0,9}$")
_OPTION = re.compile(r"^([A-Z]): (.{1,2000})$", re.MULTILINE)


def build_prompt(row: Row) -> str | None:
    """The published ``query`` as it is."""
    query = row.get("query")
    return query if isinstance(query, str) and _ASKS.search(query) else None


def view_of(prompt: str) -> str | None:
    """fs, retro, rcr, nepp or mechsel, by the key that a prompt asks for."""
    asked = [name for name in mini.SUBSETS if f'"{KEYS[name][0]}":' in prompt[-read.WINDOW :]]
    return asked[-1] if asked else None


def given_in(prompt: str, kind: str) -> str:
    """The molecules that a prompt starts from; for nepp the last ``reactants``. Empty for other subsets."""
    found = _GIVEN[kind].findall(prompt[-read.WINDOW :]) if kind in _GIVEN else []
    return str(found[-1]) if found else ""


def scorer(sample: Sample, answer: str) -> ItemScore:
    """Right when the answer is the reference molecule, or set of molecules, or the right letter."""
    kind = sample.subset.removeprefix(SUBSET)
    gold = str(sample.gold)
    if kind not in KEYS:  # a target on its own: it can be read, not scored
        said = extract(answer)
        return ItemScore(False, 0.0, said, "no_view" if said else "unparseable")
    if kind == "mechsel":
        return _judge_letter(answer, gold, str(sample.meta.get("letters", mini.LETTERS)))
    said = stated_smiles(answer, KEYS[kind])
    reference = readable_reference(gold)
    if reference is None:
        return ItemScore(False, 0.0, said and said[:300], "gold_unreadable", scored=False)
    if said is None:
        return ItemScore(False, 0.0, None, "no_json" if read.smiles(answer) else "unparseable")
    if same_molecules(said, reference) or said == gold:
        return ItemScore(True, 1.0, said[:300])
    if canonical(said) is None:
        return ItemScore(False, 0.0, said[:300], "invalid_smiles")
    if among(said, str(sample.meta.get("given", ""))):
        return ItemScore(False, 0.0, said[:300], "echo")
    alike = min(NEAR, morgan_counts(said, reference))
    value = alike if kind in GRADED else 0.0
    return ItemScore(False, value, said[:300], "near_miss" if alike > 0.7 else "wrong_molecule")


def _judge_letter(answer: str, gold: str, letters: str) -> ItemScore:
    said = chosen_letter(answer, KEYS["mechsel"], letters)
    if said is None:
        return ItemScore(False, 0.0, None, "unparseable")
    return ItemScore(said == gold, float(said == gold), said, "" if said == gold else "wrong_letter")


def aggregate(samples: Sequence[Sample], item_scores: Sequence[ItemScore]) -> Score:
    """The mean of the subsets' mean values."""
    return mean_over_views(samples, item_scores, "mean_over_views")


def render(answer: str, reasoning: str) -> str:
    """A letter under ``choice``, molecules under ``output``, after a short reasoning where there is one.

    A training target is written without its prompt. ``output`` is read in all four subsets of molecules here,
    and in fs, retro and nepp by the released evaluator, which never reads the key that nepp asks for.
    """
    head = f"{reasoning.strip()} " if reasoning.strip() else ""
    return head + json.dumps({"choice" if len(answer) == 1 and answer in mini.LETTERS else "output": answer})


def extract(text: str) -> str | None:
    """The molecules or the letter in JSON under any key of the five subsets, else in prose."""
    said = stated_smiles(text, _EVERY_KEY)
    if said is not None:
        return said
    bare = read.without_thinking(text).strip()
    if len(bare) == 1 and bare.isupper():
        return bare
    for word in reversed(bare.split()[-read.CANDIDATES :]):
        word = word.strip(".,;:\"'`*")
        if _BONDS.search(word) and canonical(word):
            return word
    spelled = read.smiles(text)
    return spelled if spelled and canonical(spelled) else chosen_letter(text, (), mini.LETTERS)


def verify(prompt: str, target: str) -> bool | None:
    """What can be told without the reference: see ``chemistry``; for mechsel, whether the worked part
    names the chosen option. None for reagents, and where nothing can be told."""
    kind, said = view_of(prompt), extract(target)
    if kind in (None, "rcr") or said is None:
        return None
    if kind == "mechsel":
        return _mechanism_named(prompt, target, said)
    given, reagents = given_in(prompt, kind), _REAGENTS.search(prompt[-read.WINDOW :])
    if not given:
        return None
    if canonical(said) is None or among(said, given):
        return False
    if kind == "nepp":
        return True if conserved(given, said) else None
    before, after = (given, said) if kind == "fs" else (said, given)
    helpers = [reagents.group(1)] if reagents else []
    if helpers and not brought(after, before, *helpers):
        return False
    return True if canonical(after) in textbook_products(before) else None


def _mechanism_named(prompt: str, target: str, said: str) -> bool | None:
    """Whether the worked part ends in an option's first word and letter, as ``enolate C.``, and both fit."""
    named = _NAMED.search(target.partition("{")[0][-400:])
    if named is None:
        return None
    options = dict(_OPTION.findall(prompt[-read.WINDOW :]))
    word, letter = named.groups()
    return said == letter and options.get(letter, "").startswith(word + " ")


def subsets_of(row: Row) -> tuple[str, ...]:
    """The subset that ``subtask`` names."""
    known = row.get("task") == "reaction" and str(row.get("subtask")) in KEYS
    return (f"{SUBSET}{row['subtask']}",) if known else ()


def to_sample(row: Row, subset: str) -> Sample:
    """The item of a published row.

    Raises:
        ValueError: there is no text in ``query`` or ``gt``, or no major product in the JSON of an fs row.
    """
    prompt, kind = build_prompt(row), subset.removeprefix(SUBSET)
    if prompt is None:
        raise ValueError("there is no question with a known answer key in `query`")
    gold: Any = opened(row.get("gt"))
    gold = gold.get("Major Product") if isinstance(gold, dict) else gold
    if not isinstance(gold, str) or not gold.strip():
        raise ValueError("there is no reference answer in `gt`")
    return Sample(content_id(prompt), subset, prompt, gold.strip(), judge_facts(prompt, kind))


def judge_facts(prompt: str, kind: str) -> dict[str, str]:
    """What the scorer needs besides the reference: the options' letters, or the molecules that were given."""
    if kind == "mechsel":
        return {"letters": "".join(letter for letter, _ in _OPTION.findall(prompt)) or mini.LETTERS}
    return {"given": given_in(prompt, kind)}


MINI = SyntheticEdition(mini, "chemcotbench_reaction", build_prompt, render)

SPEC = TaskSpec(
    id=MINI.task_id,
    domain="chemistry",
    title="ChemCoTBench: reactions",
    description="Predict products, reactants, a reagent or the next step as SMILES, or choose the mechanism.",
    answer_format='JSON {"output": "SMILES"} (or the key that the prompt asks for), or {"choice": "A"}',
    metric="mean_over_views",
    licence="MIT / CC BY 4.0 (published rows); generated rows Apache-2.0",
    source="OpenMol/ChemCoTBench, reaction; mini: generated from the seed",
    pitfall="published: nepp and rcr read other keys than they ask for; here the key asked for is read",
    subsets=tuple(f"{SUBSET}{name}" for name in KEYS),
    max_new_tokens=100,
    scorer=scorer,
    aggregate=aggregate,
    render=render,
    extract=extract,
    verify=verify,
    build_prompt=build_prompt,
    mini=MINI,
    answer_column="gt",
    reasoning_column="struct_cot",
    # The released loader of this family reads its rows in the order of the file.
    published=Published(CHEMCOTBENCH, (CHEMCOT,), subsets_of, to_sample, released.evaluate),
)
