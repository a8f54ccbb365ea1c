"""A second solver of the generated reaction questions: RDKit reactions, chosen by reagent or by step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import permutations
from typing import Any

from rdkit import Chem
from rdkit.Chem.rdChemReactions import ReactionFromSmarts

BY_REAGENT = {
    "O=S(=O)(O)O": "[C:1](=[O:2])[OH].[OH:3][CH2:4]>>[C:1](=[O:2])[O:3][C:4]",
    "CCN=C=NCC": "[C:1](=[O:2])[OH].[NH2:3][C:4]>>[C:1](=[O:2])[N:3][C:4]",
    "O=C([O-])[O-].[K+].[K+]": "[C:1]Br.[NH2:3][C:4]>>[C:1][N:3][C:4]",
    "[H-].[Na+]": "[C:1]Br.[OH:3][C:4]>>[C:1][O:3][C:4]",
    "[BH4-].[Na+]": "[C:1][C:2](=[O:3])[C:4]>>[C:1][C:2]([O:3])[C:4]",
    "O=[Cr](=O)=O": "[C:1][CH:2]([OH:3])[C:4]>>[C:1][C:2](=[O:3])[C:4]",
    "O=S(Cl)Cl": "[CX4:1][OH]>>[C:1]Cl",
    "O=P(Cl)(Cl)Cl": "[C:1](=[O:2])[OH]>>[C:1](=[O:2])Cl",
    "[AlH4-].[Li+]": "[C:1]#[N:2]>>[C:1][N:2]",
    "[OH-].[Na+]": "[C:1](=[O:2])[O:3][CH3]>>[C:1](=[O:2])[O:3]",
}
BY_STEP = {
    "Proton exchange": "[C:1](=[O:2])[OH:3].[NH2:4]>>([C:1](=[O:2])[O-:3].[NH3+:4])",
    "Protonation of carbonyl oxygen": "[C:1](=[O:2])[O:3][C:4].[H+]>>[C:1](=[OH+:2])[O:3][C:4]",
    "Hydroxide addition": "[C:1](=[O:2])[O:3][C:4].[OH-:5]>>[C:1]([O-:2])([OH+0:5])[O:3][C:4]",
    "Hydride addition": "[C:1][C:2](=[O:3])[C:4].[H-]>>[C:1][C:2]([O-:3])[C:4]",
    "Deprotonation of alcohol": "[CH2:1][OH:2].[H-]>>([CH2:1][O-:2].[H][H])",
    "Nucleophilic substitution": "[C:1]Br.[O-:2][C:3]>>([C:1][O+0:2][C:3].[Br-])",
    "Protonation of alcohol": "[C:1][OH:2].[H+]>>[C:1][OH2+:2]",
    "Amine addition": "[C:1](=[O:2])[Cl:3].[NH2:4][C:5]>>[C:1]([O-:2])([Cl:3])[NH2+:4][C:5]",
    "Alkoxide leaving": "[C:1]([O-:2])([OH:3])[O:4][C:5]>>([C:1](=[O+0:2])[OH:3].[O-:4][C:5])",
}
MECHANISM = {
    "Fischer esterification": ("protonation", "alcohol addition"),
    "Ester hydrolysis": ("hydroxide", "alcoholate loss"),
    "Williamson ether synthesis": ("alkoxide", "substitution"),
    "Ketone reduction": ("hydride addition",),
    "Amidation": ("amine addition", "chloride loss"),
    "Alcohol dehydration": ("oxonium", "water loss"),
    "Amine alkylation": ("bromide substitution",),
    "Grignard addition": ("carbanion",),
    "Alkene bromination": ("bromonium",),
    "Aldol addition": ("enolate",),
    "Friedel-Crafts acylation": ("acylium",),
    "Imine formation": ("hemiaminal", "water loss"),
}


def canonical(smiles: str) -> str:
    mol = Chem.MolFromSmiles(smiles)
    return "" if mol is None else str(Chem.MolToSmiles(mol))


def products(smarts: str, reactants: str) -> set[str]:
    """Canonical spellings of all that a reaction makes of these molecules."""
    pattern = ReactionFromSmarts(smarts)
    mols = [Chem.MolFromSmiles(part) for part in reactants.split(".")]
    if len(mols) != pattern.GetNumReactantTemplates():
        return set()
    runs = [run for order in permutations(mols) for run in pattern.RunReactants(order)]
    return {canonical(".".join(Chem.MolToSmiles(mol) for mol in run)) for run in runs}


def is_right(row: Mapping[str, Any]) -> bool:
    """Whether ``gt`` of a generated row is the answer to its question."""
    query, gold = row["query"], row["gt"]
    found = dict(re.findall(r'^"?([A-Za-z ]+)"?: (\S+?),?$', query, re.MULTILINE))
    if row["subtask"] == "fs":
        made = products(BY_REAGENT[found["Reagents"]], found["Reactants"])
        return canonical(json.loads(gold)["Major Product"]) in made
    if row["subtask"] == "retro":
        return canonical(found["Products"]) in products(BY_REAGENT[found["Reagents"]], gold)
    if row["subtask"] == "rcr":
        reactants, product = re.findall(r"^(\S+)>>(\S+),$", query, re.MULTILINE)[0]
        return canonical(product) in products(BY_REAGENT[gold], reactants)
    if row["subtask"] == "nepp":
        step = re.findall(r'annotation": (.+)$', query)[0]
        return canonical(gold) in products(BY_STEP[step], found["reactants"])
    name = re.findall(r"class: (.+?), in", query)[0]
    text = re.findall(rf"^{gold}: (.+)$", query, re.MULTILINE)[0]
    return all(words in text for words in MECHANISM[name])
