"""Repeats and contradictions: edited copies are found, other questions are left alone."""

from __future__ import annotations

import pytest

from tasks.registry import get
from tasks.repeats.groups import conflicting, exact_groups, near_groups, repeated_share
from tests.support.mini_editions import source
from tools.curation.columns import suggest_columns
from tools.curation.profile import examples_of
from tools.curation.targets import answer_key

SHOP = "A shop sells 14 pens on Monday and 23 on Tuesday. How many pens is that?"
TABLE = 'Rows: {"columns":["name","wins"],"data":[["Ann",12],["Bob",7]]} How many wins has Ann?'
CHINESE = "企业所得税的税率为25%时，下列哪项可以税前扣除？ A.罚款 B.工资 C.股息 D.税款"


def near(first: str, second: str, threshold: float = 0.85) -> bool:
    return near_groups([first, second], threshold) == [0, 0]


@pytest.mark.parametrize(
    "copy",
    [
        SHOP.upper(),
        SHOP.replace(" ", "  "),
        SHOP.replace(".", " ;"),
        SHOP.replace("14", "fourteen"),
        "Please " + SHOP[0].lower() + SHOP[1:],
        SHOP.replace("pens on", "on"),
        "How many pens is that? A shop sells 14 pens on Monday and 23 on Tuesday.",
    ],
)
def test_an_edited_copy_is_a_repeat(copy: str):
    assert near(SHOP, copy)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SHOP, SHOP.replace("23", "24")),
        (SHOP, SHOP.replace("14", "x").replace("23", "14").replace("x", "23")),
        (SHOP, SHOP.replace("Monday", "Friday")),
        (SHOP, SHOP.replace("pens", "cups")),
        (TABLE, TABLE.replace("12", "x").replace("7", "12").replace("x", "7")),
        (TABLE, TABLE.replace("has Ann", "has Bob")),
        ("What is 5 + 3 in all?", "What is 5 - 3 in all?"),
        ("Add a hydroxyl to the molecule CC(C)O.", "Add a hydroxyl to the molecule CC(C)N."),
        ("Add a hydroxyl to the molecule CC(C)O.", "Add a hydroxyl to the molecule CCCO."),
        ("Add a hydroxyl to the molecule C=CC.", "Add a hydroxyl to the molecule C#CC."),
        ("Add a hydroxyl to the molecule c1ccccc1.", "Add a hydroxyl to the molecule C1CCCCC1."),
        ("Add a hydroxyl to the molecule CCCC.", "Add a methyl to the molecule CCCC."),
        (CHINESE, CHINESE.replace("25%", "20%")),
        (CHINESE, CHINESE.replace("企业", "个人")),
    ],
)
def test_another_number_name_molecule_or_noun_is_another_question(first: str, second: str):
    assert not near(first, second, threshold=0.5)


def test_a_swapped_noun_is_a_repeat_when_the_answers_agree():
    prompts = [SHOP, SHOP.replace("sells", "offers")]
    assert near_groups(prompts, 0.85, ["37", "37"]) == [0, 0]
    assert near_groups(prompts, 0.85, ["37", "38"]) == [0, 1]


def test_the_threshold_decides_how_much_may_differ():
    shorter = SHOP.replace("sells ", "")
    assert near(SHOP, shorter, 0.9)
    assert not near(SHOP, shorter, 0.95)


def test_chinese_full_width_and_spacing_are_the_same_question():
    assert exact_groups([CHINESE, CHINESE.replace("25", "２５").replace("？", " ? ")]) == [0, 0]


def test_the_first_of_a_group_stands_for_it():
    prompts = [SHOP, TABLE, SHOP.lower(), TABLE + " Please.", SHOP]
    assert near_groups(prompts, 0.8) == [0, 1, 0, 1, 0]
    assert repeated_share([0, 1, 0, 1, 0]) == pytest.approx(0.6)
    assert repeated_share([]) == 0.0


def test_large_buckets_of_equal_numbers_still_find_their_copies():
    words = ("gear", "cam", "rod", "seal", "lens", "belt", "fan", "pump", "screw", "valve", "hinge", "motor")
    prompts = [
        f"Claim: a device with a {a}, a {b} and a {c}."
        for a in words
        for b in words
        for c in words
        if a < b < c
    ]
    copies = [
        prompts[n].replace("Claim:", "Claim -").replace(" and a ", " and the ") for n in range(0, 200, 20)
    ]
    groups = near_groups([*prompts, *copies], 0.8)
    assert groups[: len(prompts)] == list(range(len(prompts)))
    assert groups[len(prompts) :] == list(range(0, 200, 20))


def test_conflicts_are_rows_of_one_group_with_several_answers():
    assert conflicting([0, 1, 0, 1, 4], ["a", "b", "c", "b", "d"]) == {0, 2}


def test_the_duplicated_source_shrinks_to_its_distinct_questions():
    spec, rows = get("aime25"), source("aime25", "duplicates")
    examples = examples_of(rows, suggest_columns(rows.rows[:200], spec), spec)
    keys = [answer_key(spec, row.answer) for row in examples]
    distinct = len(set(near_groups([row.prompt for row in examples], answers=keys)))
    assert len(examples) == 1200
    assert 245 <= distinct <= 290  # 250 questions; half of the copies carry one or two edits
