"""Answers are the same where a marker says so, and different where a sign, symbol or emoji differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.answers.equality import answer_text, same_answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-3 dB", "3 dB"),
        ("x ≤ 4", "x ≥ 4"),
        ("a & b", "a | b"),
        (">= 5", "<= 5"),
        ("ok 🙂", "ok 🙁"),
        ("ok 🙂", "ok"),
        ("C++", "C"),
        ("C#", "C"),
        ("x²", "x2"),
        ("1,000", "1000"),
        ("!a", "a"),
        ("a.b", "ab"),
        ("five", "5"),
        ("~5", "5"),
        ("[0]", "0"),
        ("§ 3", "3"),
    ],
)
def test_different_answers_stay_different(one: str, other: str) -> None:
    assert not same_answer(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Yes.", "yes"),
        (" network\n", "Network"),
        ("`a | b`", "a | b"),
        ("**hardware**", "hardware"),
        ("“quoted”", '"quoted"'),
        ("−3 dB", "-3 dB"),
        ("ＡＢＣ", "abc"),
        ("new  york", "New York"),
        ("e\u0301t\u00e9", "été"),
    ],
)
def test_the_same_answer_in_another_dress_is_the_same(one: str, other: str) -> None:
    assert same_answer(one, other)


@given(st.text(max_size=60))
def test_an_answer_equals_itself_and_its_form_is_stable(text: str) -> None:
    assert same_answer(text, text)
    assert answer_text(answer_text(text)) == answer_text(text)


@given(st.text(min_size=1, max_size=20), st.sampled_from("+-<>=≤≥&|~^±%$€°№§★🙂"))
def test_a_symbol_more_is_another_answer(text: str, symbol: str) -> None:
    assert not same_answer(f"{symbol}x{text}", f"x{text}")
