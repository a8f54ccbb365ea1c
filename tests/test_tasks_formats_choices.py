"""Multiple choice in the layouts that public sets have: every row asks its options, and a letter answers."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.formats.conversation import Conversation, SetAside
from tasks.formats.detect import detect

ASKED = "q\nA. x\nB. y\nC. z"
LISTED = {"question": "q", "options": ["x", "y", "z"]}
NAMED = {"option_a": "x", "option_b": "y", "option_c": "z"}
LABELLED = [{"text": text, "label": label} for text, label in (("x", "1"), ("y", "2"), ("z", "3"))]
SPREAD = {"question": "q", "option_a": "x", "option_b": "y", "option_c": "z"}


def exchanged(*rows: dict[str, Any]) -> tuple[str, str]:
    found = detect(rows).read(rows[0])
    assert isinstance(found, Conversation), found
    return found.messages[-2]["content"], found.completion["content"]


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        (LISTED | {"correct_option": "B"}, "B"),
        (LISTED | {"answer": "y"}, "B"),
        (LISTED | {"answer": "B) y"}, "B"),
        (LISTED | {"answer": ["A", "C"]}, "A, C"),
        (LISTED | {"answer": "AC"}, "A, C"),
        (LISTED | {"answer": "A,C"}, "A, C"),
        (SPREAD | {"correct": "option_b"}, "B"),
        ({"question": "q", "Option A": "x", "Option B": "y", "Option C": "z", "Correct Answer": "B"}, "B"),
        ({"question": "q", "opa": "x", "opb": "y", "opc": "z", "cop": 1}, "B"),
        ({"question": "q", "ending0": "x", "ending1": "y", "ending2": "z", "label": 1}, "B"),
        ({"question": "q", "options": "A) x\nB) y\nC) z", "answer": "B"}, "B"),
        ({"question": "q", "options": "a ) x , b ) y , c ) z", "answer": "b"}, "B"),
        ({"question": "q", "options": "x | y | z", "answer": "B"}, "B"),
        ({"question": "q", "choices": "['x' 'y' 'z']", "answer": "1"}, "B"),
        ({"question": "q", "options": NAMED, "answer": "b"}, "B"),
        ({"question": {"stem": "q", "choices": LABELLED}, "answerKey": "2"}, "B"),
    ],
)  # fmt: skip
def test_the_options_are_asked_and_a_letter_answers(row: dict[str, Any], letter: str) -> None:
    assert exchanged(row) == (ASKED, letter)


def test_numbers_count_the_options_from_one_where_one_of_them_is_their_number() -> None:
    row = {"question": "q", "option1": "x", "option2": "y", "option3": "z"}
    assert exchanged(row | {"answer": 2}, row | {"answer": 3}) == (ASKED, "B")


def test_a_passage_is_asked_before_the_question() -> None:
    assert exchanged({"article": "p", **LISTED, "answer": "B"}) == (f"p\n\n{ASKED}", "B")


def test_a_row_whose_columns_name_different_options_is_set_aside() -> None:
    rows = [LISTED | {"answer_idx": 1, "answer": "y"}, LISTED | {"answer_idx": 1, "answer": "z"}]
    right, wrong = detect(rows).conversations(rows)
    assert isinstance(right, Conversation)
    assert isinstance(wrong, SetAside)
    assert wrong.reason == "two columns name different choices as right"
    assert wrong.detail == "answer_idx: B, answer: C"


def test_two_right_answers_in_columns_of_their_own_are_no_options() -> None:
    found = exchanged({"question": "q", "answer": "a", "answer1": "b", "answer2": "c"})
    assert found == ("q", "a")


def test_two_numbers_that_are_asked_about_are_no_options() -> None:
    assert exchanged({"question": "Add a to b.", "a": 3, "b": 4, "answer": 7})[1] == "7"
