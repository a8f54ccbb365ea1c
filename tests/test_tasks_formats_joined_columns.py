"""Columns without known names: the answer is found or asked for, never guessed in silence."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.formats.conversation import Conversation
from tasks.formats.declared import Declared
from tasks.formats.detect import RowFormat, detect


def rows(make: Any, count: int = 24) -> list[dict[str, Any]]:
    return [make(number) for number in range(count)]


def first(form: RowFormat, row: dict[str, Any]) -> tuple[str, str]:
    """What a row asks, and its answer."""
    read = form.read(row)
    assert isinstance(read, Conversation), read
    return read.messages[-2]["content"], read.answers[0]


def test_the_other_columns_are_asked_under_their_names() -> None:
    held = rows(
        lambda n: {
            "id": f"x-{n}",
            "patient": {"age": 30 + n, "sex": "f"},
            "complaint": f"pain number {n}",
            "expected_advice": f"rest for {n} days",
            "source": "ward 3",
        }
    )
    form = detect(held)
    assert form.name == "joined_columns"
    assert form.columns == ("expected_advice", "patient", "complaint")
    assert "'expected_advice' is the answer by its name" in form.why
    asked = 'patient:\n{"age": 30, "sex": "f"}\n\ncomplaint:\npain number 0'
    assert first(form, held[0]) == (asked, "rest for 0 days")


def test_where_rows_come_from_is_not_what_they_ask() -> None:
    held = rows(
        lambda n: {"claim": f"claim {n}", "label": ("true", "mixed", "false")[n % 3], "source": "ab"[n % 2]}
    )
    form = detect(held)
    assert first(form, held[4]) == ("claim 4", "mixed")
    assert form.columns == ("label", "claim")


def test_a_question_stands_last_and_what_it_holds_is_not_asked_twice() -> None:
    held = rows(
        lambda n: {
            "query": f"Sort: boil {n}, cool {n}.",
            "wrong_steps": [f"cool {n}", f"boil {n}"],
            "hint": f"heat {n}",
            "correct_steps": [f"boil {n}", f"cool {n}"],
        }
    )
    form = detect(held)
    assert first(form, held[3]) == ("hint:\nheat 3\n\nSort: boil 3, cool 3.", '["boil 3", "cool 3"]')
    assert "the list in 'correct_steps' is one answer" in form.notes


def test_few_values_that_come_again_are_labels_in_any_place() -> None:
    for order in (("ticket", "team"), ("team", "ticket")):
        held = rows(
            lambda n, order=order: {
                name: {"ticket": f"case {n}", "team": "ab"[n % 2]}[name] for name in order
            }
        )
        form = detect(held)
        assert first(form, held[1]) == ("case 1", "b")
        assert "few labels" in form.why


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (
            lambda n: {"note": f"t {n}", "corrected_note": f"T {n}", "is_correct": n % 2 == 0},
            "is_correct (true)",
        ),
        (
            lambda n: {"note": f"text {n}", "mood": "ab"[n % 2], "shade": "xyz"[n % 3]},
            "mood (a) and shade (x)",
        ),
        (
            lambda n: {"memo": f"t {n}", "gt": ""},
            "'gt' is the answer by its name, but it is empty in all rows",
        ),
        (
            lambda n: {"alpha": f"t {n}", "beta": f"u {n}", "gamma": f"v {n}"},
            "columns: alpha (t 0), beta (u 0)",
        ),
    ],
)
def test_where_nobody_can_know_the_columns_are_named_and_none_is_taken(make: Any, named: str) -> None:
    form = detect(rows(make))
    assert (form.name, form.share) == ("unknown", 0.0)
    assert named in form.why


def test_the_owner_decides() -> None:
    held = rows(lambda n: {"note": f"t {n}", "corrected_note": f"T {n}", "is_correct": n % 2 == 0})
    form = detect(held, declared=Declared("", "is_correct"))
    assert first(form, held[1]) == ("t 1", "false")
    assert form.columns == ("is_correct", "note")
    assert first(detect(held, declared=Declared("Mend: {note}", "corrected_note")), held[1]) == (
        "Mend: t 1",
        "T 1",
    )


def test_a_column_that_stands_beside_some_labels_alone_is_not_asked() -> None:
    held = rows(
        lambda n: {
            "claim": f"c {n}",
            "fault": None if n % 2 else f"f {n}",
            "verdict": "no" if n % 2 == 0 else "yes",
        }
    )
    form = detect(held)
    assert first(form, held[0]) == ("c 0", "no")
    assert any(note.startswith("fault: not asked") for note in form.notes)


def test_a_second_column_that_may_answer_is_named_with_its_flag() -> None:
    held = rows(lambda n: {"question": f"q {n}", "answer": f"a {n}", "label": "ab"[n % 2]})
    form = detect(held)
    assert form.columns == ("question", "answer")
    assert form.notes == ("'label' could be the answer, too; `--answer label` takes it",)


def test_a_flag_that_is_shown_can_be_pasted_into_a_shell() -> None:
    held = rows(lambda n: {"question": f"q {n}", "answer": f"a {n}", "gold label": "ab"[n % 2]})
    assert "`--answer 'gold label'` takes it" in detect(held).notes[0]


def test_the_text_of_a_numbered_label_is_the_answer() -> None:
    held = rows(lambda n: {"text": f"t {n}", "label": n % 3, "label_text": ("bad", "fair", "good")[n % 3]})
    assert first(detect(held), held[2]) == ("t 2", "good")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (lambda n: [f"1. wash {n}", f"2. dry {n}"], ("1. wash {n}\n2. dry {n}",)),
        (
            lambda n: [f"1. wash {n}", f"1.1. soap {n}", f"2. dry {n}"],
            ("1. wash {n}\n1.1. soap {n}\n2. dry {n}",),
        ),
        (lambda n: [("sport", "news", "arts")[n % 3], ("news", "arts", "sport", "news")[n % 4]], None),
        (lambda n: [f"town {n}", f"city of town {n}"], ("town {n}", "city of town {n}")),
    ],
)
def test_a_list_is_one_answer_or_several(answer: Any, found: tuple[str, ...] | None) -> None:
    held = rows(lambda n: {"question": f"q {n}", "answer": answer(n)})
    form = detect(held)
    for number, row in enumerate(held[:5]):
        read = form.read(row)
        assert isinstance(read, Conversation)
        if found is None:
            assert len(read.answers) == 1 and read.answers[0].startswith("[")
        else:
            assert read.answers == tuple(text.format(n=number) for text in found)
    said = "is one answer" if found is None or len(found) == 1 else "each counts as right"
    assert any(said in note for note in form.notes)


def test_entries_that_choose_among_keys_are_one_answer() -> None:
    held = rows(
        lambda n: {
            "claim": f"claim {n}",
            "options": {letter: f"document {letter}{n}" for letter in "ABCDEF"},
            "gold_answers": ["A", "BCDEF"[n % 5]] if n % 2 else ["BCDEF"[n % 5]],
            "negative_answers": ["F"],
        }
    )
    form = detect(held)
    assert form.columns == ("gold_answers", "claim", "options")
    assert first(form, held[1])[1] == '["A", "C"]'


def rows_with(**more: Any) -> list[dict[str, Any]]:
    return [
        {"text": f"text number {n}", **{name: values[n % len(values)] for name, values in more.items()}}
        for n in range(60)
    ]


def test_a_number_of_classes_answers_where_no_name_of_them_does() -> None:
    assert detect(rows_with(**{"Class Index": [1, 2, 3]})).columns[0] == "Class Index"
    named = detect(rows_with(class_id=[1, 2, 3], class_name=["a", "b", "c"]))
    assert named.columns[0] == "class_name"


def test_who_wrote_a_row_is_no_label() -> None:
    assert "user" not in detect(rows_with(user=["amy", "bob", "cyd"])).columns


def test_a_query_answers_a_question_where_it_is_sql() -> None:
    rows = [{"db_id": "shop", "question": f"How many are {n}?", "query": f"SELECT {n}"} for n in range(20)]
    assert detect(rows).columns == ("query", "question")
    rows = [{"db_id": "shop", "question": f"How many are {n}?", "query": f"of {n}"} for n in range(20)]
    assert detect(rows).columns != ("query", "question")


def test_moments_in_seconds_are_no_amount_that_is_asked_for() -> None:
    rung = [{"ref": f"F-{n}", "report": f"The bell rang {n} times.", "site": "mill"} for n in range(40)]
    moments = [row | {"ts": f"1741{n % 31:06d}.00{n % 9}200"} for n, row in enumerate(rung)]
    assert "ts" not in detect(moments).columns
    weights = [row | {"grams": str(1000 + n * 3 % 71)} for n, row in enumerate(rung)]
    assert detect(weights).columns[0] == "grams"
