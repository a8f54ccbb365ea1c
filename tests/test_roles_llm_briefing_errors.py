"""Errors in a briefing: examples in the room that they need, fresh ones, and errors by kind of question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roles.llm.briefing import errors
from roles.llm.briefing.build import briefing
from roles.llm.briefing.context import ExperimentContext
from tasks.base import Sample
from tests.support.run_in_progress import StillDojo, make_dojo, next_id

TABLE = "[TABLE]\n" + "\n".join(f"| name {n} | {n * 7} | {n * 11} | a remark on row {n} |" for n in range(30))


@pytest.fixture
def dojo(tmp_path: Path) -> StillDojo:
    """Every validation prompt is a table of some 1,000 characters, with a question behind it."""
    dojo = of_one_subset(make_dojo(tmp_path, 1))
    prompts = [f"Read the table.\n{TABLE}\nQuestion: {sample.prompt}" for sample in dojo.validation]
    dojo.validation = tuple(map(asking, dojo.validation, prompts))
    return dojo


def asking(sample: Sample, prompt: str) -> Sample:
    return replace(sample, prompt=prompt)


def of_one_subset(dojo: StillDojo) -> StillDojo:
    """As its clusters, which are named by the kind of error alone, would have it."""
    dojo.validation = tuple(replace(sample, subset="") for sample in dojo.validation)
    return dojo


def text(dojo: StillDojo, tokens: int, experiment: str = "e02") -> str:
    return errors.errors(ExperimentContext(dojo, experiment), tokens)


def test_a_table_in_a_prompt_is_not_cut_while_there_is_room(dojo: StillDojo) -> None:
    shown = text(dojo, 6000)
    assert shown.count("> | name 15 | 105 | 165 | a remark on row 15 |") >= 6
    assert "characters …]" not in shown


def test_where_room_is_short_fewer_examples_are_shown_rather_than_stumps(dojo: StillDojo) -> None:
    tight = text(dojo, 700)
    assert 1 <= tight.count("> item ") < text(dojo, 6000).count("> item ")
    assert "Question: Copy word" in tight
    long = [line for line in tight.split("\n") if "characters …]" in line]
    assert len(long) <= tight.count("> item ")


def test_a_planners_briefing_with_free_room_shows_whole_tables(dojo: StillDojo) -> None:
    assert "> | name 15 | 105 | 165 | a remark on row 15 |" in briefing("planner", dojo, "e02")


def test_beside_the_same_examples_others_are_drawn_for_every_experiment(tmp_path: Path) -> None:
    runs = {n: of_one_subset(make_dojo(tmp_path / str(n), n)) for n in (1, 2)}
    shown = {}
    for n, dojo in runs.items():
        page = errors.errors(ExperimentContext(dojo, next_id(n)), 4000)
        heads = [line for line in page.split("\n") if line.startswith("> item ")]
        shown[n] = ([h for h in heads if "another one" not in h], [h for h in heads if "another one" in h])
    assert len(shown[1][1]) == errors.FRESH
    assert shown[1][1] != shown[2][1]


def test_errors_are_told_by_kind_of_question(tmp_path: Path) -> None:
    dojo = make_dojo(tmp_path, 1)
    forms = ("How many words does the list of {} hold in all?", "Which word of {} is the longest one there?")
    prompts = [forms[n % 2].format(sample.id) for n, sample in enumerate(dojo.validation)]
    dojo.validation = tuple(map(asking, dojo.validation, prompts))
    rows = [
        {"question": forms[n % 2].format(f"r{n}"), "answer": f"word {n}", "sort": ("count", "choice")[n % 2]}
        for n in range(60)
    ]
    source = replace(dojo.pool["field-notes"], rows=rows)
    dojo.pool = {**dojo.pool, "field-notes": source}
    page = text(dojo, 3000)
    assert (
        "| kind of question (as column sort of field-notes names them) | wrong in e01 | items | share |"
        in page
    )
    table = {line.split(" | ")[0].strip("| "): line for line in page.split("\n") if line.startswith("| c")}
    right = sum(1 for n in range(len(dojo.validation)) if n % 2 == 0 and n < 13)
    assert f"| count | {20 - right} | 20 |" in table["count"]


def test_groups_made_of_words_are_told_only_where_their_errors_differ(tmp_path: Path) -> None:
    """The errors of this run follow the items' order, which no word of their prompts tells."""
    assert "kind of question" not in text(make_dojo(tmp_path, 1), 3000)
    assert errors._differ([(30, 40), (2, 40)])
    assert not errors._differ([(10, 40), (12, 40), (9, 40)])
    assert not errors._differ([(40, 40), (40, 40)])
