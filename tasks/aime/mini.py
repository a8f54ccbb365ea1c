"""Generator of the synthetic edition of ``aime25``: eleven kinds of one-line problems.

Answers are whole numbers from 0 to 999, as in the competition, but small. Worked
solutions write each step as an equation, so that steps can be checked.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.answers.arithmetic import broken
from tasks.mini.edits import edit_prose
from tasks.synthetic import Item

SOURCE_NAMES = (
    "harvest-2021",
    "forum-export",
    "blue-notebook",
    "northgate-drills",
    "mathclub-archive",
    "copperfield-set",
    "tuesday-problems",
    "lantern-mix",
    "riverside-quiz",
)
CARD_TOPICS = (
    "practice problems for competition classes",
    "short arithmetic word problems",
    "school exercises",
)


@dataclass(frozen=True)
class Difficulty:
    """Ranges of the numbers in the problems, both ends included."""

    addend: tuple[int, int] = (3, 49)
    minuend: tuple[int, int] = (21, 79)
    factor: tuple[int, int] = (2, 9)
    remainder_dividend: tuple[int, int] = (10, 59)
    remainder_divisor: tuple[int, int] = (3, 9)
    sequence_first: tuple[int, int] = (1, 20)
    sequence_step: tuple[int, int] = (2, 6)
    sequence_place: tuple[int, int] = (3, 9)
    side: tuple[int, int] = (2, 15)
    compared: tuple[int, int] = (2, 99)
    gcd_unit: tuple[int, int] = (2, 9)
    gcd_multiple: tuple[int, int] = (1, 5)
    digits_of: tuple[int, int] = (11, 399)


DIFFICULTY = Difficulty()

_NAMES = ("Ann", "Bob", "Eve", "Tom", "Mia", "Sam", "Leo", "Ida")
_THINGS = (
    "pens",
    "books",
    "coins",
    "cards",
    "eggs",
    "stamps",
    "apples",
    "cups",
    "shells",
    "keys",
    "balls",
    "maps",
)

Problem = tuple[str, int, str]
"""Question, answer, worked steps."""


def _of(rng: random.Random, bounds: tuple[int, int]) -> int:
    return rng.randint(*bounds)


def _sum(rng: random.Random, d: Difficulty) -> Problem:
    a, b = _of(rng, d.addend), _of(rng, d.addend)
    name, things = rng.choice(_NAMES), rng.choice(_THINGS)
    question = rng.choice(
        (
            f"A shop sells {a} {things} on Monday and {b} on Tuesday. How many {things} is that?",
            f"{name} has {a} {things} and finds {b} more. How many {things} does {name} have now?",
        )
    )
    return question, a + b, f"{a}+{b}={a + b}."


def _difference(rng: random.Random, d: Difficulty) -> Problem:
    a = _of(rng, d.minuend)
    b = rng.randint(2, a - 1)
    name, things = rng.choice(_NAMES), rng.choice(_THINGS)
    question = rng.choice(
        (
            f"{name} has {a} {things} and gives {b} away. How many {things} are left?",
            f"A box holds {a} {things}. {name} takes {b} out. How many {things} are left?",
        )
    )
    return question, a - b, f"{a}-{b}={a - b}."


def _product(rng: random.Random, d: Difficulty) -> Problem:
    a, b = _of(rng, d.factor), _of(rng, d.factor)
    name, things = rng.choice(_NAMES), rng.choice(_THINGS)
    question = rng.choice(
        (
            f"There are {a} boxes with {b} {things} each. How many {things} is that?",
            f"{name} buys {a} bags of {b} {things}. How many {things} is that?",
        )
    )
    return question, a * b, f"{a}*{b}={a * b}."


def _remainder(rng: random.Random, d: Difficulty) -> Problem:
    a, b = _of(rng, d.remainder_dividend), _of(rng, d.remainder_divisor)
    things = rng.choice(_THINGS)
    question = rng.choice(
        (
            f"Find the remainder when {a} is divided by {b}.",
            f"{a} {things} are packed in boxes of {b}. How many {things} are left over?",
        )
    )
    whole = a // b * b
    return question, a % b, f"{b}*{a // b}={whole}. {a}-{whole}={a % b}."


def _sequence(rng: random.Random, d: Difficulty) -> Problem:
    first, step, place = _of(rng, d.sequence_first), _of(rng, d.sequence_step), _of(rng, d.sequence_place)
    name, things = rng.choice(_NAMES), rng.choice(_THINGS)
    question = rng.choice(
        (
            f"A sequence starts with {first} and grows by {step} each time. Find term {place}.",
            f"{name} has {first} {things} on day 1 and gets {step} a day. How many {things} on day {place}?",
        )
    )
    grown = (place - 1) * step
    return (
        question,
        first + grown,
        f"{place}-1={place - 1}. {place - 1}*{step}={grown}. {first}+{grown}={first + grown}.",
    )


def _perimeter(rng: random.Random, d: Difficulty) -> Problem:
    a, b = _of(rng, d.side), _of(rng, d.side)
    what = rng.choice(("rectangle", "field", "garden", "room", "table", "court", "card", "park"))
    return (
        f"A {what} is {a} by {b}. Find its perimeter.",
        2 * (a + b),
        f"{a}+{b}={a + b}. {a + b}*2={2 * (a + b)}.",
    )


def _area(rng: random.Random, d: Difficulty) -> Problem:
    a, b = _of(rng, d.factor), _of(rng, d.factor)
    what = rng.choice(("rectangle", "field", "garden", "room", "table", "court", "card", "park"))
    who = rng.choice(("", f"{rng.choice(_NAMES)} draws it. "))
    return f"A {what} is {a} by {b}. {who}Find its area.", a * b, f"{a}*{b}={a * b}."


def _extreme(rng: random.Random, d: Difficulty) -> Problem:
    numbers = rng.sample(range(d.compared[0], d.compared[1] + 1), 3)
    word, pick = rng.choice((("largest", max), ("smallest", min)))
    listed = ", ".join(map(str, numbers))
    question = rng.choice(
        (
            f"Find the {word} of the numbers {listed}.",
            f"Three cards show {listed}. What is the {word} number on a card?",
        )
    )
    return question, pick(numbers), f"{', '.join(map(str, sorted(numbers)))}."


def _median(rng: random.Random, d: Difficulty) -> Problem:
    numbers = rng.sample(range(d.compared[0], d.compared[1] + 1), 3)
    listed = ", ".join(map(str, numbers))
    question = rng.choice(
        (f"Find the median of {listed}.", f"{listed} are put in order. Which is in the middle?")
    )
    low, middle, high = sorted(numbers)
    return question, middle, f"{low}, {middle}, {high}."


def _gcd(rng: random.Random, d: Difficulty) -> Problem:
    unit = _of(rng, d.gcd_unit)
    a, b = sorted((unit * _of(rng, d.gcd_multiple), unit * _of(rng, d.gcd_multiple)), reverse=True)
    if a == b:
        a += unit
    name = rng.choice(_NAMES)
    question = rng.choice(
        (
            f"Find the greatest common divisor of {a} and {b}.",
            f"{name} cuts ropes of {a} m and {b} m into equal parts. How long can a part be at most?",
        )
    )
    steps, big, small = [], a, b
    while big != small:
        steps.append(f"{big}-{small}={big - small}.")
        big, small = max(small, big - small), min(small, big - small)
    return question, math.gcd(a, b), " ".join(steps)


def _digits(rng: random.Random, d: Difficulty) -> Problem:
    n = _of(rng, d.digits_of)
    total, steps = int(str(n)[0]), []
    for digit in str(n)[1:]:
        steps.append(f"{total}+{digit}={total + int(digit)}.")
        total += int(digit)
    question = rng.choice(
        (f"Find the sum of the digits of {n}.", f"Add the digits of the number {n}. What is the sum?")
    )
    return question, total, " ".join(steps)


KINDS: tuple[tuple[str, Callable[[random.Random, Difficulty], Problem]], ...] = (
    ("sum", _sum),
    ("difference", _difference),
    ("product", _product),
    ("remainder", _remainder),
    ("sequence", _sequence),
    ("perimeter", _perimeter),
    ("area", _area),
    ("extreme", _extreme),
    ("median", _median),
    ("gcd", _gcd),
    ("digits", _digits),
)


def draw(rng: random.Random, index: int) -> Item:
    """One problem of kind ``index``, counted round."""
    kind, make = KINDS[index % len(KINDS)]
    question, answer, steps = make(rng, DIFFICULTY)
    return Item({"question": question}, str(answer), steps, "aime2025", str(answer), {"kind": kind})


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns ``question`` and ``answer``, and ``solution`` where there is one."""
    row = {"question": item.columns["question"], "answer": answer}
    return {"question": row["question"], "solution": reasoning, "answer": answer} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """A near miss: off by a little, off by ten, or with the digits turned round."""
    right = int(item.answer)
    turned = int(item.answer[::-1])
    options = {right + 1, right - 1, right + 2, right - 2, right + 10, right - 10, turned, right + 5} - {
        right
    }
    return str(rng.choice(sorted(n for n in options if 0 <= n <= 999)))


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right answer without a box."""
    return rng.choice(("The answer is {}.", "Answer: {}", "It is {} in total.", "{}", "We get {}.")).format(
        item.answer
    )


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A slip in the last step, carried into the answer."""
    slip = broken(rng, item.reasoning)
    return (str(slip[1]), slip[0]) if slip else None


_SWAPS = (
    ("Find ", "Determine "),
    ("How many ", "What number of "),
    ("A shop ", "The shop "),
    (" is that?", " are that?"),
    (" more.", " others."),
    ("There are ", "We have "),
    (" gives ", " hands "),
    ("positive divisors", "divisors"),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The question with other case, spaces, punctuation or filler."""
    return {"question": edit_prose(rng, columns["question"], _SWAPS, ("Practice: ", "Problem. ", "Q: "))}
