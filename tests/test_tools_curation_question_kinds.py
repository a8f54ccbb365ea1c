"""Kinds of questions: named by a column where rows can be told apart so, else by similar prompts."""

from __future__ import annotations

import random

from tasks.base import Row, Sample
from tests.support.mini_editions import mini
from tools.curation.question_kinds import question_kinds

FORMS = {
    "Counting": "How many of the {a} weigh more than {n} pounds today?",
    "Ranking": "Which of the {a} stands first when they are sorted, and by how far over {n}?",
    "Sum": "Add up what the {a} cost in the month of May and take {n} off.",
}
THINGS = ("apples", "boxes", "carts", "doors", "eggs", "forks", "goats", "hats", "inks", "jars")


def question(rng: random.Random, kind: str) -> str:
    return FORMS[kind].format(a=rng.choice(THINGS), n=rng.randint(2, 99))


def rows(count: int, noisy: bool = False) -> list[Row]:
    rng, kinds = random.Random(0), sorted(FORMS)
    made: list[Row] = []
    for n in range(count):
        kind = kinds[n % 3]
        said = rng.choice(kinds) if noisy else kind
        made.append({"q": question(rng, kind), "a": str(n), "sort": said, "licence": "CC0", "id": f"r{n}"})
    return made


def items(count: int) -> tuple[tuple[Sample, ...], dict[str, str]]:
    rng, kinds = random.Random(1), sorted(FORMS)
    truth = {f"v{n}": kinds[(n * 7) % 3] for n in range(count)}
    return tuple(Sample(id, "", question(rng, kind), "1") for id, kind in truth.items()), truth


COLUMNS = {"notes": {"prompt": "q", "answer": "a"}}


def test_an_item_has_the_kind_of_the_row_that_it_resembles() -> None:
    samples, truth = items(60)
    found = question_kinds(samples, {"notes": rows(120)}, COLUMNS, lambda row: None)
    assert (found.origin, found.named) == ("as column sort of notes names them", True)
    assert dict(found.of_item) == truth


def test_the_tasks_own_prompt_is_built_where_a_column_does_not_hold_it() -> None:
    samples, truth = items(60)
    columns = {"notes": {"prompt": "*", "answer": "a"}}
    found = question_kinds(samples, {"notes": rows(120)}, columns, lambda row: str(row["q"]))
    assert dict(found.of_item) == truth


def test_a_column_that_prompts_do_not_tell_names_no_kinds() -> None:
    samples, truth = items(60)
    found = question_kinds(samples, {"notes": rows(120, noisy=True)}, COLUMNS, lambda row: None)
    assert (found.origin, found.named) == ("by the words that mark similar prompts", False)
    assert set(found.of_item) == set(truth)
    for name in set(found.of_item.values()):
        kinds = [truth[id] for id, kind in found.of_item.items() if kind == name]
        assert max(map(kinds.count, kinds)) >= 0.8 * len(kinds)


def test_prompts_that_are_all_alike_have_no_kinds() -> None:
    samples = tuple(Sample(f"v{n}", "", f"Copy word {n}", "x") for n in range(40))
    assert not question_kinds(samples, {}, {}, lambda row: None).of_item


def test_the_table_tasks_sources_name_the_kinds_of_its_questions() -> None:
    """Prompts there are built by the task, the question stands behind a table, and the answer is no kind."""
    data = mini("tablebench_numerical_reasoning")
    source = max(data.sources, key=lambda each: "qsubtype" in each.rows[0])
    columns = {source.name: {"prompt": "question", "answer": "answer"}}
    found = question_kinds(data.validation, {source.name: source.rows}, columns, lambda row: None)
    assert "qsubtype" in found.origin or found.origin.startswith("as column")
    assert len(set(found.of_item.values())) >= 2
