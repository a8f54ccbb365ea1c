"""What a metric would hold against a right reply is told before a run: spellings and damage."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.custom.damaged_text import damage, redecoded, unescaped
from tasks.custom.guess import guess_metric
from tasks.custom.metrics.numbers import number_reader
from tasks.custom.spellings import spellings

MONTHS = ("May", "June", "July")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            [("2023-05-0{}", "0{}/05/2023", "{} May 2023")[n % 3].format(1 + n % 9) for n in range(60)],
            "in 3 ways",
        ),
        ([("{}h 5m", "{} min")[n % 2].format(n + 1) for n in range(60)], "in 2 ways ('1h 5m', '2 min')"),
        (["yes", "no", "Y", "N"] * 10, "yes and no are written in several ways ('Y', 'yes' and 'N', 'no')"),
        (["TRUE", "false", "1", "0"] * 10, "('1', 'TRUE' and '0', 'false')"),
    ],
)
def test_one_value_in_several_spellings_is_told(answers: list[str], said: str) -> None:
    assert any(said in line for line in spellings(answers, "exact_match")), spellings(answers, "exact_match")


@pytest.mark.parametrize(
    "answers",
    [
        ["yes", "no"] * 20,
        ["1", "2", "3"] * 20,
        [f"2023-05-{n % 28 + 1:02}" for n in range(60)],
        [f"Room {n}" for n in range(60)],
        [f"def grow_{n}(x):\n    return x {'+-*'[n % 3]} {n}" for n in range(60)],
        [("The third door", "Lima", "12 May")[n % 3] for n in range(60)],
    ],
)
def test_one_spelling_is_nothing_to_tell(answers: list[str]) -> None:
    assert spellings(answers, "exact_match") == []


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([f"${1000 + n:,}.50" for n in range(40)], "'$1,000.50' is read as $1000.5"),
        ([f"({n}.25)" for n in range(1, 40)], "'(1.25)' is read as -1.25"),
        ([f"1.{100 + n},75 €" for n in range(40)], "'1.100,75 €' is read as €1100,75"),
        (
            [("{} kg", "{} g")[n % 2].format(n + 1) for n in range(40)],
            "in different units ('kg' in 20, 'g' in 20)",
        ),
        ([f"{n}.{200 + n}" for n in range(1, 40)], "a point may group their digits"),
    ],
)
def test_how_numbers_are_read_is_said(answers: list[str], said: str) -> None:
    assert any(said in line for line in spellings(answers, "number")), spellings(answers, "number")


def test_plain_numbers_need_no_word() -> None:
    assert spellings([str(n) for n in range(40)], "number") == []


@pytest.mark.parametrize(
    ("golds", "gold", "right", "wrong"),
    [
        (
            ["1.204,50 EUR", "80,00 EUR"],
            "1.204,50 EUR",
            ["1204.5", "1204,5 Euro", "€ 1.204,50"],
            ["1,2045", "120450"],
        ),
        (
            ["$1,200.50", "$3.00"],
            "$1,200.50",
            ["1200.5 dollars", "USD 1200.50", "1200,50"],
            ["€1200.50", "1.2"],
        ),
        (["12.5%", "-3 %"], "12.5%", ["12.5 percent", "12.5"], ["0.125", "12.5 kg"]),
        (["(3.40)", "7.00"], "(3.40)", ["-3.4", "(3.4)"], ["3.4"]),
    ],
)
def test_a_reply_may_write_a_number_another_way(
    golds: list[str], gold: str, right: list[str], wrong: list[str]
) -> None:
    reader = number_reader(golds, 0.0)
    for replies, value in ((right, 1.0), (wrong, 0.0)):
        for reply in replies:
            said = reader.read(reply)
            assert (reader.value(said, gold) if said else 0.0) == value, reply


def test_letters_that_answers_go_on_after_are_choices() -> None:
    asked = [f"Which is {n}?\nA) {n}\nB) {n + 1}\nC) {n + 2}" for n in range(60)]
    told = [f"{'ABC'[n % 3]}. The sum of the {n} rows says so, as no other does." for n in range(60)]
    found = guess_metric(told, asked)
    assert (found.metric, found.letters) == ("choice_letter", "ABC")
    assert guess_metric(told, [f"Which is {n}?" for n in range(60)]).metric != "choice_letter"


@given(st.text(st.characters(min_codepoint=0xC0, max_codepoint=0x17F, categories=["Ll", "Lu"]), min_size=1))
def test_wrongly_decoded_letters_are_known_from_sound_ones(text: str) -> None:
    raw = text.encode("utf-8")
    broken = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in raw)
    assert redecoded(broken) == text
    assert redecoded(f"Sound: ünder Straße, {broken}") == f"Sound: ünder Straße, {broken}"


@pytest.mark.parametrize(
    "text", ["café", "Straße", "naïve Ärger", "日本語", "plain", "", "50 €", "Ñandú – ja"]
)
def test_sound_texts_are_left_alone(text: str) -> None:
    assert redecoded(text) == text
    assert unescaped(text) == text
    assert damage([text] * 10, "answers") == []


def test_damage_is_counted_with_an_example() -> None:
    texts = ["cafÃ© au lait"] * 3 + ["tea &amp; milk"] * 2 + ["water"] * 5
    first, second = damage(texts, "prompts")
    assert "prompts: 3 of 10" in first and "'cafÃ©' for 'café'" in first
    assert "prompts: 2 of 10" in second and "'&amp;' for '&'" in second
    assert unescaped(html.escape("<b> & </b>")) == "<b> & </b>"
