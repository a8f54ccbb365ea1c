"""mol_und: what is read as a count, a yes or a scaffold, the released evaluator beside it, the generator."""

from __future__ import annotations

import json
import random

import pytest

from tasks import registry
from tasks.answers import values
from tasks.base import Sample
from tasks.chemcot.chemistry.scaffolds import fragment_count, ring_count, scaffold
from tasks.chemcot.mol_und import question_of, scorer, truth_of
from tasks.chemcot.mol_und_released import KINDS, PREFIX, evaluate
from tasks.official.rows import read_rows
from tests.support import solvers
from tests.support.real_rows import data_root

SPEC = registry.get("chemcotbench_mol_und")
COUNTS = [PREFIX + kind for kind in ("fg_count", "ring_count")]
YES_NO = [PREFIX + kind for kind in ("ring_system_scaffold", "equivalence")]
MURCKO = PREFIX + "Murcko_scaffold"


def _item(subset: str, gold: object) -> Sample:
    return Sample("x", subset, "", gold)


@pytest.mark.parametrize("subset", COUNTS)
@pytest.mark.parametrize(
    "answer",
    [
        '{"count": 2}',
        '{"count": 2.0}',
        '{"count": "2"}',
        '{"count": "2.0"}',
        '{"count": "two"}',
        '{"count": "Two groups"}',
        '{"count": "2 groups"}',
        '{"count": [2]}',
        '{"count": "[2]"}',
        '{"count": ["two"]}',
        "{'count': '2',}",
        '```json\n```json\n{"count": 2}\n```\n```',
        '{"count": 3} No, wait: {"count": 2}',
        '<think>{"count": 3}</think>{"count": 2}',
        '{"count": 2} <think> or is it {"count": 5',
        '{"answer": 2}',
        '{"answer": 7, "count": 2}',
        '{"count": "1 + 1 = 2"}',
        "2",
        "The count is 2.",
    ],
)
def test_counts_are_read_as_meant(subset: str, answer: str) -> None:
    item_score = scorer(_item(subset, 2), answer)
    assert (item_score.right, item_score.value, item_score.parsed) == (True, 1.0, "2")
    assert scorer(_item(subset, "2"), answer).right
    assert not scorer(_item(subset, 3), answer).right


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        '{"count": null}',
        '{"count": ""}',
        '{"count": "none given"}',
        '{"count": "2 or 3"}',
        '{"count": "2-3"}',
        '{"count": [2, 3]}',
        '{"count": {"value": 2}}',
        '{"count": true}',
        '{"count": "many"}',
        '{"count": "C1CC2"}',
        "plt.plot([2",
        "plt.plot([0",
        '{"count": "2',
        '{"count": ' + "9" * 5_000 + "}",
        '{"count": Infinity}',
        "<think>the count is 0",
        "Let me see. There may be 0 of them, although I would have to look at it again, atom by atom, with "
        "more time than there is.",
    ],
)
@pytest.mark.parametrize("gold", [0, 2])
def test_what_is_no_count_is_wrong_and_never_zero(answer: str, gold: int) -> None:
    item_score = scorer(_item(COUNTS[0], gold), answer)
    assert (item_score.right, item_score.value, item_score.parsed) == (False, 0.0, None)
    assert item_score.error


def test_other_counts_are_wrong_with_a_reason() -> None:
    assert scorer(_item(COUNTS[0], 2), '{"count": 3}').error == "off_by_one"
    assert scorer(_item(COUNTS[0], 2), '{"count": -2}').error == "wrong_count"
    assert scorer(_item(COUNTS[0], 2), '{"count": 2.5}').parsed == "2.5"
    assert scorer(_item(COUNTS[0], 0), '{"count": "zero"}').right
    assert scorer(_item(COUNTS[0], 12), '{"count": "twelve"}').right


SAID = [
    ("Yes", "Yes"),
    ("yes.", "Yes"),
    ("YES!", "Yes"),
    ("Yes, they match", "Yes"),
    ("Yes, there is no difference", "Yes"),
    ("The same", "Yes"),
    ("They are identical.", "Yes"),
    ("not different", "Yes"),
    ("No", "No"),
    ("No.", "No"),
    ("No, they are not the same", "No"),
    ("not the same", "No"),
    ("They aren't the same molecule", "No"),
    ("Not yes", "No"),
    ("Different", "No"),
    ("the ring system is not present", "No"),
    ("Yes. Wait, let me see. No.", "No"),
    ("**No**", "No"),
    ("Yes / No", None),
    ("yes or no", None),
    ("Yes|No", None),
    ("same and different", None),
    ("nobody knows", None),
    ("maybe", None),
    ("Norway", None),
    ("n", "No"),
    ("N#N#N", None),
    ("NO=C", None),
    ("if no[1] > 2", None),
    ("", None),
]


@pytest.mark.parametrize("subset", YES_NO)
@pytest.mark.parametrize(("text", "meant"), SAID)
def test_yes_and_no_are_read_as_meant(subset: str, text: str, meant: str | None) -> None:
    for answer in (json.dumps({"output": text}), json.dumps({"answer": text}), text):
        for gold in ("Yes", "No"):
            item_score = scorer(_item(subset, gold), answer)
            assert item_score.right is (meant == gold), (answer, item_score)
            assert item_score.parsed == meant


def test_booleans_and_the_last_answer_count() -> None:
    assert scorer(_item(YES_NO[1], "Yes"), '{"output": true}').right
    assert scorer(_item(YES_NO[1], "No"), '{"output": false}').right
    assert not scorer(_item(YES_NO[1], "No"), '{"output": true}').right
    assert scorer(_item(YES_NO[1], "No"), '{"output": "Yes"} Sorry: {"output": "No"}').right
    assert scorer(_item(YES_NO[1], "No"), '{"answer": "Yes", "output": "No"}').right
    assert scorer(_item(YES_NO[1], "Yes"), "<think>No" + "o" * 300).parsed is None


def test_a_scaffold_counts_by_its_molecule() -> None:
    item = _item(MURCKO, "c1ccc(CC2CC2)cc1")
    for said in ("c1ccc(CC2CC2)cc1", "C1CC1Cc1ccccc1", "C1(CC2=CC=CC=C2)CC1"):
        for answer in (json.dumps({"Output Scaffold": said}), json.dumps({"output": said}), said):
            assert scorer(item, answer).right, answer
    close = scorer(item, '{"Output Scaffold": "c1ccc(CCC2CC2)cc1"}')
    far = scorer(item, '{"Output Scaffold": "C1CCNCC1"}')
    assert (close.right, far.right, close.error) == (False, False, "wrong_scaffold")
    assert 0.2 < close.value < 1
    assert far.value < 0.2
    last = scorer(item, '{"Output Scaffold": "C1CC1"} {"Output Scaffold": "C1CC1Cc1ccccc1"}')
    assert last.right


@pytest.mark.parametrize("said", ["C1CC(", "no scaffold", "", "C" * 5_000, "c1ccccc1 extra \\n", "C\0C", "*"])
def test_what_is_no_scaffold_scores_nothing(said: str) -> None:
    item_score = scorer(_item(MURCKO, "C1CCNCC1"), json.dumps({"Output Scaffold": said}))
    assert not item_score.right
    assert item_score.value < 0.3
    assert item_score.error


def test_another_molecule_never_scores_one() -> None:
    """Folded fingerprints of two chains may agree; only the gold molecule itself is worth 1."""
    one, other = "C1CC1" + "C" * 9 + "C1CC1", "C1CC1" + "C" * 12 + "C1CC1"
    item_score = scorer(_item(MURCKO, one), json.dumps({"Output Scaffold": other}))
    assert not item_score.right
    assert 0.9 < item_score.value < 1


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ('{"count": 2}', 2),
        ('{"count": "2"}', 2),
        ('{"answer": 2}', 2),
        ('{"count": 2.0}', 0),
        ('{"count": "2.0"}', 0),
        ('{"count": "two"}', 0),
        ('{"count": "2 groups"}', 0),
        ('{"count": [2]}', 0),
        ('{"count": true}', 0),
        ("", 0),
        ("I do not know", 0),
        ("There are 2, or 3", 2),
        ("<think>5</think> 2", 2),
        ("<think>5 and then 2", 5),
        ('```json\n```json\n{"count": 2}\n```\n```', 0),
        ('```json\n{"count": 2}\n```', 2),
        ('{"count": 2} {"count": 3}', 2),
        ('{"count": 2', 2),
        ('{"count": "' + "9" * 4_400 + '"}', 0),
    ],
)
def test_released_counts(answer: str, read: int) -> None:
    for subset in COUNTS:
        assert evaluate(subset, [_item(subset, 5)], [answer], [None]) == {"mae": abs(5 - read)}
    assert evaluate(COUNTS[0], [_item(COUNTS[0], 0)], [answer], [None])["mae"] == read


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"output": "Yes"}', "yes"),
        ('{"output": "no"}', "no"),
        ('{"answer": "Yes"}', "yes"),
        ('{"output": "Yes."}', ""),
        ('{"output": true}', ""),
        ('{"output": "Yes, they match"}', ""),
        ("No. One would say yes to that only if", "yes"),
        ("They differ, so no.", "no"),
        ("<think>yes</think> no", "no"),
        ("<think>yes, then no", "yes"),
        ('```\n```\n{"output": "Yes"}\n```', ""),
        ('{"output": "Yes"', "yes"),
    ],
)
def test_released_yes_and_no(answer: str, said: str) -> None:
    for subset in YES_NO:
        for gold in ("Yes", "No"):
            right = 100.0 * (said == gold.lower())
            assert evaluate(subset, [_item(subset, gold)], [answer], [None]) == {"accuracy": right}


def test_released_similarity_and_crashes() -> None:
    name = "tanimoto_similarity_larger_means_better"
    item = _item(MURCKO, "c1ccc(CC2CC2)cc1")
    assert evaluate(MURCKO, [item], ['{"Output Scaffold": "C1CC1Cc1ccccc1"}'], [None]) == {name: 1.0}
    assert evaluate(MURCKO, [item, item], ['{"output": "C1CC1Cc1ccccc1"}', "C1"], [None] * 2) == {name: 0.5}
    for subset, metric in ((MURCKO, name), (COUNTS[0], "mae"), (YES_NO[0], "accuracy")):
        for crash in ("[" * 5_000, '{"count": ' + "9" * 5_000 + "}"):
            assert evaluate(subset, [_item(subset, 1)] * 2, ["", crash], [None] * 2) == {metric: None}
    endless = '{"count": "' + "9" * 4_000 + '"}'
    assert evaluate(COUNTS[0], [_item(COUNTS[0], 1)], [endless], [None]) == {"mae": None}


def test_generated_questions_have_one_right_answer() -> None:
    """Worked out again from the text: groups, rings and scaffolds by their spelling, pairs by InChI."""
    miniature, rng, kinds = registry.synthetic(SPEC.id), random.Random(8), set()
    for index in range(250):
        item = miniature.generator.draw(rng, index)
        prompt = miniature.prompt_of(item)
        assert solvers.mol_und(prompt) == item.answer, prompt
        sample = Sample("x", item.subset, prompt, item.gold, item.meta)
        assert scorer(sample, SPEC.render(item.answer, item.reasoning)).right
        for bad in (
            miniature.generator.wrong(rng, item),
            (miniature.generator.corrupted_rationale(rng, item) or ("", ""))[0],
        ):
            assert not scorer(sample, SPEC.render(bad, "")).right, (prompt, bad)
        kinds.add((item.meta["kind"], item.answer if len(item.answer) < 4 else ""))
    assert {("equivalence", "Yes"), ("equivalence", "No"), ("fg_count", "0"), ("ring_count", "2")} <= kinds


def test_questions_of_other_tasks_are_not_ours() -> None:
    assert question_of("Input Molecule: CCO, Functional Group to add: nitrile.") is None
    assert question_of("Source Molecule: CCO. Raise its logP.") is None
    assert SPEC.build_prompt({"query": 3}) is None
    assert SPEC.verify("Input Molecule: CCO, Fragment Name: nonsense.", '{"count": 1}') is None
    assert SPEC.verify("Input Molecule: CC, Fragment Name: nitriles.", "Paris") is None
    assert SPEC.verify("Input Molecule: CC, Fragment Name: nitriles.", '{"output": "Yes"}') is False
    assert SPEC.published is not None
    row = {"task": "mol_edit", "subtask": "add", "query": "x", "gt": "", "meta": "{}"}
    assert SPEC.published.subsets_of(row) == ()
    with pytest.raises(ValueError, match="query"):
        SPEC.published.sample({"gt": 1}, COUNTS[0])
    with pytest.raises(ValueError, match="gt"):
        SPEC.published.sample({"query": "How many?", "gt": "?"}, COUNTS[0])


def test_parts_by_name() -> None:
    assert fragment_count("N#CCC(O)CC#N", "nitriles") == 2
    assert fragment_count("CCO", "unheard of") is None
    assert fragment_count("C1CC", "nitriles") is None
    assert fragment_count("C=NC", "Imines") is None or fragment_count("CC", "Imines") == 0
    assert ring_count("C1CC1CC1CC1", "C1CC1") == 2
    assert ring_count("C1CC1", "C1C") is None
    assert scaffold("CCc1ccccc1O") == "c1ccccc1"
    assert scaffold("CCC") == ""
    assert scaffold("C1") is None
    assert values.count("2" * 200) is None


@pytest.mark.parametrize("kind", KINDS)
def test_real_rows(kind: str) -> None:
    """The gold answers score best in both evaluators, and RDKit agrees with every one of them."""
    assert SPEC.published is not None
    rows = read_rows(data_root() / "chemcotbench" / "chemcotbench" / "mol_und" / f"{kind}.json")
    assert {SPEC.published.subsets_of(row) for row in rows} == {(PREFIX + kind,)}
    samples = [SPEC.published.sample(row, PREFIX + kind) for row in rows]
    answers = [SPEC.render(sample.gold, "") for sample in samples]
    assert (
        SPEC.aggregate(samples, [scorer(*pair) for pair in zip(samples, answers, strict=True)]).value == 100.0
    )
    (released,) = evaluate(PREFIX + kind, samples, answers, [None] * len(samples)).values()
    assert released == {"Murcko_scaffold": 1.0, "fg_count": 0, "ring_count": 0}.get(kind, 100.0)
    for row, sample in zip(rows, samples, strict=True):
        assert SPEC.build_prompt(row) == sample.prompt
        question = question_of(sample.prompt)
        assert question is not None
        assert question.kind == kind
        assert scorer(sample, SPEC.render(truth_of(question) or "", "")).right, sample.prompt


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("No, they differ", "No"),
        ("no they differ", "No"),
        ("**No**", "No"),
        ("The answer is no.", "No"),
        ("It is not present, no", "No"),
        ("there is no match", "No"),
        ("No difference", "Yes"),
        ("Yes, because there is no difference", "Yes"),
        ("not different", "Yes"),
        ("no idea", None),
        ("No answer.", None),
        ("no way to tell", None),
        ("not sure", None),
        ("Yes / No", None),
    ],
)
def test_a_no_before_a_noun_is_no_answer(text: str, meant: str | None):
    assert values.yes_no(text) == meant


@pytest.mark.parametrize("text", ["not 2", "It isn't 2.", "neither 2 nor 3"])
def test_a_denied_count_is_no_count(text: str):
    assert values.count(text) is None


@pytest.mark.parametrize("answer", ['{"Output Scaffold": "not c1ccccc1"}', "The scaffold is not c1ccccc1"])
def test_a_denied_scaffold_is_wrong(answer: str):
    spec = registry.get("chemcotbench_mol_und")
    sample = Sample("x", "chemcotbench_mol_und_Murcko_scaffold", "", "c1ccccc1")
    assert spec.scorer(sample, '{"Output Scaffold": "c1ccccc1"}').right
    assert not spec.scorer(sample, answer).right
