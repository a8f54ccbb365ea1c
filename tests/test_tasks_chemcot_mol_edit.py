"""mol_edit: what our rule and the released one make of an answer, and the published rows."""

from __future__ import annotations

import json

import pytest

from tasks import registry
from tasks.base import Sample
from tasks.chemcot.mol_edit import SUBSETS, scorer
from tasks.chemcot.mol_edit_released import NAMES, evaluate, molecule_said
from tasks.official.rows import read_rows
from tests.support.real_rows import data_root

SPEC = registry.get("chemcotbench_mol_edit")
ADD, DELETE, SUB = SUBSETS["add"], SUBSETS["delete"], SUBSETS["sub"]


def _item(source: str, removed: str | None, added: str | None, gold: str = "CCCO") -> Sample:
    return Sample("x", ADD, "", gold, {"source": source, "removed": removed, "added": added})


def _correct(item: Sample, answer: str) -> tuple[bool, bool]:
    """Ours and the released rule."""
    metrics = evaluate(item.subset, [item], [answer], [None])
    return scorer(item, answer).right, metrics["correct_rate"] == 100.0


def _json(smiles: str) -> str:
    return json.dumps({"output": smiles})


@pytest.mark.parametrize(
    ("answer", "ours", "released"),
    [
        (_json("CCCO"), True, True),
        (_json("OCCC"), True, True),
        ('```json\n{"output": "CCCO"}\n```', True, True),
        ('```json\n```json\n{"output": "CCCO"}\n```\n```', True, False),
        ('{"answer": "CCCO"}', True, True),
        ("{'output': 'CCCO'}", True, False),
        ('{"output": "CCCO",}', True, True),
        ('{"output": "CCCO"} I hope that helps', True, True),
        ('{"output": "CCCO"} or rather {"output": "CCC"}', False, True),
        ('{"output": "CCC"} or rather {"output": "CCCO"}', True, False),
        ('<think>{"output": "CCC"}</think>{"output": "CCCO"}', True, True),
        ('<think>{"output": "CCCO"}', False, True),
        (_json("CCC.CO"), False, True),
        (_json("CO"), False, True),
        (_json("c1ccccc1O"), False, True),
        (_json("CCC"), False, False),
        (_json("C(C)C"), False, False),
        (_json("CCC("), False, False),
        ("", False, False),
    ],
)
def test_an_added_hydroxyl(answer: str, ours: bool, released: bool) -> None:
    assert _correct(_item("CCC", None, "hydroxyl"), answer) == (ours, released)


def test_an_added_water_passes_the_released_rule_alone() -> None:
    assert _correct(_item("CCC", None, "nitrile", "CCCC#N"), _json("CCCC#N.O")) == (False, True)
    assert _correct(_item("CCCCl", "halo", None, "CCC"), _json("O")) == (False, True)


def test_a_carboxyl_for_a_hydroxyl_passes_ours_alone() -> None:
    item = _item("CCCO", "hydroxyl", "carboxyl", "CCCC(=O)O")
    assert _correct(item, _json("CCCC(=O)O")) == (True, False)


def test_the_published_reference_is_right_even_in_two_pieces() -> None:
    item = _item("NCc1ccccc1", "benzene_ring", None, "CN.C")
    assert _correct(item, _json("C.NC")) == (True, True)
    assert not scorer(item, _json("CN.CC")).right
    spelled_again = _item("CCO", "hydroxyl", None, "OCC")
    assert scorer(spelled_again, _json("OCC")).error == "unchanged"


def test_a_single_backslash_is_read_as_smiles() -> None:
    item = _item("F/C=C\\C", None, "halo", "F/C=C\\CF")
    assert scorer(item, '{"output": "F/C=C\\CF"}').right


def test_a_sulfide_is_counted_without_disulfides() -> None:
    assert _correct(_item("CCC", None, "sulfide", "CCCSC"), _json("CCCSC")) == (True, True)
    assert _correct(_item("CSSC", None, "sulfide"), _json("CSSCSC"))[1]
    assert not _correct(_item("CCC", None, "unheard_of"), _json("CCCO"))[1]
    assert not _correct(_item("", None, "hydroxyl"), _json("CCCO"))[1]


def test_free_text_is_searched_by_the_released_rule_for_its_longest_word() -> None:
    assert molecule_said("The product CCCCCCCCO it is") == "CCCCCCCCO"
    assert molecule_said("CCO") == "CCO"
    assert molecule_said('"OUTPUT": "CCO') == "OUTPUT"
    assert molecule_said('"OUTPUT": "CCO"') == "CCO"


def test_rates_are_in_percent_and_a_crash_loses_the_view() -> None:
    items = [_item("CCC", None, "hydroxyl"), _item("CCC", None, "hydroxyl")]
    metrics = evaluate(ADD, items, [_json("CCCO"), _json("CCC(")], [None, None])
    assert metrics == {
        "correct_rate": 50.0,
        "valid_rate": 50.0,
        "tanimoto_similarity": 50.0,
        "correct_count": 1.0,
        "valid_count": 1.0,
    }
    for crash in ("[" * 5_000, '{"output": ' + "9" * 5_000 + "}"):
        assert evaluate(ADD, items, ["", crash], [None, None]) == dict.fromkeys(NAMES)


def test_rows_with_a_missing_part_say_which() -> None:
    assert SPEC.published is not None
    row = {
        "task": "mol_edit",
        "subtask": "add",
        "query": "Input Molecule: CCC, Functional Group to add: nitrile.",
        "meta": '{"reference": "CCCC#N", "added_group": "nitrile"}',
    }
    sample = SPEC.published.sample(row, ADD)
    assert (sample.gold, sample.meta["source"], sample.meta["added"]) == ("CCCC#N", "CCC", "nitrile")
    assert SPEC.published.subsets_of(row) == (ADD,)
    assert SPEC.published.subsets_of(row | {"task": "mol_und"}) == ()
    with pytest.raises(ValueError, match="removed_group"):
        SPEC.published.sample(row, SUB)
    with pytest.raises(ValueError, match="reference"):
        SPEC.published.sample(row | {"meta": "{}"}, ADD)
    with pytest.raises(ValueError, match="query"):
        SPEC.published.sample(row | {"query": "Input Molecule: CCC."}, ADD)


@pytest.mark.parametrize("name", SUBSETS)
def test_real_rows(name: str) -> None:
    """Every reference is right by our rule; the released one refuses a carboxyl for a hydroxyl."""
    assert SPEC.published is not None
    found = read_rows(data_root() / "chemcotbench" / "chemcotbench" / "mol_edit" / f"{name}.json")
    assert {SPEC.published.subsets_of(row) for row in found} == {(SUBSETS[name],)}
    samples = [SPEC.published.sample(row, SUBSETS[name]) for row in found]
    assert all(SPEC.build_prompt(row) == sample.prompt for row, sample in zip(found, samples, strict=True))
    answers = [_json(sample.gold) for sample in samples]
    assert all(scorer(*pair).right for pair in zip(samples, answers, strict=True))
    metrics = evaluate(SUBSETS[name], samples, answers, [None] * len(samples))
    asked = [(sample.meta["removed"], sample.meta["added"]) for sample in samples]
    assert metrics["correct_count"] == len(samples) - asked.count(("hydroxyl", "carboxyl"))
    assert metrics["valid_rate"] == metrics["tanimoto_similarity"] == 100.0
    unedited = [_json(sample.meta["source"]) for sample in samples]
    assert not any(scorer(*pair).right for pair in zip(samples, unedited, strict=True))
