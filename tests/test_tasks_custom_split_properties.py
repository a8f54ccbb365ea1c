"""Splits by content: each row on one side with its kin, in any order of the file, and in a longer one."""

from __future__ import annotations

import hashlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.custom.split_rows import LEAST_ROWS, TEST_SHARE, VALIDATION_SHARE, split_rows

FEWER = settings(max_examples=settings().max_examples // 4, deadline=None)
"""A table takes a hundred times longer to split than a number to read."""
SIDES = ("train", "validation", "test")

LETTERS = str.maketrans("0123456789", "ghijklmnop")


def sentence(number: int, words: int = 24) -> str:
    """A text that shares no word with another number's; without digits, which make another question."""
    marks = (hashlib.sha256(f"{number} {word}".encode()).hexdigest()[:8] for word in range(words))
    return " ".join(mark.translate(LETTERS) for mark in marks)


def sides(prompts: list[str], groups: list[str] | None = None) -> list[str]:
    """The side of each row."""
    found = [""] * len(prompts)
    for name, part in zip(SIDES, split_rows(prompts, groups or []), strict=True):
        for place in part:
            assert not found[place], "a row stands on two sides"
            found[place] = name
    assert all(found)
    return found


NUMBERS = st.lists(st.integers(0, 10**6), min_size=1, max_size=70, unique=True)


@FEWER
@given(NUMBERS, st.data())
def test_near_copies_stay_on_one_side(numbers: list[int], data: st.DataObject) -> None:
    originals = data.draw(st.lists(st.sampled_from(numbers), max_size=8))
    base = [sentence(number) for number in numbers]
    copies = [
        data.draw(
            st.sampled_from(
                [
                    text.upper() + "!",
                    text.rsplit(" ", 1)[0] + " changed",
                    "well, " + text,
                    text.replace(" ", "  "),
                ]
            )
        )
        for text in (sentence(number) for number in originals)
    ]
    found = sides(base + copies)
    for place, number in enumerate(originals):
        assert found[len(base) + place] == found[numbers.index(number)]


@FEWER
@given(NUMBERS, st.integers(1, 12), st.integers(0, 10**6))
def test_rows_of_a_group_stay_on_one_side(numbers: list[int], count: int, seed: int) -> None:
    rng = random.Random(seed)
    groups = [rng.choice(["", *(f"g{n}" for n in range(count))]) for _ in numbers]
    found = sides([sentence(number, 6) for number in numbers], groups)
    for name in {*groups} - {""}:
        assert len({side for side, group in zip(found, groups, strict=True) if group == name}) == 1


@FEWER
@given(NUMBERS, st.integers(0, 10**6), st.integers(1, 20))
def test_the_order_of_the_rows_changes_nothing(numbers: list[int], seed: int, count: int) -> None:
    rng = random.Random(seed)
    rows = [
        (sentence(number % 90, 8 + number % 5), f"g{number % count}" if number % 3 else "")
        for number in numbers
    ]
    shuffled = rng.sample(rows, len(rows))
    one, other = (
        sorted(zip(some, sides([text for text, _ in some], [group for _, group in some]), strict=True))
        for some in (rows, shuffled)
    )
    assert one == other


@FEWER
@given(NUMBERS, st.lists(st.integers(10**6, 2 * 10**6), max_size=70, unique=True))
def test_added_rows_make_no_trained_row_a_measuring_one(numbers: list[int], added: list[int]) -> None:
    before = sides([sentence(number, 6) for number in numbers])
    after = sides([sentence(number, 6) for number in numbers + added])[: len(numbers)]
    if len(numbers) >= LEAST_ROWS:
        assert not [
            number for number, *both in zip(numbers, before, after, strict=True) if both == ["train", "test"]
        ]
        assert not [
            n for n, *both in zip(numbers, before, after, strict=True) if both == ["train", "validation"]
        ]
        assert not [
            n for n, *both in zip(numbers, before, after, strict=True) if both == ["validation", "test"]
        ]


@FEWER
@given(st.integers(LEAST_ROWS, 200), st.integers(0, 10**6))
def test_every_part_has_rows_and_about_its_share(count: int, seed: int) -> None:
    found = sides([sentence(1000 * seed + number, 5) for number in range(count)])
    for side, share, least in (("test", TEST_SHARE, 6), ("validation", VALIDATION_SHARE, 4)):
        held = found.count(side)
        deviation = (count * share * (1 - share)) ** 0.5
        assert held >= least
        assert abs(held - share * count) <= 6 * deviation + least
