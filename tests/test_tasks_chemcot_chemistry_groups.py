"""What counts as an edit of a molecule."""

from __future__ import annotations

import pytest

from tasks.chemcot.chemistry.groups import GROUPS, edit_error, group_matches, molecule

RIGHT = [
    ("CCCC", "CCCCO", None, "hydroxyl"),
    ("CCCC", "OCCCC", None, "hydroxyl"),
    ("CCCC", "CC(O)CC", None, "hydroxyl"),
    ("c1ccccc1", "Oc1ccccc1", None, "hydroxyl"),
    ("CCCC", "CCCCC=O", None, "aldehyde"),
    ("CCCC", "CCCC=O", None, "aldehyde"),
    ("CCC=O", "CC", "aldehyde", None),
    ("CCC=O", "CCC", "aldehyde", None),
    ("ClCCCl", "ClCC", "halo", None),
    ("CCC=O", "CCC#N", "aldehyde", "nitrile"),
    ("CC[N+](=O)[O-]", "CCS", "nitro", "thiol"),
    ("CCO", "CCC(=O)O", "hydroxyl", "carboxyl"),
    ("CCC#N", "CCCCl", "nitrile", "halo"),
    ("CCOCC", "CCOCCN", None, "amine"),
    ("CCNCC", "CCCC", "amine", None),
    ("CCCC", "CCCCC(=O)OC", None, "ester"),
    ("CCCC(=O)OC", "CCC", "ester", None),
    ("CCCC", "CCCC(C)=O", None, "ketone"),
    ("CCCC", "CCC(C)=O", None, "ketone"),
    ("CCCC", "CCCCC(N)=O", None, "amide"),
    ("CCCNC(C)=O", "CCC", "amide", None),
    ("CCCC", "CCCCSC", None, "thioether"),
    ("CCCCSC", "CCCC", "sulfide", None),
    ("CCCC", "CCCCSSC", None, "disulfide"),
    ("CCCC", "CCCCS(C)=O", None, "sulfoxide"),
    ("CCCS(C)(=O)=O", "CCCS(C)=O", "sulfone", "sulfoxide"),
    ("CCCC", "CCCCC(=O)OC(C)=O", None, "anhydride"),
    ("CCCC", "CCCCB(C)C", None, "borane"),
    ("CCCC", "CCCCc1ccccc1", None, "benzene_ring"),
    ("CCCc1ccccc1", "CCC", "benzene", None),
]

WRONG = [
    ("CCCC", "CCCC", None, "hydroxyl", "unchanged"),
    ("CCCC", "C(CC)C", None, "hydroxyl", "unchanged"),
    ("CCCC", "CCOC", None, "hydroxyl", "wrong_group_count"),
    ("CCCC", "OCCCCO", None, "hydroxyl", "wrong_group_count"),
    ("CCCC", "CCO.CC", None, "hydroxyl", "fragments"),
    ("CCCC", "CO", None, "hydroxyl", "rest_changed"),
    ("CCCC", "CCCCCCCCO", None, "hydroxyl", "rest_changed"),
    ("c1ccccc1", "OC1CCCCC1", None, "hydroxyl", "rest_changed"),
    ("CCN", "[NH3+]CCO", None, "hydroxyl", "rest_changed"),
    ("CCCC", "CCCC(=O)O", None, "hydroxyl", "wrong_group_count"),
    ("CCC(N)=O", "CCC(=O)NN", None, "hydroxyl", "wrong_group_count"),
    ("CC(C)CO", "CCCC", "hydroxyl", None, "rest_changed"),
    ("CCC=O", "C", "aldehyde", None, "rest_changed"),
    ("CCC=O", "CCOCl", "aldehyde", "halo", "rest_changed"),
    ("CCC#N", "CCCCCl", "nitrile", "halo", "rest_changed"),
    ("CCCC", "C1CC", None, "hydroxyl", "invalid_smiles"),
    ("CC", "CC*O", None, "hydroxyl", "invalid_smiles"),
    ("CC", "[2H]CCO", None, "hydroxyl", "invalid_smiles"),
    ("CC", "CC[O]", None, "hydroxyl", "invalid_smiles"),
    ("CC", "CCO extra", None, "hydroxyl", "invalid_smiles"),
    ("CC", "C" * 400, None, "hydroxyl", "invalid_smiles"),
    ("CC", "CC\0O", None, "hydroxyl", "invalid_smiles"),
    ("CC", "", None, "hydroxyl", "invalid_smiles"),
    ("CC", "CCO", None, "ether", "unknown_group"),
    ("CCCC", "CCCCC(=O)OCCC", None, "ester", "rest_changed"),
    ("CCCC(=O)OCCCC", "CCC", "ester", None, "rest_changed"),
    ("CCCC(=O)OC", "CCCC(=O)O", "ester", "ketone", "wrong_group_count"),
    ("CCCC", "CCCC(=O)OC", None, "ketone", "wrong_group_count"),
    ("CCCC", "CCCCNC(C)=O", None, "amine", "wrong_group_count"),
    ("CCCC", "CCC.c1ccccc1", None, "benzene_ring", "fragments"),
]


@pytest.mark.parametrize(("source", "product", "removed", "added"), RIGHT)
def test_edits(source: str, product: str, removed: str | None, added: str | None) -> None:
    assert edit_error(source, product, removed, added) == ""


@pytest.mark.parametrize(("source", "product", "removed", "added", "error"), WRONG)
def test_what_is_no_edit(
    source: str, product: str, removed: str | None, added: str | None, error: str
) -> None:
    assert edit_error(source, product, removed, added) == error


@pytest.mark.parametrize(
    ("smiles", "groups"),
    [
        ("CC(=O)O", {"carboxyl"}),
        ("CC(N)=O", {"amide"}),
        ("CCN", {"amine"}),
        ("CNC", {"amine"}),
        ("CN(C)C", set()),
        ("CNN", set()),
        ("CS(N)(=O)=O", set()),
        ("CNS(C)(=O)=O", set()),
        ("COC=O", {"ester"}),
        ("COC(=O)OC", set()),
        ("CC(=O)OC(C)=O", {"anhydride"}),
        ("CC(C)=O", {"ketone"}),
        ("CSSC", {"disulfide"}),
        ("CS(C)=O", {"sulfoxide"}),
        ("C[S+](C)[O-]", {"sulfoxide"}),
        ("CS(C)(=O)=O", {"sulfone"}),
        ("CB(C)C", {"borane"}),
        ("c1ccncc1", set()),
        ("Cc1ccccc1", {"benzene", "benzene_ring"}),
        ("C[N+](=O)[O-]", {"nitro"}),
        ("OCC#N", {"hydroxyl", "nitrile"}),
        ("SCBr", {"thiol", "halo"}),
        ("CSC", {"sulfide", "thioether"}),
        ("c1ccsc1", set()),
    ],
)
def test_groups_match_their_own_atoms_only(smiles: str, groups: set[str]) -> None:
    found = {name: group_matches(molecule(smiles), name) for name in GROUPS}
    assert {name for name, matches in found.items() if matches} == groups
    for name in groups:
        assert all(len(match) == GROUPS[name].atoms for match in found[name])


def test_bad_molecules_say_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert molecule("C1CC(") is None
    assert molecule("c1cccc") is None
    assert capfd.readouterr().err == ""
