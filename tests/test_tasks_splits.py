"""Fingerprints, ids and seeded draws; and reaching into rows; and checking written steps."""

from __future__ import annotations

import random

import pytest

from tasks.answers.arithmetic import broken, steps_of
from tasks.columns import paths, pluck
from tasks.splits import content_id, draw_unique, fingerprint, seeded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How many pens?", "how  many PENS ?"),
        ("It costs 1,234 coins.", "it costs 1234 coins"),
        ("Find term 3.", "Find term three"),
        ("资产９０万元，负债30万元？", "资产 90 万元,负债 30 万元?"),
        ("a well-known rule", "a well known rule"),
        ("14 + 23", "14+23"),
        ("**Question** one", "question 1"),
        ("\u0664\u0662 cats", "42 cats"),
    ],
)
def test_same_text_to_a_reader(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)
    assert content_id(one) == content_id(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 5+3?", "What is 5-3?"),
        ("Edit CC=O", "Edit CC#O"),
        ("Edit CC(C)O", "Edit CCCO"),
        ("Find term 3.", "Find term 4."),
        ("1.5", "15"),
        ("x < 3", "x > 3"),
    ],
)
def test_different_questions(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_seeded_streams_depend_on_their_parts() -> None:
    assert seeded("a", 1).random() == seeded("a", 1).random()
    assert len({seeded("a", 1).random(), seeded("a", 2).random(), seeded("a1", "").random()}) == 3


def test_draws_are_unique_and_say_when_they_run_dry() -> None:
    taken = {fingerprint("3")}
    found = draw_unique(lambda rng, _: str(rng.randrange(6)), str, random.Random(0), 5, taken)
    assert sorted(found) == ["0", "1", "2", "4", "5"]
    with pytest.raises(ValueError, match="too small"):
        draw_unique(lambda rng, _: str(rng.randrange(6)), str, random.Random(0), 1, taken)


def test_pluck_reaches_into_rows() -> None:
    row = {
        "a.b": "dotted",
        "messages": [{"role": "user", "content": "hi"}],
        "meta": '{"reference": "CCO", "n": 3}',
        "answer": {"code": "102", "list": [1, 2]},
        "": 7,
    }
    assert pluck(row, "a.b") == "dotted"
    assert pluck(row, "messages.0.content") == "hi"
    assert pluck(row, "messages.-1.role") == "user"
    assert pluck(row, "meta.reference") == "CCO"
    assert pluck(row, "meta.n") == "3"
    assert pluck(row, "answer.list") == "[1, 2]"
    assert pluck(row, "") == "7"
    assert [
        pluck(row, path) for path in ("x", "messages.5.content", "meta.reference.x", "answer.list.x")
    ] == [None] * 4
    assert paths(row) == (
        "a.b",
        "messages.0.role",
        "messages.0.content",
        "meta.reference",
        "meta.n",
        "answer.code",
        "answer.list",
        "",
    )


@pytest.mark.parametrize(
    ("text", "right", "last"),
    [
        ("14+23=37.", True, 37),
        ("6*7=42. 47-42=5.", True, 5),
        ("6*7=42. 47-42=6.", False, 6),
        ("2+3*4=14", True, 14),
        ("12/4=3", True, 3),
        ("12/5=2", False, 2),
        ("5/0=0", False, 0),
        ("3-10=-7", True, -7),
        ("90-30=60。答案：B", True, 60),
        ("1+1+1 = 3, so 3 x 4 = 12", True, 12),
    ],
)
def test_equations_are_checked(text: str, right: bool, last: int) -> None:
    steps = steps_of(text)
    assert steps is not None
    assert (steps.right, steps.last) == (right, last)


@pytest.mark.parametrize("text", ["", "no numbers", "x+y=z", "1.5+1.5=3.0", "the score was 3-2"])
def test_other_text_holds_no_equations(text: str) -> None:
    assert steps_of(text) is None


def test_a_broken_solution_is_wrong_in_its_last_step_only() -> None:
    text, wrong = broken(random.Random(1), "6*7=42. 47-42=5.") or ("", 5)
    assert text.startswith("6*7=42. 47-42=")
    assert wrong != 5
    steps = steps_of(text)
    assert steps is not None
    assert (steps.right, steps.last) == (False, wrong)
    assert broken(random.Random(1), "nothing") is None
