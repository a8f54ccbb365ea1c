"""Rules that turn a source's answers into right ones: found from a model's answers, checked on other rows."""

from __future__ import annotations

import random

import pytest

from memory.recipe import DataRecipe, Decontaminate, Map, Repair, Select
from tasks.base import Source
from tests.support.copy_word_task import copy_spec
from tools.contamination.check import Decontaminator
from tools.curation.repair import find_repair, repaired
from tools.curation.run import rows_of

QUEUES = ("billing", "shipping", "technical", "account")
OLDER = dict(zip(QUEUES, ("account", "shipping", "billing", "technical"), strict=True))


def dates(count: int) -> list[tuple[int, int, int]]:
    rng = random.Random(3)
    return [(rng.randint(1950, 2029), rng.randint(1, 12), rng.randint(1, 28)) for _ in range(count)]


FAULTS = {
    "relabel": [(OLDER[QUEUES[i % 4]], QUEUES[i % 4]) for i in range(60)],
    "case": [(f"LABEL {i % 7}", f"label {i % 7}") for i in range(60)],
    "affix": [(f"[{i}] approx.", str(i)) for i in range(60)],
    "scale": [(str(150 + 50 * i), f"{1.5 + 0.5 * i:.2f}") for i in range(60)],
    "reorder": [(f"{y}-{d:02d}-{m:02d}", f"{y}-{m:02d}-{d:02d}") for y, m, d in dates(60)],
}


@pytest.mark.parametrize("rule", FAULTS)
def test_each_fault_is_found_and_undone_on_rows_not_seen(rule):
    pairs = FAULTS[rule]
    repair = find_repair("history", pairs[:40], right=1.0)
    assert repair is not None
    assert repair.rule == rule
    assert [repaired(repair, label) for label, _ in pairs[40:]] == [answer for _, answer in pairs[40:]]


@pytest.mark.parametrize("rule", FAULTS)
def test_a_model_that_errs_on_a_third_of_the_rows_still_shows_the_rule(rule):
    rng = random.Random(5)
    answers = [answer for _, answer in FAULTS[rule]]
    noisy = [
        (label, rng.choice(answers) if rng.random() < 0.33 else answer) for label, answer in FAULTS[rule]
    ]
    repair = find_repair("history", noisy, right=0.67)
    assert repair is not None
    assert [repaired(repair, label) for label, _ in FAULTS[rule]] == answers


def test_an_american_date_is_written_anew_and_short_numbers_get_their_zeros():
    pairs = [(f"{m}/{d}/{y}", f"{y}-{m:02d}-{d:02d}") for y, m, d in dates(60)]
    repair = find_repair("intake", pairs, right=1.0)
    assert repair is not None
    assert repaired(repair, "3/7/1999") == "1999-03-07"
    assert repaired(repair, "March 7") is None


def test_a_tax_is_taken_off():
    totals = [5 + 0.5 * i for i in range(60)]
    pairs = [(f"{total * 1.1:.2f}", f"{total:.2f}") for total in totals]
    repair = find_repair("export", pairs, right=1.0)
    assert repair is not None
    assert repaired(repair, "50.60") == "46.00"


@pytest.mark.parametrize(
    "pairs",
    [
        [("billing", QUEUES[i % 4]) for i in range(60)],
        [(QUEUES[(i * 7 + i // 3) % 4], QUEUES[i % 4]) for i in range(60)],
        [(str(i * 37 % 101), str(i)) for i in range(60)],
        [
            (f"{y}-{m:02d}-{d:02d}"[: 4 + i % 5], f"{y}-{m:02d}-{d:02d}")
            for i, (y, m, d) in enumerate(dates(60))
        ],
        [(queue, queue) for queue in QUEUES * 15],
        FAULTS["relabel"][:12],
    ],
    ids=[
        "one label for all",
        "labels at random",
        "numbers at random",
        "cut answers",
        "right already",
        "too few",
    ],
)
def test_what_no_rule_explains_is_left_alone(pairs):
    assert find_repair("history", pairs, right=1.0) is None


def test_a_rule_that_merges_two_labels_is_no_repair():
    pairs = [(QUEUES[i % 4], "billing" if i % 4 < 2 else QUEUES[i % 4]) for i in range(60)]
    assert find_repair("history", pairs, right=1.0) is None


def test_a_recipe_repairs_one_source_and_counts_its_rows():
    pool = {
        name: Source(
            name, "", tuple({"q": f"copy the word {i}", "a": answer} for i, answer in enumerate(answers))
        )
        for name, answers in {"old": ("one", "two", "six"), "new": ("uno", "dos")}.items()
    }
    columns = {name: {"prompt": "q", "answer": "a"} for name in pool}
    repair = Repair(source="old", rule="relabel", labels={"one": "uno", "two": "dos"})
    recipe = DataRecipe(
        operations=(Select(sources=("old", "new")), Map(columns=columns), repair, Decontaminate())
    )
    rows = rows_of(recipe, pool, copy_spec(), Decontaminator(()))
    assert [answer for _, answer in rows] == ["uno", "dos", "uno", "dos"]
