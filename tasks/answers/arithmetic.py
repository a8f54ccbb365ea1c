"""Written arithmetic inside a worked solution: checking it, and breaking it on purpose.

``14+23=37. 37-5=32.`` is two equations. A generated solution keeps to whole numbers
and to ``+ - * /`` so that every step can be checked without a gold answer.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

READ = 4_000
"""Characters of a solution that are checked, from its end."""
_EQUATION = re.compile(
    r"(?<![\d.+*/=-])(-?\d{1,9}(?: ?[-+*/×x] ?\d{1,9}){1,6}) ?= ?(-?\d{1,9})(?![\d.]*\d| ?[-+*/×])"
)
_TERM = re.compile(r"[-+*/×x]|\d+")


@dataclass(frozen=True)
class Steps:
    """What the equations of a text say."""

    right: bool
    """Every equation holds."""
    last: int
    """The number that the last equation arrives at."""


def steps_of(text: str) -> Steps | None:
    """Check the equations of a text; None when it has none."""
    found = list(_EQUATION.finditer(text[-READ:]))
    if not found:
        return None
    return Steps(all(_holds(m.group(1), m.group(2)) for m in found), int(found[-1].group(2)))


def _holds(left: str, right: str) -> bool:
    """Whether an equation is true, with the usual precedence; ``/`` must divide exactly."""
    terms = _TERM.findall(left)
    sign = 1
    if terms[0] == "-":
        sign, terms = -1, terms[1:]
    total, product = 0, sign * int(terms[0])
    for operator, digits in zip(terms[1::2], terms[2::2], strict=True):
        number = int(digits)
        if operator in "*×x":
            product *= number
        elif operator == "/":
            if number == 0 or product % number:
                return False
            product //= number
        else:
            total, product = total + product, number if operator == "+" else -number
    return total + product == int(right)


def broken(rng: random.Random, text: str) -> tuple[str, int] | None:
    """The text with its last equation made wrong, and the wrong number; None without equations."""
    found = list(_EQUATION.finditer(text))
    if not found:
        return None
    start, end = found[-1].span(2)
    right = int(text[start:end])
    wrong = right + rng.choice((-10, -2, -1, 1, 2, 10))
    wrong = wrong if wrong >= 0 else right + 3
    return text[:start] + str(wrong) + text[end:], wrong
