"""Reactions: references that are no SMILES, keys, letters, the released evaluator, generated items."""

from __future__ import annotations

import json
import random

import pytest

from tasks.answers.letters import chosen_letter
from tasks.base import Sample
from tasks.chemcot import reaction_released as released
from tasks.chemcot.chemistry.reactions import (
    brought,
    conserved,
    readable_reference,
    same_molecules,
    textbook_products,
)
from tasks.chemcot.chemistry.similarity import character_bleu, levenshtein, morgan_counts
from tasks.chemcot.reaction import (
    KEYS,
    MINI,
    NEAR,
    SUBSET,
    build_prompt,
    scorer,
    subsets_of,
    to_sample,
    verify,
)
from tasks.chemcot.smiles_answer import stated_smiles
from tasks.official.rows import read_rows
from tests.support import reaction_solver
from tests.support.real_rows import data_root

ESTER = "CCC(=O)OCC"
GIVEN = "CCC(=O)O.OCC"


def item(kind: str, gold: str = ESTER, given: str = GIVEN) -> Sample:
    return Sample("x", f"{SUBSET}{kind}", "", gold, {"given": given})


def said(kind: str, answer: str) -> str:
    return json.dumps({KEYS[kind][0]: answer})


def published(kind: str, answers: list[str], golds: list[str]) -> dict[str, float | None]:
    samples = [item(kind, gold) for gold in golds]
    return released.evaluate(f"{SUBSET}{kind}", samples, answers, [None] * len(golds))


# -- our own rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fs", "retro", "rcr", "nepp"])
def test_the_key_of_the_prompt_is_read_and_output_as_well(kind: str) -> None:
    for key in (*KEYS[kind], "output"):
        answer = json.dumps({key: "C(C)OC(=O)CC"})
        assert scorer(item(kind), answer).right, key
        assert scorer(item(kind), f"```json\n```json\n{answer}\n```\n```").right
        assert scorer(item(kind), f"<think>{said(kind, 'CC')}</think>{answer}").right
        assert not scorer(item(kind), f"<think>{answer}").right
        assert scorer(item(kind), f"{said(kind, 'CC')} no: {answer}").right
    assert scorer(item(kind), ESTER).error == "no_json"
    assert scorer(item(kind), "").error == "unparseable"


@pytest.mark.parametrize("kind", ["fs", "retro", "nepp"])
def test_a_near_miss_counts_by_likeness_and_never_in_full(kind: str) -> None:
    near, far = scorer(item(kind), said(kind, "CCC(=O)OC")), scorer(item(kind), said(kind, "c1ccncc1"))
    assert near.value == pytest.approx(morgan_counts("CCC(=O)OC", ESTER))
    assert 0.0 <= far.value < near.value < 1.0
    assert not near.right
    other_hand = scorer(item(kind, "C[C@H](O)CC"), said(kind, "C[C@@H](O)CC"))
    assert (other_hand.right, other_hand.value) == (False, NEAR)


def test_a_reagent_is_right_or_wrong() -> None:
    assert scorer(item("rcr", "[OH-].[Na+]"), said("rcr", "[Na+].[OH-]")).right
    assert scorer(item("rcr", "CCO"), said("rcr", "CO")).value == 0.0


@pytest.mark.parametrize("echo", ["CCC(=O)O", "OCC", GIVEN, "CCO.C(C)C(O)=O"])
def test_repeating_what_was_given_earns_nothing(echo: str) -> None:
    item_score = scorer(item("fs"), said("fs", echo))
    assert (item_score.error, item_score.value) == ("echo", 0.0)
    assert morgan_counts(echo, ESTER) > 0.1
    assert scorer(item("fs", "CCO"), said("fs", "OCC")).right  # unless it is the answer


def test_invalid_answers_earn_nothing() -> None:
    for bad in ("C1CC", "CCC(=O)OCC is it", "C" * 5_000, "CC\0O", "ester"):
        assert scorer(item("fs"), said("fs", bad)).value == 0.0


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("CC(=O)ClNCc1ccccc1", "CC(=O)Cl.NCc1ccccc1"),  # no SMILES, one cut
        ("COC(=O)c1ccccc1CCN", "NCC.O=C(OC)c1ccccc1"),  # a SMILES by accident
        ("CCO.CC", "CC.OCC"),
    ],
)
def test_references_without_their_dot(gold: str, answer: str) -> None:
    for text in (answer, gold):
        assert scorer(item("retro", gold), said("retro", text)).right, text
    assert not scorer(item("retro", gold), said("retro", "CCCl.CC")).right


def test_a_reference_that_cannot_be_taken_apart_is_not_scored() -> None:
    assert readable_reference("CC(=O)ClNCc1ccccc1") == "CC(=O)Cl.NCc1ccccc1"
    assert readable_reference("C(C)ClC(C)Cl(") is None
    for answer in ("CCCl", "C(C)ClC(C)Cl(", ""):
        item_score = scorer(item("retro", "C(C)ClC(C)Cl("), said("retro", answer))
        assert (item_score.scored, item_score.error) == (False, "gold_unreadable")


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ('{"choice": "G"}', "G"),
        ('{"choice": "g"}', "G"),
        ('{"choice": ["G"]}', "G"),
        ('{"choice": "Option G"}', "G"),
        ('{"choice": "G: Deprotonation | Substitution"}', "G"),
        ('{"choice": "I"} or rather {"choice": "A"}', "A"),
        ("Option G", "G"),
        ("**G**", "G"),
        ("I", "I"),
        ("I think the answer is G", "G"),
        ("The answer is I.", "I"),
        ("The answer I think is G.", "G"),
        ("G. A proton is exchanged.", "G"),
        ("The correct mechanism is (G) because a proton moves", "G"),
        ("<think>Option A</think>Option B", "B"),
        ("A proton moves, so option B", "B"),
        ("A proton moves to the amine", None),
        ("I would say so", None),
        ("C=O is attacked by N", None),
        ("either B or C", None),
        ('{"choice": "Z"}', None),
        ('{"choice": "none of them"}', None),
        ("", None),
    ],
)
def test_the_chosen_letter(answer: str, letter: str | None) -> None:
    assert chosen_letter(answer, KEYS["mechsel"], "ABCDEFGHIJ") == letter
    item_score = scorer(Sample("x", f"{SUBSET}mechsel", "", "G", {"letters": "ABCDEFGHIJ"}), answer)
    assert (item_score.right, item_score.parsed) == (letter == "G", letter)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"pred_smi": "F/C=C\\\\F"}', "F/C=C\\F"),
        ('{"pred_smi": "F/C=C\\F"}', "F/C=C\\F"),
        ('{"pred_smi": "C/C=C\\n1cccc1"}', "C/C=C\\n1cccc1"),
        ('{"pred_smi": "CC"', "CC"),
        ('{"pred_smi": "CC', None),
        ('{"pred_smi": {"a": 1}}', None),
    ],
)
def test_backslashes_of_smiles_in_json(text: str, meant: str | None) -> None:
    assert stated_smiles(text, ("pred_smi",)) == meant


# -- the released evaluator ------------------------------------------------------------------------


def test_published_keys_of_nepp_and_rcr_are_not_those_of_the_prompt() -> None:
    golds = [ESTER, "CCO"]
    for kind, read, names in (
        ("nepp", "output", ("exact_match", "morgan_sims", "validity")),
        ("rcr", "condition", ("exact_match", "exact_count")),
    ):
        obedient = published(kind, [said(kind, gold) for gold in golds], golds)
        assert [obedient[name] for name in names] == [0.0] * len(names)
        other = published(kind, [json.dumps({read: gold}) for gold in golds], golds)
        assert other["exact_match"] == 100.0
        bare = published(kind, golds, golds)
        assert bare["exact_match"] == 100.0


def test_published_structure_metrics_by_hand() -> None:
    answers = [said("fs", "CCC(=O)OC"), said("fs", "C(C)OC(=O)CC"), said("fs", "C1CC"), "CCO it is"]
    metrics = published("fs", answers, [ESTER, ESTER, ESTER, "CCO"])
    assert set(metrics) == set(released.STRUCTURE_NAMES)
    assert (metrics["exact_match_count"], metrics["exact_match"]) == (
        2.0,
        50.0,
    )  # prose after a SMILES is a name
    assert (metrics["valid_count"], metrics["validity"]) == (3.0, 75.0)
    alike = morgan_counts("CCC(=O)OC", ESTER)
    assert metrics["morgan_sims"] == pytest.approx(100 * (alike + 2) / 4)
    # CCOC(=O)CC against CCC(=O)OC: canonical forms, edits over four items, nothing for the invalid one.
    assert metrics["levenshtein"] == levenshtein("CCC(=O)OC", "CCOC(=O)CC") / 4
    assert 0.0 < (metrics["bleu"] or 0.0) < 100.0


def test_published_levenshtein_rewards_the_invalid() -> None:
    wrong, invalid = [published("fs", [said("fs", text)], [ESTER])["levenshtein"] for text in ("CCN", "C1CC")]
    assert (wrong or 0) > 0.0
    assert invalid == 0.0


def test_published_golds_that_are_no_smiles_score_nothing() -> None:
    gold = "CC(=O)ClNCc1ccccc1"
    for text in (gold, "CC(=O)Cl.NCc1ccccc1"):
        metrics = published("retro", [said("retro", text)], [gold])
        assert (metrics["exact_match"], metrics["morgan_sims"]) == (0.0, 0.0)
        assert scorer(item("retro", gold), said("retro", text)).right


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ('{"choice": "G"}', "G"),
        ('{"choice": ["G"]}', "G"),
        ('{"choice": "Option G"}', "O"),
        ("Option G", "G"),
        ("I think the answer is G", "I"),
        ("A proton moves, so G", "A"),
        ('{"choice": "A proton"}', "A"),
        ("option g", "O"),
        ('```json\n```json\n{"choice": "G"}\n```\n```', ""),
        ('<think>A</think>{"choice": "G"}', "G"),
        ("", ""),
    ],
)
def test_published_letters(answer: str, letter: str) -> None:
    assert released.first_letter(released.what_is_said(answer, "mechsel")) == letter
    metrics = published("mechsel", [answer], ["G"])
    assert metrics == {"accuracy": 100.0 * (letter == "G"), "correct_count": float(letter == "G")}


@pytest.mark.parametrize("kind", list(KEYS))
def test_what_ends_the_released_view_is_none_for_every_metric(kind: str) -> None:
    for answer in ("[" * 100_000, '{"output": ' + "9" * 5_000 + "}"):
        metrics = published(kind, [said(kind, "A"), answer], ["A", "A"])
        assert metrics
        assert set(metrics.values()) == {None}


def test_published_values_of_other_types_do_not_raise() -> None:
    for kind in KEYS:
        for value in (None, 3, ["CC"], {"a": 1}, True, ""):
            answer = json.dumps(dict.fromkeys((*KEYS[kind], "condition"), value))
            metrics = published(kind, [answer], ["A" if kind == "mechsel" else "CCO"])
            assert metrics.get("exact_match", 0.0) == 0.0


def test_measures_by_hand() -> None:
    assert [levenshtein(*pair) for pair in (("", "CC"), ("CCO", "CCO"), ("kitten", "sitting"))] == [2, 0, 3]
    assert character_bleu(["CCOCC"], ["CCOCC"]) == pytest.approx(1.0)
    assert character_bleu([""], ["CCO"]) == 0.0


# -- what can be told without a reference ----------------------------------------------------------


def test_mixtures_are_compared_as_sets() -> None:
    assert same_molecules("OCC.CC", "CC.CCO")
    assert not same_molecules("OCC", "CC.CCO")
    assert not same_molecules("CC.CC", "CC")
    assert conserved("CC(=O)O.N", "CC(=O)[O-].[NH4+]")
    assert not conserved("CC(=O)O.N", "CC(=O)[O-].N")
    assert brought("CCCl", "CCO", "ClCCl")
    assert not brought("CCBr", "CCO", "ClCCl")


def test_verify_refutes_confirms_and_abstains() -> None:
    fs = f'Answer in JSON {{"Major Product": "SMILES"}}.\nReactants: {GIVEN}\nReagents: O=S(=O)(O)O'
    assert verify(fs, said("fs", ESTER)) is True
    assert verify(fs, said("fs", "CCCCC")) is None
    assert verify(fs, said("fs", "CCC(=O)Cl")) is False  # chlorine from nowhere
    assert verify(fs, said("fs", "CCO")) is False  # an echo
    retro = f'Answer in JSON {{"Reactants": "SMILES"}}.\nProducts: {ESTER}\nReagents: O=S(=O)(O)O'
    assert verify(retro, said("retro", GIVEN)) is True
    assert verify(retro, said("retro", "CCC.CO")) is None
    assert verify(retro, said("retro", ESTER)) is False
    mechsel = 'A: enolate formation\nB: hydride addition\nReturn JSON {"choice": str}.'
    assert verify(mechsel, 'enolate A, hydride B. hydride B. {"choice": "B"}') is True
    assert verify(mechsel, 'enolate A, hydride B. hydride B. {"choice": "A"}') is False
    assert verify(mechsel, 'hydride A. {"choice": "A"}') is False
    assert verify(mechsel, '{"choice": "A"}') is None
    assert textbook_products("CCC(=O)O.CO") == {"CCC(=O)OC"}
    assert textbook_products("C.C.C.C") == textbook_products("C1CC") == frozenset()


# -- rows ------------------------------------------------------------------------------------------


def test_a_published_row_becomes_an_item() -> None:
    query = 'Question:\nReactants: CCC(=O)O.OCC\nReagents: O\n\nAnswer:\n{\n    "Major Product": ...\n}\n'
    row = {"query": query, "gt": '{"Major Product": "CCC(=O)OCC", "Byproduct(s)": "O"}', "task": "reaction"}
    row |= {"subtask": "fs", "meta": "{}", "id": "1"}
    sample = to_sample(row, subsets_of(row)[0])
    assert (sample.subset, sample.gold, sample.meta) == (f"{SUBSET}fs", ESTER, {"given": GIVEN})
    for bad in ({"gt": ""}, {"gt": '{"Product": "CC"}'}, {"gt": None}):
        with pytest.raises(ValueError, match="reference"):
            to_sample({**row, **bad}, f"{SUBSET}fs")
    with pytest.raises(ValueError, match="query"):
        to_sample({**row, "query": "What?"}, f"{SUBSET}fs")
    assert subsets_of({**row, "subtask": "other"}) == subsets_of({**row, "task": "mol_opt"}) == ()
    assert build_prompt({"query": 'JSON {"Final Target Molecule": "SMILES"}'}) is None


def _real(kind: str) -> list[Sample]:
    path = data_root() / "chemcotbench" / "chemcotbench" / "reaction" / f"{kind}.json"
    return [to_sample(row, f"{SUBSET}{kind}") for row in read_rows(path)]


UNREADABLE = {"retro": 3}
"""Real references that no single cut turns into molecules: they are not scored."""


@pytest.mark.parametrize(
    ("kind", "rows"), [("fs", 40), ("retro", 40), ("rcr", 36), ("nepp", 34), ("mechsel", 40)]
)
def test_real_golds_are_right(kind: str, rows: int) -> None:
    samples = _real(kind)
    item_scores = [scorer(sample, said(kind, str(sample.gold))) for sample in samples]
    assert len(samples) == rows
    assert sum(not item_score.scored for item_score in item_scores) == UNREADABLE.get(kind, 0)
    assert all(item_score.right for item_score in item_scores if item_score.scored)
    assert all(sample.meta.get("letters") or sample.meta["given"] or kind == "rcr" for sample in samples)


def test_real_published_ceilings() -> None:
    """What a perfect model that obeys the prompt gets from the released evaluator."""
    got = {}
    for kind in KEYS:
        samples = _real(kind)
        answers = [said(kind, str(sample.gold)) for sample in samples]
        got[kind] = released.evaluate(f"{SUBSET}{kind}", samples, answers, [None] * len(samples))
    assert (got["nepp"]["exact_match"], got["rcr"]["exact_match"]) == (0.0, 0.0)
    assert (got["fs"]["exact_match"], got["mechsel"]["accuracy"]) == (100.0, 100.0)
    assert got["retro"]["morgan_sims"] == 37.5  # 25 of the 40 references here are no SMILES
    assert got["retro"]["validity"] == 37.5


def test_real_retro_references_are_taken_apart() -> None:
    samples = [
        sample for sample in _real("retro") if readable_reference(str(sample.gold)) not in (None, sample.gold)
    ]
    assert len(samples) == 22
    for sample in samples:
        assert scorer(sample, said("retro", readable_reference(str(sample.gold)) or "")).right


# -- generated items -------------------------------------------------------------------------------


def test_generated_items_are_right_by_another_solver() -> None:
    rng = random.Random(21)
    for index in range(400):
        drawn = MINI.generator.draw(rng, index)
        assert reaction_solver.is_right(MINI.generator.with_answer(drawn, drawn.answer, "")), drawn
        bad = MINI.generator.wrong(rng, drawn)
        assert not reaction_solver.is_right(MINI.generator.with_answer(drawn, bad, "")), (drawn, bad)
        assert len(MINI.prompt_of(drawn)) < 400
        sample = to_sample(MINI.generator.with_answer(drawn, drawn.answer, ""), drawn.subset)
        assert sample.gold == drawn.answer
        assert sample.meta.items() <= drawn.meta.items()
        assert not scorer(sample, said(str(drawn.columns["subtask"]), bad)).right


def test_every_kind_is_drawn() -> None:
    rng = random.Random(1)
    kinds = {
        (d.columns["subtask"], d.meta["kind"]) for d in (MINI.generator.draw(rng, i) for i in range(1500))
    }
    assert len([kind for subset, kind in kinds if subset == "fs"]) == 10
    assert len([kind for subset, kind in kinds if subset == "nepp"]) == 9
    assert len([kind for subset, kind in kinds if subset == "mechsel"]) == 12
