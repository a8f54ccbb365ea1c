"""No validation or test row gets through, verbatim or edited; clean rows do."""

from __future__ import annotations

import random
import re

import pytest
from mini_data import mini, sealed, source

from tasks.pool import planted_leaks
from tasks.registry import get, miniature
from tools.decontaminate import Decontaminator, guarded
from tools.detect import suggest_columns
from tools.profile import examples_of
from tools.recipes.leak_kinds import twin_key

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
        ("exact", ITEMS[0][1]),
        ("exact", "  " + ITEMS[0][1] + "\n"),
        ("normalised", ITEMS[0][1].upper()),
        ("normalised", ITEMS[0][1].replace(" ", "   ").replace("?", "")),
        ("normalised", ITEMS[0][1].replace("14", "１４")),
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


def test_an_item_or_a_long_gold_answer_hidden_in_the_answer_is_found():
    assert GUARD.check("Tell me a story.", "Here it is. " + STORY) == ("overlap", "validation:b2")
    assert GUARD.check("How many?", "Seven  ledgers " * 12) == ("gold", "validation:b2")
    assert GUARD.check("How many?", "37") is None


def test_a_row_without_the_published_instruction_is_still_the_item():
    spec = get("aime25")
    guard = Decontaminator(guarded("test", sealed("aime25")))
    for sample in sealed("aime25")[:100]:
        question = sample.prompt.partition("\n")[0]
        assert guard.check(question) is not None, question
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
    guard = guard_of(task)
    rng = random.Random(0)
    items = sealed(task)[:200]
    missed = [sample.prompt for sample in items if guard.check(edit(rng, sample.prompt)) is None]
    assert len(missed) <= 2, missed[:3]


@pytest.mark.parametrize("task", TASKS)
def test_the_generators_own_edits_are_found_and_clean_rows_are_not(task: str):
    guard, spec = guard_of(task), get(task)
    clean = source(task, "clean")
    rows = examples_of(clean, suggest_columns(clean.rows[:100], spec), spec)
    keys = {twin_key(sample.prompt) for sample in (*mini(task).validation, *sealed(task))}
    accused = [row.prompt for row in rows if guard.check(row.prompt, row.answer) is not None]
    assert sum(twin_key(prompt) not in keys for prompt in accused) <= 2
    leaking = source(task, "leak")
    rows = examples_of(leaking, suggest_columns(leaking.rows[:100], spec), spec)
    leaks = planted_leaks(task, 0)
    found = [guard.check(row.prompt, row.answer) is not None for row in rows]
    assert sum(found[place] for place in leaks) >= 0.97 * len(leaks)
    others = [row.prompt for place, row in enumerate(rows) if found[place] and place not in leaks]
    assert sum(twin_key(prompt) not in keys for prompt in others) <= 4
    assert miniature(task).test_rows == len(sealed(task))


_guards: dict[str, Decontaminator] = {}


def guard_of(task: str) -> Decontaminator:
    if task not in _guards:
        items = [*guarded("validation", mini(task).validation), *guarded("test", sealed(task))]
        _guards[task] = Decontaminator(items)
    return _guards[task]
