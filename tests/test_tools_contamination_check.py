"""No validation or test row gets through, verbatim or edited; clean rows do."""

from __future__ import annotations

import random
import re

import pytest

from tasks.mini.pool import planted_leaks
from tasks.registry import get, synthetic
from tests.support.mini_editions import mini, sealed, source
from tools.bench.leaks import coincidence_key
from tools.contamination.check import Decontaminator, guarded
from tools.curation.columns import suggest_columns
from tools.curation.profile import examples_of

TASKS = ("aime25", "tablebench_numerical_reasoning", "chemcotbench_mol_edit", "FinanceIQ_gen")
STORY = (
    "In the spring of 1911 the harbour master of a small northern town wrote down every ship that came in, "
    "its cargo, its captain and the weather, and by autumn he had filled 7 ledgers, which his daughter later "
    "gave to the library where they were read by nobody for 60 years. How many ledgers did he fill?"
)
ITEMS = [
    ("test:a1", "A shop sells 14 pens on Monday and 23 on Tuesday. How many pens is that?", "37"),
    ("test:a2", "Tom cuts ropes of 24 m and 18 m into equal parts. How long can a part be?", "6"),
    ("validation:b1", "What is the capital gain of Ann if she sells 5 cups for 9 coins each?", "45"),
    ("validation:b2", STORY, "seven ledgers " * 12),
]
GUARD = Decontaminator(ITEMS)


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        ("near", ITEMS[0][1]),
        ("near", "  " + ITEMS[0][1] + "\n"),
        ("near", ITEMS[0][1].upper()),
        ("near", ITEMS[0][1].replace(" ", "   ").replace("?", "")),
        ("near", ITEMS[0][1].replace("14", "１４")),
        ("near", ITEMS[0][1].replace("sells", "offers")),
        ("near", ITEMS[0][1].replace("is that", "are that")),
        ("near", ITEMS[0][1].replace("pens on", "on")),
        ("near", ITEMS[0][1].replace("sells", "now sells")),
        ("near", "How many pens is that? A shop sells 14 pens on Monday and 23 on Tuesday."),
        (
            "overlap",
            "Read this old text with care.\n"
            + STORY
            + "\nAnswer in one short sentence, please, and only then stop.",
        ),
    ],
)
def test_each_rule_finds_its_kind_of_copy(rule: str, row: str):
    found = GUARD.check(row)
    assert found is not None
    assert found.rule == rule


@pytest.mark.parametrize(
    "row",
    [
        ITEMS[0][1].replace("23", "24"),
        "A shop sells 23 pens on Monday and 14 on Tuesday. How many pens is that?",
        ITEMS[0][1].replace("Monday", "Friday"),
        ITEMS[0][1].replace("pens", "cups"),
        "Ann cuts ropes of 24 m and 18 m into equal parts. How long can a part be?",
        STORY.replace("7 ledgers", "8 ledgers"),
        "What is the capital of France?",
        "",
    ],
)
def test_another_question_of_the_same_template_is_clean(row: str):
    assert GUARD.check(row) is None


CLAIM = (
    "Application: a pump for wells in cold places. Abstract: the pump has a rotor, a casing and 2 valves, "
    "and it is driven by a belt, so that a farmer may repair it with one wrench. Claim {}: the pump as "
    "described, wherein {} is made of bronze and is held by 4 bolts against the casing of the pump."
)
CLAIMS = [
    CLAIM.format(number + 1, part)
    for number, part in enumerate(("the rotor", "each valve", "the casing", "the belt", "a wrench"))
]
MISTYPED = (
    ("a pump for", "a pump pump for"),
    ("has a rotor", "haz a rotor"),
    ("driven by a belt", "driven a belt"),
    ("farmer may repair", "farmer repair"),
    ("described", "dezcribed"),
    ("the casing", "the the casing"),
)
CHEMISTRY = "Are A and B one molecule? A: c1ccccc1O B: C1=CC=CC=C1O"
EDITS = (
    "Edit it as asked and answer with a SMILES alone. Molecule: CCCCC, group to delete: halo",
    *(
        f"Edit it. Molecule: {'C' * n}O, group to delete: hydroxyl, functional group to add: thiol"
        for n in range(3, 9)
    ),
)


@pytest.mark.parametrize(
    ("rule", "items", "row"),
    [
        ("overlap", [STORY[:120]], f"My teacher found this. {STORY[:120]} I do not know who wrote it."),
        (
            "overlap",
            [STORY, STORY],
            f"My teacher found this upstairs. {STORY} Nobody can say who wrote it.",
        ),
        ("minhash", CLAIMS, None),
        ("smiles", [CHEMISTRY], "Are A and B one molecule? A: Oc1ccccc1 B: OC1=CC=CC=C1"),
        ("reordered", ["A公司买入股票，得到多少？\nA. 10\nB. 20"], "A公司买入股票，得到多少？\nA. 20\nB. 10"),
        (
            "entity-renamed",
            ['{"data":[["total","1234"],["ann","5678"]]} What is the total less 911?'],
            '{"data":[["zora","1234"],["bix","5678"]]} What is the zora less 911?',
        ),
    ],
)
def test_disguises_of_published_rows_are_found(rule: str, items: list[str], row: str | None):
    decontaminator = Decontaminator([(f"test:{place}", item, "") for place, item in enumerate(items)])
    copy = row or items[0]
    for old, new in MISTYPED if row is None else ():
        assert old in copy
        copy = copy.replace(old, new)
    assert decontaminator.check(copy) == (rule, "test:0")


@pytest.mark.parametrize(
    ("items", "row"),
    [
        (EDITS, f"{EDITS[0]}, functional group to add: thiol"),
        (CLAIMS, CLAIM.format(6, "the farmer")),
        (["Which is right, option A?\nA. 10\nB. 20"], "Which is right, option A?\nA. 20\nB. 10"),
        (["选项A对吗？\nA. 10\nB. 20"], "选项A对吗？\nA. 20\nB. 10"),
    ],
)
def test_a_question_that_goes_on_or_speaks_of_labels_is_another_one(items: list[str], row: str):
    decontaminator = Decontaminator([(f"test:{place}", item, "") for place, item in enumerate(items)])
    assert decontaminator.check(row) is None


def test_an_item_or_a_long_gold_answer_hidden_in_the_answer_is_found():
    assert GUARD.check("Tell me a story.", "Here it is. " + STORY) == ("overlap", "validation:b2")
    assert GUARD.check("How many?", "Seven  ledgers " * 12) == ("gold", "validation:b2")
    assert GUARD.check("How many?", "37") is None


def test_a_row_without_the_published_instruction_is_still_the_item():
    spec = get("aime25")
    decontaminator = Decontaminator(guarded("test", sealed("aime25")))
    for sample in sealed("aime25")[:100]:
        question = sample.prompt.partition("\n")[0]
        assert decontaminator.check(question) is not None, question
    assert spec.build_prompt({"question": "x"}) != "x"


def test_the_digest_depends_on_the_items_and_not_on_the_process():
    assert GUARD.digest() == Decontaminator(ITEMS).digest()
    assert GUARD.digest() != Decontaminator(ITEMS[1:]).digest()
    assert len(GUARD) == len(ITEMS)


def test_an_empty_guard_matches_nothing():
    assert Decontaminator([]).check("anything at all", "and more of it") is None


def lower(rng: random.Random, text: str) -> str:
    return text.lower()


def respaced(rng: random.Random, text: str) -> str:
    return text.replace(" ", "  ").replace("\n", " ")


def unpunctuated(rng: random.Random, text: str) -> str:
    return re.sub(r"[.,;?!。，？](?=\s|$)", "", text)


def word_added(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    words.insert(rng.randrange(len(words) + 1), rng.choice(("please", "now", "kindly")))
    return " ".join(words)


def word_dropped(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    plain = [i for i, word in enumerate(words) if word.isascii() and word.isalpha() and word.islower()]
    if plain:
        del words[rng.choice(plain)]
    return " ".join(words)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("edit", [lower, respaced, unpunctuated, word_added, word_dropped])
def test_recall_on_edited_test_items_of_the_minis(task: str, edit):
    decontaminator = guard_of(task)
    rng = random.Random(0)
    items = sealed(task)[:200]
    missed = [sample.prompt for sample in items if decontaminator.check(edit(rng, sample.prompt)) is None]
    assert len(missed) <= 2, missed[:3]


@pytest.mark.parametrize("task", TASKS)
def test_the_generators_own_edits_are_found_and_clean_rows_are_not(task: str):
    decontaminator, spec = guard_of(task), get(task)
    clean = source(task, "clean")
    rows = examples_of(clean, suggest_columns(clean.rows[:100], spec), spec)
    keys = {coincidence_key(sample.prompt) for sample in (*mini(task).validation, *sealed(task))}
    accused = [row.prompt for row in rows if decontaminator.check(row.prompt, row.answer) is not None]
    assert sum(coincidence_key(prompt) not in keys for prompt in accused) <= 2
    leaking = source(task, "leak")
    rows = examples_of(leaking, suggest_columns(leaking.rows[:100], spec), spec)
    leaks = planted_leaks(synthetic(task), 0)
    found = [decontaminator.check(row.prompt, row.answer) is not None for row in rows]
    assert sum(found[place] for place in leaks) >= 0.97 * len(leaks)
    others = [row.prompt for place, row in enumerate(rows) if found[place] and place not in leaks]
    assert sum(coincidence_key(prompt) not in keys for prompt in others) <= 4
    assert synthetic(task).test_rows == len(sealed(task))


_guards: dict[str, Decontaminator] = {}


def guard_of(task: str) -> Decontaminator:
    if task not in _guards:
        items = [*guarded("validation", mini(task).validation), *guarded("test", sealed(task))]
        _guards[task] = Decontaminator(items)
    return _guards[task]
