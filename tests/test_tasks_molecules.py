"""What counts as an edit of a molecule."""

from __future__ import annotations

import pytest

from tasks.molecules import GROUPS, edit_error, group_matches, molecule

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
    ("CC", "CCO", None, "sulfoxide", "unknown_group"),
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
        ("CC(N)=O", set()),
        ("CCN", {"amine"}),
        ("CNC", set()),
        ("COC=O", set()),
        ("C[N+](=O)[O-]", {"nitro"}),
        ("OCC#N", {"hydroxyl", "nitrile"}),
        ("SCBr", {"thiol", "halo"}),
        ("CSC", set()),
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
