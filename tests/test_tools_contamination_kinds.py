"""Each kind of disguise is found under its own rule; what only looks like one is left alone."""

from __future__ import annotations

import pytest

from tasks.repeats.signature import sign, with_digits
from tests.support.mini_editions import mini, sealed
from tools.bench.contamination import (
    alarms,
    clean_rows,
    index_of,
    marginal,
    marginal_alarms,
    mini_items,
    recall,
)
from tools.contamination.check import RULES, Decontaminator, guarded
from tools.contamination.minhash import NearDuplicates
from tools.contamination.renamed import Renamed
from tools.contamination.reordered import order_free
from tools.contamination.smiles import canonical_text, looks_like_smiles

TABLE = (
    '[TABLE]\n{"columns":["name","goals"],"data":[["Kim",13],["Bob",25],["Max",5],["Eve",17]]}\n'
    "Question: How many goals has Kim?"
)
ROWS = '["Kim",13],["Bob",25],["Max",5],["Eve",17]'
CHOICE = "下列哪项属于流动资产？\nA. 存货\nB. 厂房\nC. 商标\nD. 专利\n答案是："
MOLECULE = 'Edit the molecule. Reply in JSON {"output": "SMILES"}.\nInput Molecule: Oc1ccccc1CCN, add: halo.'
SERIAL = (
    "Application 15/091,542, claim 1: A method for detecting a leak in a pipe, comprising a pressure "
    "sensor mounted on a flange, a controller configured to compare a measured pressure with a stored "
    "threshold, and a valve closed by the controller when the measured pressure falls below it, wherein the "
    "flange carries a seal made of an elastic polymer and the sensor is powered by a battery. "
    "Reference US20050025220A1 discloses a tank."
)
DUCKS = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes 4 cakes. She "
    "sells the rest at the market daily for $2 per fresh egg. How much in dollars does she make a day?"
)
GOLD = (
    "First thaw the sample on ice, then spin it for 10 minutes at 3000 g, discard the pellet, add 5 ml of "
    "cold buffer and keep the tube in the dark until all of the dye has been taken up."
)
ITEMS = [
    ("test:table", TABLE, "13"),
    ("test:choice", CHOICE, "A"),
    ("test:molecule", MOLECULE, "x"),
    ("test:other", MOLECULE.replace("Oc1ccccc1CCN", "CCCCO").replace("halo", "thiol"), "x"),
    ("test:serial", SERIAL, "102"),
    ("validation:ducks", DUCKS, "18"),
    ("validation:protocol", "How is the sample dyed?", GOLD),
    ("test:count", "A crate holds 23 jars and 1042 lids. How many more lids than jars are there?", "1019"),
]
GUARD = Decontaminator(ITEMS)


@pytest.mark.parametrize(
    ("rule", "item", "row"),
    [
        ("near", "count", ITEMS[-1][1].replace("23", "twenty-three").replace("1042", "1,042")),
        ("entity-renamed", "table", TABLE.replace("Kim", "Zoe").replace("goals", "trips")),
        ("entity-renamed", "table", TABLE.replace("Kim", "@").replace("Bob", "Kim").replace("@", "Bob")),
        (
            "entity-renamed",
            "ducks",
            DUCKS.replace("Janet", "Maria").replace("eggs", "nuts").replace("egg.", "nut."),
        ),
        ("reordered", "choice", CHOICE.replace("存货", "?").replace("商标", "存货").replace("?", "商标")),
        (
            "reordered",
            "table",
            TABLE.replace(ROWS, '["Eve",17],["Bob",25],["Kim",13],["Max",5]'),
        ),
        ("smiles", "molecule", MOLECULE.replace("Oc1ccccc1CCN", "NCCC1=C(O)C=CC=C1")),
        ("smiles", "molecule", MOLECULE.replace("Oc1ccccc1CCN", "[OH]c1ccccc1[CH2][CH2][NH2]")),
        (
            "smiles",
            "molecule",
            MOLECULE.replace("Oc1ccccc1CCN", "c8(O)c(CCN)cccc8").replace("Edit", "Please edit"),
        ),
    ],
)
def test_a_disguised_item_is_found_under_its_rule(rule: str, item: str, row: str):
    found = GUARD.check(row)
    assert found is not None
    assert (found.rule, found.item.partition(":")[2]) == (rule, item)


@pytest.mark.parametrize(
    "row",
    [
        TABLE.replace("has Kim", "has Bob"),
        TABLE.replace("Kim", "Zoe", 1),
        TABLE.replace("13", "14").replace("Kim", "Zoe"),
        TABLE.replace("Kim", "Zoe").replace("13", "?").replace("25", "13").replace("?", "25"),
        TABLE.replace('"Kim",13', '"Kim",25').replace('"Bob",25', '"Bob",13'),
        TABLE.replace("Kim", "Zoe").replace("How many goals has", "Who is ahead of"),
        CHOICE.replace("存货", "土地"),
        CHOICE.replace("流动", "无形").replace("存货", "?").replace("商标", "存货").replace("?", "商标"),
        MOLECULE.replace("Oc1ccccc1CCN", "NCCC1CCCCC1O"),
        MOLECULE.replace("Oc1ccccc1CCN", "Oc1cccc(CCN)c1"),
        MOLECULE.replace("Oc1ccccc1CCN", "NCCC1=C(O)C=CC=C1").replace("halo", "thiol"),
        DUCKS.replace("Janet", "Maria").replace("16", "17"),
        "Tom has 23 jars and 45 lids. How many more lids than jars has he?",
    ],
)
def test_a_near_miss_is_another_question(row: str):
    assert GUARD.check(row) is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (GOLD.upper().replace(" ", "  "), True),
        ("Gladly. " + GOLD.replace("10", "ten") + " That is all there is to do.", True),
        ("Well: " + GOLD.replace("3000", "4000"), False),
        (GOLD[:60], False),
        ("13", False),
    ],
)
def test_a_long_gold_is_found_in_any_case_and_inside_a_longer_answer(answer: str, found: bool):
    match = GUARD.check("Tell me how.", answer)
    assert (match is not None and match == ("gold", "validation:protocol")) == found


def test_names_alone_are_no_evidence():
    items = [(f"test:{n}", f"Ann has {n} pens and gets 5 more. How many has Ann?") for n in range(12, 40)]
    renamed = Renamed(items)
    assert len(renamed) == 0
    assert renamed.find(items[3][1].replace("Ann", "Bob")) is None


def test_a_row_with_the_same_numbers_needs_them_in_the_same_places():
    first = "It is known that Ann weighed 4183 stones, Bob 2977 and Cid 6151. Has Ann most?"
    renamed = Renamed([("test:a", first)])
    other = first.replace("Ann", "Uma").replace("Cid", "Leo").replace("Bob", "Pia")
    assert renamed.find(other) == "test:a"
    assert renamed.find(other.replace("4183", "?").replace("2977", "4183").replace("?", "2977")) is None


def test_a_long_text_retouched_in_many_places_is_a_near_duplicate_and_one_with_another_number_is_not():
    words = (SERIAL + " " + DUCKS).split()
    item = " ".join(words)
    near = NearDuplicates([("test:long", sign(item))])
    plain = [place for place, word in enumerate(words) if word.isalpha() and word.islower()]
    for place in plain[::9]:
        words[place] = "indeed"
    row = " ".join(words)
    assert near.find(sign(row)) == "test:long"
    assert near.find(sign(row.replace(" 16 ", " 19 "))) is None
    assert near.find(sign(" ".join(sorted(words)))) is None


def test_labels_that_the_question_speaks_of_are_content():
    asked = "A: 5\nB: 7\nC: 3\nHow much is A minus B?"
    assert order_free(asked) is None
    listed = "Which is red?\nA. a plum\nB. a leaf\nC. a lime\nAnswer with A, B or C."
    moved = "Which is red?\nA. a leaf\nB. a plum\nC. a lime\nAnswer with A, B or C."
    assert order_free(listed) == order_free(moved) is not None
    assert order_free("No options at all (here).") is None
    assert order_free("Which?\nA. vitamin A\nB. rest") != order_free("Which?\nA. vitamin B\nB. rest")


def test_options_written_as_json_and_pipes_are_movable_too():
    first = 'Pick. {"options": {"A": {"title": "Pump"}, "B": {"title": "Lamp"}}}'
    second = 'Pick. {"options": {"A": {"title": "Lamp"}, "B": {"title": "Pump"}}}'
    assert order_free(first) == order_free(second) is not None
    table = "| name | wins |\n|---|---|\n| Ann | 3 |\n| Bob | 5 |\nWho won?"
    turned = "| name | wins |\n|---|---|\n| Bob | 5 |\n| Ann | 3 |\nWho won?"
    assert order_free(table) == order_free(turned) is not None
    assert order_free(table.replace("| 3", "| 5")) != order_free(table)


def test_words_are_not_read_as_molecules_and_molecules_are():
    assert [word for word in ("cocoon", "Tom", "no", "13", "(5)", "Nobody") if looks_like_smiles(word)] == []
    assert canonical_text("Nobody knows 13 cats (5).") is None
    assert canonical_text("Add to OCC.") == "Add to CCO."
    assert canonical_text("Are OCC and CCO the same?") == canonical_text("Are CCO and C(O)C the same?")
    assert canonical_text("Reactants: OCC.CN>>x") == "Reactants: CCO.CN>>x"


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("twenty-three pens", "23 pens"),
        ("one hundred and five", "105"),
        ("Two thousand three hundred", "2300"),
        ("sixty", "60"),
        ("twenty thirty", "twenty thirty"),
        ("two or three", "two or three"),
    ],
)
def test_spelled_numbers(words: str, digits: str):
    assert with_digits(words) == digits


@pytest.mark.parametrize("task", ["tablebench_numerical_reasoning", "FinanceIQ_gen", "chemcotbench_mol_edit"])
def test_planted_leaks_are_found_and_clean_rows_left_alone(task: str):
    group = index_of(task, mini_items(task))
    counts, rules = recall([group], 25)
    for kind, count in counts.items():
        if "not covered" not in kind:
            assert count.found >= count.n - 1, (kind, count)
    assert set().union(*rules.values()) <= {*RULES, "missed"}
    false, _, by = alarms(group, clean_rows(task, 300, group.items))
    assert false.n > 250
    assert false.found <= 3, by


def test_a_rule_adds_what_no_other_rule_finds():
    group = index_of("few", ITEMS)
    rules, found = marginal([group], len(ITEMS))
    assert rules["gold"].kinds == {"long gold": 1, "long gold inside": 1}
    assert rules["gold"].alone == 2
    assert rules["near"].found >= len(ITEMS)
    assert rules["overlap"].kinds["exact"] == 0, "near finds an exact copy too"
    assert max(rule.found for rule in rules.values()) <= found
    clean = ("A crate holds 24 jars. How many are there?", "24")
    accused = (ITEMS[-1][1].replace("jars", "jars now"), "1019")
    raised = marginal_alarms([(group, [clean, accused])])
    assert raised["near"] == (1, 1)
    assert sum(count for count, _ in raised.values()) == 1


def test_the_guard_of_a_run_knows_the_digest_of_its_rules():
    items = [*guarded("validation", mini("aime25").validation), *guarded("test", sealed("aime25"))]
    assert len(Decontaminator(items).digest()) == 64
    assert Decontaminator(items[1:]).digest() != Decontaminator(items).digest()
